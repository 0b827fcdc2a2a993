"""The web process: daphne's server, with limits, a graceful end and the way to the raw socket.

Run it with `python -m kogame.server --port 8000`. What it adds to daphne:

- each WebSocket's protocol is in `scope["extensions"]["kogame.socket"]`, for direct writes, and to
  take messages beneath ASGI (see intake.py);
- on SIGTERM every open WebSocket is closed with 4012 ("restarting") before the process ends;
- clients that dawdle over a request or send too much are cut off (see patience.py);
- forwarded headers count only when they come from a proxy that the settings name.
"""

# isort: off
import daphne.server  # first: it installs Twisted's reactor on an asyncio loop

# isort: on
import argparse
import asyncio
import contextlib
import gc
import importlib
import logging
import os
import random
import resource
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

import setproctitle
from autobahn.websocket.types import ConnectionDeny
from daphne.endpoints import build_endpoint_description_strings
from daphne.ws_protocol import WebSocketProtocol
from django.conf import settings
from twisted.internet import reactor
from twisted.web import http
from twisted.web.http import _GenericHTTPChannelProtocol

from game import metrics
from kogame import intake, patience
from kogame.proxies import Proxies
from kogame.turns import Turns

log = logging.getLogger("kogame.server")

TOO_MANY = 4008  # close code: the client flooded
RESTARTING = 4012  # close code: the page reconnects by itself (autobahn refuses 1012)
MESSAGE_BYTES = 4096  # the wire's own limit on what a client may send
# Messages of a client that wait for the application, which takes all that wait at each turn of the
# loop and allows 40 at once: more wait only while it looks a room up, or when a client floods.
WAITING_BOUND = 64
PONG_EVERY = 1.0  # s; browsers send no pings, and a client that sends many may not read its pongs
SPREAD_SECONDS = 0.5  # over which a drain spreads its closes, so that not all come back at once
DRAIN_SECONDS = 8.0  # a drain that takes longer is cut: below the 10 s most supervisors grant
HOOK_SECONDS = 10.0  # the background work's own start and stop
HANDSHAKE_SECONDS = 5.0  # from connection to an open WebSocket
PING_SECONDS = 20  # a socket silent that long is asked whether it lives …
PONG_SECONDS = 20  # … and cut when it has not answered by then
ANSWER_SECONDS = 30  # a page that takes longer is answered with 503
# Connections that wait to be accepted. Twisted's 50 overflow when a thousand players come at once,
# and whoever is dropped tries again a second later. The system may allow fewer (somaxconn).
BACKLOG = 4096
EXIT_PORT = 69  # EX_UNAVAILABLE, as in sysexits: the port is taken


class GameSocket(WebSocketProtocol):  # type: ignore[misc]  # daphne is untyped
    """A WebSocket that tells a client why it is closed, and may send more than it may receive.

    Its application may take messages beneath ASGI: see `hand_to`.
    """

    maxMessagePayloadSize: int  # bytes; the factory sets it
    reader: intake.Reader | None = None
    _ponged = 0.0  # when the last ping was answered
    _taker: intake.Taker | None = None
    _queued = False  # whether messages may wait by ASGI: to look would be memory more to wait for

    def hand_to(self, taker: intake.Taker | None) -> None:
        """Give messages to a function as they come; those that it does not take come by ASGI.

        It gets b"" for a text, and is called again for a message that it did not take.
        """
        self._taker, self._queued = taker, True
        if taker is not None and self.reader is None:
            self.reader = intake.read_directly(self, self.server.long_way)

    def taken(self, payload: bytes) -> bool:
        """Whether the application took a message at once; what waits by ASGI comes first."""
        if self._taker is None:
            return False
        if self._queued and not self.application_queue.empty():
            return False
        self._queued = False
        try:
            took = self._taker(payload)
        except Exception:  # as when an application fails that is called by ASGI
            log.exception("a message could not be handled")
            self.sendCloseFrame(code=1011)
            return True
        if took:
            self.last_ping = time.time()
        return took

    def connectionLost(self, *reason: Any) -> None:
        """Note the end of the connection, and be no part of a circle of references from now on."""
        super().connectionLost(*reason)
        if self.reader is not None:
            intake.let_go(self)
        # What the collector finds old it looks at once in days: see `_start_hook`.
        self.reader = self.is_open = self.is_closed = None

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        """Hand a message on; a client that sends faster than it is served is closed."""
        if self.state != self.STATE_OPEN:
            return  # nobody will read it
        if self.taken(payload if isBinary else b""):
            return
        if self.application_queue.qsize() >= WAITING_BOUND:
            metrics.count("web.flooded")
            self.sendClose(code=TOO_MANY, reason="Too many messages in a short time.")
            return
        self._queued = True
        super().onMessage(payload, isBinary)

    def onPing(self, payload: bytes) -> None:
        """Answer a ping, but not as fast as a client may send them."""
        now = time.monotonic()
        if now - self._ponged > PONG_EVERY:
            self._ponged = now
            super().onPing(payload)

    def sendMessage(self, payload: bytes, *args: Any, **options: Any) -> None:
        """Send a message of any size: autobahn holds the limit on what comes in against both."""
        limit, self.maxMessagePayloadSize = self.maxMessagePayloadSize, 0
        try:
            super().sendMessage(payload, *args, **options)
        finally:
            self.maxMessagePayloadSize = limit

    def handle_reply(self, message: dict[str, Any]) -> None:
        """Act on an ASGI message of the application."""
        kind = message.get("type")
        if kind == "websocket.close" and self.state == self.STATE_OPEN:
            self.sendClose(message.get("code") or 1000, message.get("reason") or None)
        elif kind == "websocket.http.response.start":
            self.deny(message["status"])
        else:
            super().handle_reply(message)

    def deny(self, status: int) -> None:
        """Answer a handshake with an HTTP status; daphne knows 403 alone."""
        self.handshake_deferred.errback(ConnectionDeny(status, http.RESPONSES[status].decode()))
        del self.handshake_deferred
        self.server.protocol_disconnected(self)


class Server(daphne.server.Server):  # type: ignore[misc]  # daphne is untyped
    """Daphne's server with Kogame's limits, drain and background work."""

    def __init__(self, application: Any, endpoints: list[str], proxies: Proxies) -> None:
        super().__init__(
            application,
            endpoints=endpoints,
            signal_handlers=False,
            http_timeout=ANSWER_SECONDS,
            websocket_timeout=-1,  # a game may go on for more than daphne's day
            websocket_connect_timeout=HANDSHAKE_SECONDS,
            websocket_handshake_timeout=HANDSHAKE_SECONDS,
            websocket_max_message_size=MESSAGE_BYTES,
            websocket_max_frame_size=MESSAGE_BYTES,
            ping_interval=PING_SECONDS,
            ping_timeout=PONG_SECONDS,
            ready_callable=self.prepare,
            server_name="",
        )
        self.proxies = proxies
        self.problem: str | None = None  # why the server could not run, for the log and exit code
        self.ports: list[Any] = []
        self.draining = False
        self._drain: asyncio.Task[None] | None = None
        self._startup: asyncio.Task[None] | None = None

    # --- Start -------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Set up what daphne has no options for: its factories exist, and it does not serve yet."""
        self.ws_factory.protocol = GameSocket
        # A client that breaks the protocol is told its close code instead of being dropped.
        self.ws_factory.setProtocolOptions(failByDrop=False)
        loop = asyncio.get_event_loop()
        self.long_way = Turns(loop.call_soon, intake.AT_ONCE)
        door = Turns(loop.call_soon, patience.ADMITTED)
        self.http_factory.protocol = lambda: _GenericHTTPChannelProtocol(patience.Channel(door))
        self.http_factory.timeOut = patience.REQUEST_SECONDS  # also for a client that says nothing
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.begin_drain)
        reactor.callWhenRunning(self._begin)

    def _begin(self) -> None:
        self._startup = asyncio.get_event_loop().create_task(self._start_hook())

    async def _start_hook(self) -> None:
        """Start the background work of `game.routing`, then settle the memory."""
        try:
            async with asyncio.timeout(HOOK_SECONDS):
                await hook("startup")()
        except Exception as error:
            self.problem = f"The game's background work did not start: {error!r}"
            log.exception("start-up failed")
            self.stop()
            return
        # Full collections of everything imported so far made the worst frames 43-96 ms late:
        # set it aside, and look at the young only. Play makes none that stay; those who come and
        # go do, and 50,000 at a time, an engine's number, took up to 29 ms.
        gc.collect()
        gc.freeze()
        gc.set_threshold(10_000, 250, 100)
        for host, port in self.listening_addresses:
            log.info("serving on http://%s:%s", host, port)

    def listen_success(self, port: Any) -> None:
        """Keep the listening port: a drain closes it first."""
        self.ports.append(port)
        super().listen_success(port)

    def listen_error(self, failure: Any) -> None:
        """Remember why the port could not be had, and end."""
        self.problem = f"Cannot listen: {failure.getErrorMessage()} Choose another with --port."
        self.stop()

    # --- Connections -------------------------------------------------------------------------

    def create_application(self, protocol: Any, scope: dict[str, Any]) -> Any:
        """Start the application of a connection, with the way to its socket in the scope."""
        self.proxies.apply(scope)
        if scope["type"] == "websocket":
            extensions = {"kogame.socket": protocol, "websocket.http.response": {}}
            scope.setdefault("extensions", {}).update(extensions)
        return super().create_application(protocol, scope)

    def protocol_disconnected(self, protocol: Any) -> None:
        """Note a connection's end; a refused socket ends twice, the second time unknown."""
        if protocol in self.connections:
            super().protocol_disconnected(protocol)
        channel = getattr(protocol, "channel", None)
        if channel is not None:  # a request that has become a WebSocket; Twisted parts with others
            channel.requests.clear()

    # --- End ---------------------------------------------------------------------------------

    def begin_drain(self) -> None:
        """Start to end; a second signal ends at once."""
        if self.draining:
            self.stop()
            return
        self.draining = True
        self._drain = asyncio.get_event_loop().create_task(self._drain_and_stop())

    async def _drain_and_stop(self) -> None:
        try:
            async with asyncio.timeout(DRAIN_SECONDS):
                await self._close_everything()
        except TimeoutError:
            log.warning("some connections did not end within %s s; cutting them", DRAIN_SECONDS)
        count = metrics.report()["counters"]
        opened, ended = count.get("web.connects", 0), count.get("web.disconnects", 0)
        log.info("of %d players' sockets, %d have ended", opened, ended)
        try:
            async with asyncio.timeout(HOOK_SECONDS):
                await hook("shutdown")()
        except Exception:
            log.exception("the game's background work did not stop cleanly")
        self.stop()

    async def _close_everything(self) -> None:
        """Take no more, tell every socket that we restart, and wait for their goodbyes."""
        for port in self.ports:
            port.stopListening()
        sockets = [p for p in self.connections if isinstance(p, WebSocketProtocol)]
        if sockets:
            log.info("closing %d sockets with %d", len(sockets), RESTARTING)
        loop = asyncio.get_running_loop()
        for socket in sockets:
            loop.call_later(random.uniform(0, SPREAD_SECONDS), close_for_restart, socket)
        await asyncio.sleep(SPREAD_SECONDS if sockets else 0)
        while running := [task for task in map(application, self.connections.values()) if task]:
            await asyncio.wait(running)

    def kill_all_applications(self) -> Any:
        """Cancel what is left; daphne trips over connections whose application was reaped."""
        for protocol, details in list(self.connections.items()):
            if "application_instance" not in details:
                del self.connections[protocol]
        return super().kill_all_applications()


def close_for_restart(socket: Any) -> None:
    """Close one WebSocket so that its page comes back by itself."""
    if socket.state == socket.STATE_OPEN:
        socket.sendClose(code=RESTARTING, reason="The server is restarting; you will be back soon.")
    elif socket.state == socket.STATE_CONNECTING and hasattr(socket, "handshake_deferred"):
        socket.serverReject()


def application(details: dict[str, Any]) -> asyncio.Task[None] | None:
    """A connection's application, unless it has ended or never began."""
    task: asyncio.Task[None] | None = details.get("application_instance")
    return None if task is None or task.done() else task


def hook(name: str) -> Callable[[], Awaitable[None]]:
    """The coroutine function of that name in `game.routing`, or one that does nothing."""
    routing = importlib.import_module("game.routing")

    async def nothing() -> None:
        return None

    found: Callable[[], Awaitable[None]] = getattr(routing, name, nothing)
    return found


def arguments(argv: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m kogame.server", description="Kogame's web")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument("--port", type=int, default=8000, help="port to listen on (%(default)s)")
    parser.add_argument("--fd", type=int, help="serve on this inherited listening socket instead")
    return parser.parse_args(argv)


def allow_files() -> None:
    """Raise the limit on open files to what this user may have: each socket is one."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):  # some systems refuse "unlimited"
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def main(argv: list[str] | None = None) -> int:
    """Serve until told to stop; returns the exit code."""
    options = arguments(argv)
    allow_files()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "kogame.settings")
    from kogame import asgi  # noqa: PLC0415  (sets Django up, with all it imports)
    from kogame.checks import refuse_unless_ready  # noqa: PLC0415  (needs Django)

    refuse_unless_ready()
    if options.fd is not None:
        endpoints = build_endpoint_description_strings(file_descriptor=options.fd)
    else:
        tcp = build_endpoint_description_strings(host=options.host, port=options.port)
        endpoints = [f"{endpoint}:backlog={BACKLOG}" for endpoint in tcp]
    setproctitle.setproctitle(f"kogame web {options.port}")
    server = Server(asgi.application, endpoints, Proxies(settings.KOGAME_TRUSTED_PROXIES))
    server.run()
    if server.problem:
        print(server.problem, file=sys.stderr, flush=True)
        return EXIT_PORT
    return 0


if __name__ == "__main__":
    sys.exit(main())
