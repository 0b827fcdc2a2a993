"""Where a socket's bytes go: straight to the kernel where that can be had, else by ASGI.

Daphne has no back-pressure: what a client does not read piles up in its transport. A sink says
whether its client is behind, so that the hub stops writing until it has caught up.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from game.sinks.direct import DirectSink, Straight, send_all
from game.sinks.frames import BINARY, TEXT, server_frame
from game.sinks.portable import PortableSink, Send

__all__ = [
    "EXTENSION",
    "DirectSink",
    "PortableSink",
    "Send",
    "Sink",
    "Straight",
    "choose",
    "send_all",
    "server_frame",
]

EXTENSION = "kogame.socket"  # where Kogame's runner puts daphne's WebSocket protocol object


class Sink(Protocol):
    """Takes messages for one client, never waits."""

    def write(self, messages: Sequence[bytes]) -> int:
        """Send messages, in order; returns the bytes handed over (0: the socket is closed)."""

    def straight(self, on_wait: Callable[[], None]) -> Straight | None:
        """A way to send frames, as `server_frame` builds them, without a look at the sink.

        None when there is none now. Once `on_wait` is called it may not be used any more, until it
        is asked for again. It answers how many bytes it took, or raises OSError.
        """

    def finish(self, rest: bytes) -> None:
        """Send the rest of a frame that `straight` did not take whole."""

    def let_go(self) -> None:
        """The socket is gone: what `straight` began ends."""

    def behind(self) -> bool:
        """Whether the client has not taken what it was given."""

    async def run(self) -> None:
        """Whatever must go on while the socket is open; returns or is cancelled when it ends."""


def choose(scope: dict[str, Any], send: Send, *, text: bool = False) -> Sink:
    """The fastest sink this server offers, for bytes, or for text as UTF-8."""
    socket = scope.get("extensions", {}).get(EXTENSION)
    if socket is not None and DirectSink.fits(socket):
        return DirectSink(socket, TEXT if text else BINARY)
    return PortableSink(send, text=text)
