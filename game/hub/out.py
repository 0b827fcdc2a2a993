"""What goes out of a slice: all of it is made before the first byte is handed to the kernel.

Made and sent in turns, row by row, Python and the kernel push each other out of the processor's
caches some hundred times in a tick, and both take longer.
"""

from collections.abc import Callable, Mapping
from itertools import repeat

from game import metrics
from game.hub.socket import Socket
from game.sinks import Straight, send_all


class Out:
    """Frames on their way, each with the socket it is for; as many as a slice has sockets."""

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._sockets: list[Socket] = []
        self._ways: list[Straight] = []
        self._frames: list[bytes] = []
        self._messages = 0

    def put(self, socket: Socket, way: Straight, frame: bytes, messages: int) -> None:
        """One socket gets bytes, which are so many messages."""
        self._sockets.append(socket)
        self._ways.append(way)
        self._frames.append(frame)
        self._messages += messages

    def put_all(self, ways: Mapping[Socket, Straight], frame: bytes, messages: int) -> None:
        """Many get the same."""
        self._sockets += ways
        self._ways += ways.values()
        self._frames += repeat(frame, len(ways))
        self._messages += messages * len(ways)

    def go(self, finish: Callable[[Socket, bytes], None]) -> None:
        """Send it all; of whom the kernel did not take everything, `finish` gets the rest."""
        sockets, ways, frames = self._sockets, self._ways, self._frames
        if not sockets:
            return
        metrics.count("web.messages_out", self._messages)
        metrics.count("web.bytes_out", sum(map(len, frames)))
        self._begin()
        for place, sent in send_all(ways, frames):
            finish(sockets[place], frames[place][sent:])
