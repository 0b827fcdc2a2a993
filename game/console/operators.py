"""Who is on the console's sockets: let in by session and permission, and looked at ever again.

A log-out, a permission that was taken away and an account that was disabled reach open sockets
within five seconds: one thread for all reads their sessions again every RECHECK seconds.
"""

import asyncio
import functools
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib import import_module

from channels.db import database_sync_to_async
from django.conf import settings
from django.contrib import auth
from django.db import Error as DatabaseError
from django.http import HttpRequest
from django.http.cookie import parse_cookie

from game import handshake, metrics, protocol, sinks
from game.admission import Guest
from game.background import forever
from game.console.each_loop import each_loop
from game.console.permission import VIEW, may
from game.ending import end
from game.handshake import Application, Receive, Scope, Served, header

RECHECK = 3.0  # s between looks at the sessions; with the look itself, below the five promised
CHECK_SECONDS = 2.0  # a look may take that long: then the database counts as away
# s for which an operator whose session was good stays in while the database is away: it is then
# that the page is needed, and nobody can take a permission away in a database that is away.
TRUSTED = 60.0
SOCKETS_MOST = 100  # in one process: nine operators with ten open rooms each
FULL = "Too many Metrics pages are open. This one asks each second instead."


@dataclass(eq=False)
class Operator:
    """An open socket of the console."""

    session: str
    guest: Guest
    checked: float = field(default_factory=time.monotonic)  # when the session was last good


def may_see(session: str) -> bool:
    """Whether whom a session belongs to may see the metrics now; raises DatabaseError."""
    if not session:
        return False
    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(session)
    return may(auth.get_user(request), VIEW)


class Operators:
    """The console's open sockets on one event loop."""

    def __init__(self) -> None:
        self._inside: set[Operator] = set()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="operators")
        self._may_see = database_sync_to_async(
            may_see, thread_sensitive=False, executor=self._thread
        )
        self._checking: asyncio.Task[None] | None = None

    async def may_see(self, session: str) -> bool:
        """Whether a session is good; raises DatabaseError or TimeoutError where nobody knows."""
        async with asyncio.timeout(CHECK_SECONDS):
            return bool(await self._may_see(session))

    def enter(self, operator: Operator) -> None:
        """Let one in who may see; `leave` must follow. One too many gets a verdict at once."""
        if len(self._inside) >= SOCKETS_MOST:
            metrics.count("web.console_refused")
            operator.guest.close(protocol.CROWDED, FULL)
        self._inside.add(operator)
        metrics.gauge("web.console_pages", len(self._inside))
        if self._checking is None:
            self._checking = asyncio.create_task(forever(self._check))

    async def leave(self, operator: Operator) -> None:
        """One is gone."""
        self._inside.discard(operator)
        metrics.gauge("web.console_pages", len(self._inside))
        if not self._inside and self._checking is not None:
            checking, self._checking = self._checking, None
            await end([checking])

    async def _check(self) -> None:
        """Turn out who may not see any more, until cancelled."""
        while True:
            await asyncio.sleep(RECHECK)
            good: dict[str, bool | None] = {}
            for operator in [*self._inside]:
                if operator.session not in good:
                    good[operator.session] = await self._is_good(operator.session)
                self._judge(operator, good[operator.session])

    async def _is_good(self, session: str) -> bool | None:
        """Whether a session is good; None where the database does not tell."""
        try:
            return await self.may_see(session)
        except (DatabaseError, TimeoutError):
            return None

    def _judge(self, operator: Operator, good: bool | None) -> None:
        now = time.monotonic()
        if good:
            operator.checked = now
        elif good is False or now - operator.checked > TRUSTED:
            operator.guest.close(protocol.SHUT_OUT)


@each_loop
def operators() -> Operators:
    """The running loop's."""
    return Operators()


def door(serve: Served) -> Application:
    """Let in who comes from Kogame's own pages and may see the metrics; the others get 403."""

    @functools.wraps(serve)
    async def guarded(scope: Scope, receive: Receive, send: sinks.Send) -> None:
        cookies, here = parse_cookie(header(scope, b"cookie")), operators()
        session = cookies.get(settings.SESSION_COOKIE_NAME, "")
        try:
            good = handshake.same_origin(scope) and await here.may_see(session)
        except (DatabaseError, TimeoutError):
            good = False  # the page asks by HTTP instead, and is told what is the matter
        if not good:
            metrics.count("web.console_refused")
            await handshake.refuse(scope, receive, send)
            return
        operator = Operator(session, Guest("operator", ""))
        here.enter(operator)
        try:
            await receive()
            await send({"type": "websocket.accept"})
            await serve(scope, receive, send, operator.guest)
        finally:
            await here.leave(operator)

    return guarded
