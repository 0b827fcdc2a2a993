"""The addresses of sockets."""

from typing import Any

from channels.routing import URLRouter
from django.conf import settings
from django.urls import re_path

from game import consumers, handshake, profanity
from game.background import background, stop_background
from game.console import socket as console

# Django's re_path is typed for views; Channels routes any ASGI application by it.
_path: Any = re_path

websocket = URLRouter(
    [
        _path(r"^ws/room/(?P<room>[a-z0-9]{4,12})/$", consumers.room),
        _path(r"^ws/live/$", consumers.live),
        _path(r"^ws/metrics/$", console.page),
        _path(r"^ws/metrics/(?P<room>[a-z0-9]{4,12})/$", console.window),
        _path(r"", handshake.refuse),  # daphne answers an unrouted path with a traceback
    ]
)


async def startup() -> None:
    """Begin the background work before the first socket comes; a runner may call it."""
    # Its tables are made now, in 80 ms, and not while others play and somebody is first to join.
    profanity.refused("", settings.KOGAME_REFUSED_NAMES)
    background()


async def shutdown() -> None:
    """End the background work after the last socket has gone; a runner may call it."""
    await stop_background()
