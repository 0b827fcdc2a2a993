"""The way out beneath daphne: frames go to the kernel by one system call for each client.

Twisted would collect what is written, ask the selector when the socket takes bytes, and write them
at the next turn of the loop: three system calls where the kernel nearly always takes a frame at
once. So long as its transport holds nothing back, a frame goes straight to the socket; what the
kernel does not take goes to the transport, which alone sees to errors and to the connection's end.

This rests on parts of Twisted and autobahn that are not documented. `fits` and `_kernel` look
for every one; where one is missing, the way out is the transport's `write`, or ASGI.
"""

import asyncio
import socket as sockets
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from game.sinks.frames import BEHIND_BYTES, BINARY, server_frame

OPEN = 3  # autobahn's WebSocketProtocol.STATE_OPEN
# Bytes that may follow what a write left over, a second of frames or more: a picture that is larger
# than a slow line's buffer in the kernel must not make its reader miss the next tick, and need
# another such picture.
FOLLOWING_BYTES = 8 * 1024
PICTURE_BYTES = 2 * 1024  # left over of a frame: only one that shows whole regions is so large

Straight = Callable[[bytes], int]  # a socket's own `send`


def send_all(ways: Iterable[Straight], frames: Iterable[bytes]) -> list[tuple[int, int]]:
    """Send each way its frame; answers which of them took less than all of it, and how much."""
    short = []
    for place, (send, frame) in enumerate(zip(ways, frames, strict=True)):
        try:
            sent = send(frame)
        except OSError:  # full, or broken: the transport meets the same, and knows what to do
            sent = 0
        if sent != len(frame):
            short.append((place, sent))
    return short


class DirectSink:
    """Sends pre-built frames beneath daphne's WebSocket protocol."""

    def __init__(self, socket: Any, kind: int = BINARY) -> None:
        self._socket = socket
        self._kind = kind
        self._transport = socket.transport
        self._send = _kernel(self._transport)
        self._on_wait: Callable[[], None] | None = None
        self._spared = 0  # bytes that may wait, since a write left some over

    @staticmethod
    def fits(socket: Any) -> bool:
        """Whether this socket has what any direct write needs: a state, a visible buffer."""
        transport = getattr(socket, "transport", None)
        parts = ("dataBuffer", "offset", "_tempDataLen", "write")
        return hasattr(socket, "state") and all(hasattr(transport, part) for part in parts)

    def write(self, messages: Sequence[bytes]) -> int:
        """Send messages in one go; what the kernel does not take, the transport keeps."""
        if self._socket.state != OPEN:
            return 0
        data = b"".join([server_frame(message, self._kind) for message in messages])
        transport = self._transport
        if self._send is None or transport.dataBuffer or transport._tempDataLen:
            transport.write(data)
        elif transport.connected and not transport.disconnecting:
            for _, sent in send_all((self._send,), (data,)):
                transport.write(data[sent:])
            left = self._waiting()
            self._spared = left + FOLLOWING_BYTES if left else 0
        return len(data)

    def straight(self, on_wait: Callable[[], None]) -> Straight | None:
        """The kernel's own `send`, while nothing waits before it and the connection is open.

        It may be used until `on_wait` is called: bytes came to the transport, to go out in order.
        """
        transport = self._transport
        if (
            self._send is None
            or transport.dataBuffer
            or transport._tempDataLen
            or not transport.connected
            or transport.disconnecting
            or self._socket.state != OPEN
        ):
            return None
        self._on_wait = on_wait
        # Whatever is written, or closes the connection once all is, begins with this call.
        vars(transport)["startWriting"] = self._start_writing
        return self._send

    def _start_writing(self) -> None:
        if self._on_wait is not None:
            self._on_wait()
        type(self._transport).startWriting(self._transport)

    def finish(self, rest: bytes) -> None:
        """Send what the kernel did not take of a frame: its time, or an error, the transport's."""
        self._transport.write(rest)
        if len(rest) > PICTURE_BYTES:
            self._spared = self._waiting() + FOLLOWING_BYTES

    def let_go(self) -> None:
        """The connection is lost or left: be no part of a circle of references."""
        self._on_wait = None
        vars(self._transport).pop("startWriting", None)

    def behind(self) -> bool:
        """Whether anything waits in this process because the kernel's own buffer is full.

        That holds seconds of play already. A transport that takes bytes only at the next turn of
        the loop may hold some without being slow, up to BEHIND_BYTES; and so may what a write of
        more than the kernel takes has left over.
        """
        waiting = self._waiting()
        if not waiting:
            self._spared = 0
        return waiting > (BEHIND_BYTES if self._send is None else self._spared)

    def _waiting(self) -> int:
        """Bytes that the transport holds."""
        transport = self._transport
        return int(len(transport.dataBuffer) - transport.offset + transport._tempDataLen)

    async def run(self) -> None:
        """Nothing: the transport writes by itself."""
        await asyncio.Event().wait()


def _kernel(transport: Any) -> Straight | None:
    """The `send` of a plain TCP socket below a transport; None when it cannot be relied on.

    A socket that was closed refuses by itself: it holds no descriptor that another could have.
    """
    raw = getattr(transport, "socket", None)
    if not isinstance(raw, sockets.socket) or raw.type != sockets.SOCK_STREAM:
        return None
    plain = raw.family in (sockets.AF_INET, sockets.AF_INET6) and raw.gettimeout() == 0
    encrypted = getattr(transport, "TLS", True)
    known = all(hasattr(transport, part) for part in ("connected", "disconnecting"))
    return raw.send if plain and known and not encrypted else None
