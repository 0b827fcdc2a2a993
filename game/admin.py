"""Lists of what is stored, to look at: what happened stays; only a false life can be removed."""

from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from game import banning, scores, store, tasks
from game.models import AuditEntry, Ban, Life, Match, Player, Standing

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Any]
else:
    ModelAdmin = admin.ModelAdmin  # generic for the type checker only


class ReadOnly(ModelAdmin):
    """To look at, whatever permissions somebody has."""

    show_full_result_count = False  # counting a million rows to say so is a second each time
    list_per_page = 50
    id_fields: tuple[str, ...] = ()  # what a search for a whole id looks at

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """An id is looked up as one: as text, it would be a scan, and miss without its dashes."""
        try:
            id = UUID(search_term.strip())
        except ValueError:
            return super().get_search_results(request, queryset, search_term)
        if not self.id_fields:
            return super().get_search_results(request, queryset, search_term)
        return queryset.filter(Q.create([(f, id) for f in self.id_fields], connector=Q.OR)), False

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody: rows come from the game."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody: what happened has happened."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody: cleaning up is the tasks' work."""
        return False


class InForce(admin.SimpleListFilter):
    """Bans that hold now, or that are over."""

    title = "whether it holds"
    parameter_name = "holds"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """What to choose from."""
        return [("yes", "In force"), ("no", "Over")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The bans chosen."""
        if self.value() is None:
            return queryset
        return queryset.filter(banning.in_force() if self.value() == "yes" else ~banning.in_force())


@admin.register(Player)
class PlayerAdmin(ReadOnly):
    """Guests whose lives were saved."""

    list_display = ("name", "colour", "first_seen", "last_seen", "page")
    search_fields = ("^name",)
    id_fields = ("id",)
    search_help_text = "The beginning of a name, or a whole player id."
    date_hierarchy = "last_seen"
    ordering = ("-last_seen",)

    @admin.display(description="")
    def page(self, player: Player) -> str:
        """A link to the player's public page."""
        return format_html('<a href="{}">page</a>', reverse("game:player", args=[player.pk]))


@admin.register(Match)
class MatchAdmin(ReadOnly):
    """Matches, newest first."""

    list_display = ("id", "game", "room", "lives", "first_life_at", "last_life_at")
    list_filter = ("game",)
    search_fields = ("=room",)
    id_fields = ("id",)
    search_help_text = "A whole match id or room code."
    date_hierarchy = "last_life_at"
    ordering = ("-last_life_at",)


@admin.register(Life)
class LifeAdmin(ReadOnly):
    """Finished lives; one that was cheated can be removed, and its standings go with it."""

    list_display = (
        *("name", "player", "score", "length", "kills", "seconds", "cause", "by"),
        *("ended_at", "match"),
    )
    list_display_links = ("name",)
    list_filter = ("cause", "match__game")
    list_select_related = ("player", "match")
    search_fields = ("^name", "=id", "=match__room")
    id_fields = ("player", "match")
    search_help_text = "The beginning of a name, a whole life, player or match id, or a room code."
    date_hierarchy = "ended_at"
    ordering = ("-ended_at",)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Who holds the permission `game.delete_life`."""
        return request.user.has_perm("game.delete_life")

    def delete_model(self, request: HttpRequest, obj: Life) -> None:
        """Remove one life."""
        self._remove(request, [obj])

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Life]) -> None:
        """Remove the lives that were ticked."""
        self._remove(request, list(queryset))

    def _remove(self, request: HttpRequest, lives: list[Life]) -> None:
        with transaction.atomic():
            scores.remove(life.pk for life in lives)
            for life in lives:
                said = f"{life.name}: score {life.score}, length {life.length}, kills {life.kills}"
                AuditEntry.record(request.user, "remove life", life.pk, said)
            tasks.after_commit(tasks.announce)


@admin.register(Standing)
class StandingAdmin(ReadOnly):
    """Players' bests; derived, `manage.py scores verify` compares them with the lives."""

    list_display = ("player", "period", "start", "score", "length", "kills")
    list_filter = ("period",)
    list_select_related = ("player",)
    search_fields = ("^player__name",)
    id_fields = ("player",)
    search_help_text = "The beginning of a name, or a whole player id."
    date_hierarchy = "start"
    ordering = ("-start", "period", "-score")


@admin.register(Ban)
class BanAdmin(ModelAdmin):
    """Bans: each is in force as soon as it is saved, and over as soon as it is deleted."""

    list_display = ("whom", "until", "in_force", "reason", "address", "by")
    list_filter = (InForce,)
    search_fields = ("^name", "=address", "=player", "=by", "reason")
    search_help_text = "The beginning of a name, or a whole player id, address or operator."
    date_hierarchy = "at"
    ordering = ("-at",)
    fields = ("player", "name", "address", "until", "reason")

    @admin.display(description="whom")
    def whom(self, ban: Ban) -> str:
        """The name, or else what there is."""
        return str(ban)

    @admin.display(boolean=True)
    def in_force(self, ban: Ban) -> bool:
        """Whether it still holds."""
        return banning.holds(ban)

    def save_model(self, request: HttpRequest, obj: Ban, form: Any, change: bool) -> None:
        """Ban, or change a ban."""
        if not change:
            obj.by = request.user.get_username()
        super().save_model(request, obj, form, change)
        self._tell(request, "change ban" if change else "ban", [obj])

    def delete_model(self, request: HttpRequest, obj: Ban) -> None:
        """Lift one ban."""
        with transaction.atomic():
            self._tell(request, "lift ban", [obj])
            super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Ban]) -> None:
        """Lift the bans that were ticked."""
        with transaction.atomic():
            self._tell(request, "lift ban", list(queryset))
            super().delete_queryset(request, queryset)

    def _tell(self, request: HttpRequest, action: str, bans: list[Ban]) -> None:
        """Put it on record, and tell the web processes once it is committed."""
        for ban in bans:
            until = f"until {ban.until:%Y-%m-%d %H:%M} UTC" if ban.until else "for good"
            said = f"{ban.name}, {until}, address {ban.address or 'any'}: {ban.reason}"
            AuditEntry.record(request.user, action, str(ban.player or ban.address), said)

        def mirror() -> None:
            try:
                banning.mirror()
            except store.FAILURES as error:
                said = f"{store.words(error)} It is saved, and counts when Redis is back."
                self.message_user(request, said, messages.WARNING)

        transaction.on_commit(mirror)


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnly):
    """Who pulled which lever, and when."""

    list_display = ("at", "who_name", "action", "target", "detail")
    list_filter = ("action", ("who", admin.RelatedOnlyFieldListFilter))
    search_fields = ("=who_name", "=target", "detail")
    date_hierarchy = "at"
    ordering = ("-at",)
