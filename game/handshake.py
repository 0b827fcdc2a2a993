"""How a socket opens: from Kogame's own pages alone, and past the door's limits and bans."""

import functools
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.http.cookie import parse_cookie
from structlog.contextvars import bind_contextvars

from game import addresses, identity, metrics, sinks
from game.admission import Guest
from game.background import background

SOCKETS_BOUND = 5_000  # open in one process, some 30 kB each; a core serves 3,000 at 20 frames/s

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Application = Callable[[Scope, Receive, sinks.Send], Awaitable[None]]
Served = Callable[[Scope, Receive, sinks.Send, Guest], Awaitable[None]]


def header(scope: Scope, name: bytes) -> str:
    """A request header as text; "" when it is not there."""
    return next((value.decode("latin1") for key, value in scope["headers"] if key == name), "")


def same_origin(scope: Scope) -> bool:
    """Whether the page that opened this socket is Kogame's own, or of a trusted origin."""
    origin = header(scope, b"origin")
    if origin in settings.CSRF_TRUSTED_ORIGINS:
        return True
    return bool(origin) and urlsplit(origin).netloc == header(scope, b"host")


def player_of(scope: Scope) -> UUID | None:
    """The guest whose signed cookie came with the handshake."""
    return identity.read(parse_cookie(header(scope, b"cookie")).get(identity.COOKIE, ""))


async def refuse(scope: Scope, receive: Receive, send: sinks.Send) -> None:
    """Answer a handshake with 403."""
    await receive()
    metrics.count("web.refused")
    await send({"type": "websocket.close"})


async def turn_away(scope: Scope, receive: Receive, send: sinks.Send) -> None:
    """Answer a handshake with 503, after which a proxy asks another process; else with 403."""
    if "websocket.http.response" not in scope.get("extensions", {}):
        await refuse(scope, receive, send)
        return
    await receive()
    metrics.count("web.refused")
    await send({"type": "websocket.http.response.start", "status": 503, "headers": []})
    await send({"type": "websocket.http.response.body", "body": b""})


def name_in_logs(scope: Scope, guest: Guest) -> None:
    """Have every line of this connection's own task, and of those it starts, say whom it is of."""
    about = {"player": guest.player, "room": scope["url_route"]["kwargs"].get("room")}
    bind_contextvars(**{name: value for name, value in about.items() if value})


def guest_of(scope: Scope) -> Guest:
    """Who stands at the door."""
    player, client = player_of(scope), scope.get("client")
    return Guest(player.hex if player else "", addresses.household(client[0] if client else ""))


def door(serve: Served) -> Application:
    """Let in who comes from Kogame's own pages, while there is space; the others get 403.

    Who has too many sockets, or is banned, is let in too, with a verdict: a page can read a close
    code and a sentence, but not why a handshake failed.
    """

    @functools.wraps(serve)
    async def guarded(scope: Scope, receive: Receive, send: sinks.Send) -> None:
        work = background()
        if not same_origin(scope) or work.sockets >= SOCKETS_BOUND:
            await refuse(scope, receive, send)
            return
        if work.admission.drained:
            await turn_away(scope, receive, send)
            return
        work.sockets += 1
        guest = guest_of(scope)
        name_in_logs(scope, guest)
        work.admission.enter(guest)
        try:
            await receive()
            await send({"type": "websocket.accept"})
            await serve(scope, receive, send, guest)
        finally:
            work.admission.leave(guest)
            work.sockets -= 1

    return guarded
