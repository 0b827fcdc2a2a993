"""What players send, taken beneath the dispatch: one read, one frame, one call.

Between the kernel and the application lie Twisted's log context, its reader, and autobahn's parser
of every kind of frame. Nearly all that a browser sends here is one kind: a whole message in one
small masked binary frame, alone in its segment. A `Reader` looks for just that, while autobahn
stands between two frames with nothing in hand; all else goes to Twisted's own reader, untouched.

This rests on parts of Twisted, autobahn and daphne that are not documented. `read_directly` looks
for each; where one is missing, or is another's, everything comes the way it always did.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from twisted.internet import main, tcp
from twisted.internet.asyncioreactor import AsyncioSelectorReactor
from twisted.python.log import callWithLogger

from kogame.turns import Turns

Taker = Callable[[bytes], bool]

READ_BYTES = 4096  # of one read: the longest message that is allowed; more comes at the next turn
BINARY = 0x82  # first byte of a frame that is a whole binary message: FIN, no RSV, opcode 2
MASKED = 0x80  # flag in the second byte, beside a length of up to 125
SMALL = 125  # bytes of payload whose length fits there
OPEN = 3  # autobahn's WebSocketProtocol.STATE_OPEN
HEAD = 6  # bytes before the payload: those two, and the mask
# Readers that go Twisted's way in one turn of the loop, some 2 ms of it. It takes thirty times as
# long as the short one: twenty who are closed at once would hold up all others' inputs and frames.
AT_ONCE = 4

_TRANSPORT = ("connected", "doRead", "_dataReceived", "fileno", "protocol", "socket")
_PROTOCOL = ("autoPingTimeoutCall", "current_frame", "data", "inside_message", "state", "taken")


class Reader:
    """Reads one WebSocket's socket in place of Twisted."""

    __slots__ = ("_held", "_long_way", "_protocol", "_recv", "_transport", "straight")

    def __init__(self, protocol: Any, long_way: Turns) -> None:
        self._protocol = protocol
        self._transport = protocol.transport
        self._long_way = long_way
        self._recv = protocol.transport.socket.recv
        self._held: bytes | OSError | None = None  # what was read, for Twisted's reader
        self.straight = 0  # messages that were taken without it

    def ready(self) -> None:
        """Take what has come: one small message at once, anything else Twisted's way."""
        if self._held is not None:
            return  # it waits for its turn, and what came after it, too
        try:
            data = self._recv(READ_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._held = error
        else:
            size, protocol = len(data) - HEAD, self._protocol
            if (
                0 < size <= SMALL
                and data[0] == BINARY
                and data[1] == MASKED | size
                # The next byte begins a message, and no answer to a ping is waited for.
                and not protocol.data
                and protocol.current_frame is None
                and not protocol.inside_message
                and protocol.state == OPEN
                and protocol.autoPingTimeoutCall is None
                and protocol.taken(unmasked(data))
            ):
                self.straight += 1
                return
            self._held = data
        if self._long_way.may(self.go):
            self.go()

    def go(self) -> None:
        """Hand what was read to Twisted, unless the connection has been lost since."""
        transport = self._transport
        if transport.connected:
            callWithLogger(transport, transport.reactor._readOrWrite, transport, True)

    def do_read(self) -> Any:
        """Stand in for the transport's own `doRead`: what was read already is read once."""
        held, self._held = self._held, None
        if held is None:  # Twisted paused reading, and looks by itself since it resumed
            return tcp.Connection.doRead(self._transport)
        if isinstance(held, OSError):
            return main.CONNECTION_LOST
        return self._transport._dataReceived(held)


def unmasked(frame: bytes) -> bytes:
    """The payload of a small masked frame."""
    size = len(frame) - HEAD
    key = (frame[2:HEAD] * (size // 4 + 1))[:size]
    whole = int.from_bytes(frame[HEAD:], "little") ^ int.from_bytes(key, "little")
    return whole.to_bytes(size, "little")


def read_directly(protocol: Any, long_way: Turns) -> Reader | None:
    """Put a reader below a WebSocket; None when a part that it needs is not as it is known.

    It shares the long way, which is Twisted's, with the others of its loop.
    """
    transport = getattr(protocol, "transport", None)
    reactor = getattr(transport, "reactor", None)
    if not isinstance(transport, tcp.Server) or not isinstance(reactor, AsyncioSelectorReactor):
        return None
    if not all(hasattr(transport, part) for part in _TRANSPORT) or getattr(transport, "TLS", True):
        return None
    if not all(hasattr(protocol, part) for part in _PROTOCOL) or not transport.connected:
        return None
    stock = (
        getattr(transport.doRead, "__func__", None) is tcp.Connection.doRead
        and transport.protocol is protocol  # nothing lies between the two
        and hasattr(reactor, "_readOrWrite")
        and transport in reactor.getReaders()
    )
    if not stock or getattr(reactor, "_asyncioEventloop", None) is not asyncio.get_running_loop():
        return None
    reader = Reader(protocol, long_way)
    vars(transport)["doRead"] = reader.do_read
    # Takes the place of Twisted's callback for this descriptor; Twisted removes it as its own.
    asyncio.get_running_loop().add_reader(transport.fileno(), reader.ready)
    return reader


def let_go(protocol: Any) -> None:
    """Undo the circle of references between a lost connection and its reader."""
    vars(protocol.transport).pop("doRead", None)
