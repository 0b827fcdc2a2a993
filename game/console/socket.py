"""The console's sockets: one for the figures of a Metrics page, one for each room it looks into."""

import time

import msgspec

from game import metrics, protocol, sinks
from game.admission import Guest
from game.console.operators import door
from game.console.watch import Page, Said, watch
from game.consumers import Bucket, RoomConnection, follow
from game.handshake import Receive, Scope
from game.hub.feed import Feed
from game.hub.socket import Socket
from game.protocol import Entry


@door
async def page(scope: Scope, receive: Receive, send: sinks.Send, guest: Guest) -> None:
    """A Metrics page: it is told what changes, and says what it looks at and what it has taken."""
    sink = sinks.choose(scope, send)
    opened = Page(sink, guest.close)
    watch().join(opened)
    try:
        await follow(sink, send, guest, _hear(opened, receive))
    finally:
        await watch().leave(opened)


async def _hear(opened: Page, receive: Receive) -> int:
    """Take what a page says until it is gone; the code to close with when it breaks the rules."""
    bucket = Bucket()
    while (event := await receive())["type"] != "websocket.disconnect":
        text = event.get("text") or ""
        if not bucket.take(time.monotonic()):
            metrics.count("web.rate_limited")
            return protocol.TOO_MANY
        try:
            if len(text) > protocol.MAX_MESSAGE_BYTES:
                raise protocol.Malformed("too long")
            said = msgspec.json.decode(text, type=Said)
        except (msgspec.MsgspecError, protocol.Malformed):
            metrics.count("web.malformed")
            return protocol.MALFORMED
        opened.hear(said)
        if said.look is not None:
            watch().tell(opened)
    return 0


@door
async def window(scope: Scope, receive: Receive, send: sinks.Send, guest: Guest) -> None:
    """A look into a room, private or not: the room's own wire, without a way to a seat."""
    await RoomWindow(scope, receive, send).run(guest)


class RoomWindow(RoomConnection):
    """An operator in front of a room; counts as watching."""

    __slots__ = ()

    def _enter(self, feed: Feed, socket: Socket, entry: Entry) -> None:
        socket.answer(protocol.error(protocol.NOT_SEATED))
