"""The game's addresses."""

from uuid import UUID

from django.urls import path, register_converter

from game import probes, views


class PlayerConverter:
    """A player's id with or without dashes; Kogame's own links have none."""

    regex = "[0-9a-fA-F]{32}|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"

    def to_python(self, value: str) -> UUID:
        """The id in an address."""
        return UUID(value)

    def to_url(self, value: UUID | str) -> str:
        """The address's form of an id."""
        return UUID(str(value)).hex


register_converter(PlayerConverter, "player")

app_name = "game"
urlpatterns = [
    path("", views.lobby, name="lobby"),
    path("r/<slug:room>/", views.room, name="room"),
    path("leaderboard/", views.leaderboard, name="leaderboard"),
    path("player/<player:player>/", views.player, name="player"),
    path("how/", views.how, name="how"),
    path("api/play", views.play, name="play"),
    path("api/rooms", views.create_room, name="create_room"),
    path("api/boards/", views.boards, name="boards"),
    path("api/lives/<str:life>/", views.life, name="life"),
    path("healthz", probes.healthz, name="healthz"),
    path("readyz", probes.readyz, name="readyz"),
]
