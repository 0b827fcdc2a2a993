"""Sockets: from ASGI to the protocol and the hub. They know no game.

These are plain ASGI applications under Channels' routing: its consumers cross to a thread for
every message, which costs more than all that is done here.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Coroutine
from typing import Any

from django.conf import settings

from game import metrics, names, profanity, protocol, sinks, store
from game.admission import Guest, Verdict
from game.background import background
from game.handshake import Receive, Scope, door
from game.hub.feed import Feed
from game.hub.socket import Socket
from game.protocol import Ack, Act, Entry, Goodbye, Hello, Join, Leave, NotesSeen, Ping, Press

logger = logging.getLogger(__name__)

HELLO_SECONDS = 5.0  # s for a page to introduce itself: it does so in its first message
MESSAGES_PER_SECOND = 20.0  # a page sends a ping every 2 s; a very fast player turns 10 times
REASON_BYTES = 123  # of a close frame, as the WebSocket protocol has it
MESSAGES_BURST = 40.0  # messages at once: three queued turns, their repetitions, and room to spare


class Bucket:
    """A token bucket: so many messages a second, so many at once."""

    __slots__ = ("_at", "_tokens")

    def __init__(self) -> None:
        self._tokens = MESSAGES_BURST
        self._at = time.monotonic()

    def take(self, now: float) -> bool:
        """Whether one more message is within the limits."""
        tokens = self._tokens + (now - self._at) * MESSAGES_PER_SECOND
        self._at = now
        if tokens < 1:
            self._tokens = tokens
            return False
        self._tokens = (tokens if tokens < MESSAGES_BURST else MESSAGES_BURST) - 1
        return True


@door
async def live(scope: Scope, receive: Receive, send: sinks.Send, guest: Guest) -> None:
    """A page outside a game: it hears of rooms and scores, and says nothing."""
    page = sinks.choose(scope, send, text=True)
    feed = background().live
    feed.join(page)
    try:
        await follow(page, send, guest, _until_end(receive))
    finally:
        feed.leave(page)


async def follow(
    page: sinks.Sink, send: sinks.Send, guest: Guest, hearing: Coroutine[Any, Any, int]
) -> None:
    """Serve a page that is told things, until its guest's verdict or the end of `hearing`.

    `hearing` takes what the page says; it returns the code to close with, 0 when the page is gone.
    """
    writing = asyncio.create_task(page.run())
    leaving = asyncio.create_task(hearing)
    verdict = asyncio.create_task(_until_verdict(guest))
    tasks = (writing, leaving, verdict)
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        # What cannot be written to is closed, and the page comes back.
        code, sentence = leaving.result() if leaving.done() else protocol.TOO_SLOW, ""
        if guest.verdict is not None and not leaving.done():
            code, sentence = guest.verdict
        if code:
            reason = (sentence or protocol.SENTENCES[code]).encode()[:REASON_BYTES]
            with contextlib.suppress(Exception):  # the socket may be closed already
                await send(
                    {
                        "type": "websocket.close",
                        "code": code,
                        "reason": reason.decode(errors="ignore"),
                    }
                )
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _until_verdict(guest: Guest) -> None:
    """Wait until a guest is to be turned out."""
    turned_out = asyncio.Event()
    guest.turn_out = lambda _: turned_out.set()
    if guest.verdict is None:
        await turned_out.wait()


async def _until_end(receive: Receive) -> int:
    """Wait until a page that says nothing is gone; the code to close with when it does not stop."""
    bucket = Bucket()
    while (await receive())["type"] != "websocket.disconnect":
        if not bucket.take(time.monotonic()):
            metrics.count("web.rate_limited")
            return protocol.TOO_MANY
    return 0


@door
async def room(scope: Scope, receive: Receive, send: sinks.Send, guest: Guest) -> None:
    """A browser in a room."""
    await RoomConnection(scope, receive, send).run(guest)


class Ended(Exception):
    """The connection is to be closed, with this code and, if need be, more than its sentence."""

    def __init__(self, code: int, sentence: str = "") -> None:
        super().__init__(sentence or protocol.SENTENCES[code])
        self.code, self.sentence = code, sentence


class RoomConnection:
    """One socket from its handshake to its end."""

    __slots__ = (
        "_bucket",
        "_closed_with",
        "_ending",
        "_hub",
        "_receive",
        "_room",
        "_scope",
        "_send",
        "_socket",
    )
    _socket: Socket

    def __init__(self, scope: Scope, receive: Receive, send: sinks.Send) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._hub = background().hub
        self._room: str = scope["url_route"]["kwargs"]["room"]
        self._bucket = Bucket()
        self._ending: asyncio.Task[None] | None = None
        self._closed_with = 0  # the code with which this side closed, if it did

    async def run(self, guest: Guest) -> None:
        """Serve until either side ends it."""
        metrics.count("web.connects")
        code = 1006
        try:
            socket = self._socket = await self._introduce(guest)
            writing = asyncio.create_task(socket.sink.run())
            try:
                await self._serve(socket)
            finally:
                self._hub.detach(self._room, socket)
                writing.cancel()
                del self._socket  # its way to close is this connection: a circle of references
        except Gone as gone:
            code = gone.code
        except Ended as ended:
            code = ended.code
            await self._say_and_close(code, ended.sentence)
        finally:
            if self._ending is not None:
                await asyncio.wait([self._ending], timeout=HELLO_SECONDS)
            metrics.count("web.disconnects")
            metrics.count(f"web.closed.{self._closed_with or code}")

    # --- Beginning and end -------------------------------------------------------------------
    async def _introduce(self, guest: Guest) -> Socket:
        guest.turn_out = self._turn_out
        if guest.verdict is not None:
            raise Ended(*guest.verdict)
        if not guest.player:
            raise Ended(protocol.NO_IDENTITY)
        try:
            async with asyncio.timeout(HELLO_SECONDS):
                message = await self._next()
        except TimeoutError:
            raise Ended(protocol.NO_HELLO) from None
        if not isinstance(message, Hello):
            raise Ended(protocol.MALFORMED)
        if message.version != protocol.VERSION:
            raise Ended(protocol.WRONG_VERSION)
        sink = sinks.choose(self._scope, self._send)
        socket = Socket(self._hub.new_conn(), guest.player, sink, self._close_soon)
        guest.quiet = lambda: time.monotonic() - socket.heard
        try:
            found = await self._hub.attach(self._room, socket)
        except store.FAILURES:
            raise Ended(protocol.RESTARTING) from None
        if not found:
            raise Ended(protocol.ROOM_GONE)
        return socket

    async def _next(self) -> protocol.FromBrowser:
        """The next message; raises Ended where the rules are broken, Gone at the browser's end."""
        event = await self._receive()
        if event["type"] == "websocket.disconnect":
            raise Gone(event.get("code") or 1005)
        data = event.get("bytes") or b""
        metrics.count("web.messages_in")
        metrics.count("web.bytes_in", len(data))
        if not self._bucket.take(time.monotonic()):
            metrics.count("web.rate_limited")
            raise Ended(protocol.TOO_MANY)
        try:
            if len(data) > protocol.MAX_MESSAGE_BYTES:
                raise protocol.Malformed("too long")
            return protocol.parse(data)
        except protocol.Malformed as error:
            metrics.count("web.malformed")
            logger.info("a malformed message closed a socket: %s", error)
            raise Ended(protocol.MALFORMED) from None

    def _turn_out(self, verdict: Verdict) -> None:
        self._close_soon(*verdict)

    def _close_soon(self, code: int, sentence: str = "") -> None:
        """Close on behalf of the hub or the door, which do not wait."""
        if self._ending is None:
            self._closed_with = code
            self._ending = asyncio.create_task(self._say_and_close(code, sentence))

    async def _say_and_close(self, code: int, sentence: str = "") -> None:
        with contextlib.suppress(Exception):  # the socket may be closed already
            await self._send({"type": "websocket.send", "bytes": protocol.error(code, sentence)})
            await self._send({"type": "websocket.close", "code": code})

    # --- In between --------------------------------------------------------------------------
    async def _serve(self, socket: Socket) -> None:
        self._beneath(self._take)
        try:
            while True:
                message = await self._next()
                socket.heard = time.monotonic()
                self._handle(socket, message)
        finally:
            self._beneath(None)

    def _beneath(self, taker: Callable[[bytes], bool] | None) -> None:
        """Let messages come to a function as they are read, where the server offers that."""
        server = self._scope.get("extensions", {}).get(sinks.EXTENSION)
        if hasattr(server, "hand_to"):
            server.hand_to(taker)

    def _take(self, data: bytes) -> bool:
        """Take a message beneath ASGI; what breaks the wire's rules is left to come by `_next`."""
        if self._ending is not None:
            return True  # one who is being closed may have sent much: nobody reads it
        now = time.monotonic()
        try:
            message = protocol.parse(data)
        except protocol.Malformed:
            return False
        if isinstance(message, Hello):
            return False
        metrics.count("web.messages_in")
        metrics.count("web.bytes_in", len(data))
        if not self._bucket.take(now):
            # At once, for here a flood costs others the least: its way through ASGI is thirty
            # times as long.
            metrics.count("web.rate_limited")
            self._close_soon(protocol.TOO_MANY)
            return True
        socket = self._socket
        socket.heard = now
        self._handle(socket, message)
        return True

    def _handle(self, socket: Socket, message: protocol.FromBrowser) -> None:
        feed = self._hub.feeds[self._room]
        match message:
            case Press():
                self._press(feed, socket, message)
            case Ping(clock, tick, rtt):
                socket.confirm(tick)
                socket.rtt = rtt
                socket.answer(protocol.pong(clock))
            case NotesSeen(number):
                if socket.seated:
                    self._hub.tell(feed, Ack(socket.conn, number))
            case Entry():
                self._enter(feed, socket, message)
            case Goodbye():
                if socket.seated or socket.join:
                    self._hub.tell(feed, Leave(socket.conn))
                socket.join, socket.seated = None, False
            case protocol.Resync():
                feed.resync(socket)
            case protocol.Look(view):
                feed.look(socket, view)
            case protocol.Check():
                feed.check(socket)
            case Hello():
                raise Ended(protocol.MALFORMED)

    def _press(self, feed: Feed, socket: Socket, press: Press) -> None:
        if not socket.seated:
            socket.answer(protocol.error(protocol.NOT_SEATED))
            return
        act = Act(socket.conn, press.seq, press.tick, press.code, press.fields)
        self._hub.tell(feed, act)

    def _enter(self, feed: Feed, socket: Socket, entry: Entry) -> None:
        name = names.clean(entry.name)
        problem = 0 if name else protocol.NAME_REFUSED
        if profanity.refused(name, settings.KOGAME_REFUSED_NAMES):
            problem = protocol.NAME_FOUL
        if problem:
            metrics.count("web.names_refused")
            socket.answer(protocol.error(problem))
            return
        socket.join = Join(socket.conn, socket.player, name, entry.colour)
        self._hub.tell(feed, socket.join)


class Gone(Exception):
    """The browser closed the socket, with this code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code
