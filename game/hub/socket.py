"""One browser in a room, as its web process knows it."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from game import metrics
from game.protocol import Join
from game.sinks import Sink

if TYPE_CHECKING:
    from game.hub.audience import Row

PENDING_BOUND = 32  # personal messages kept for a client that is behind; notes come again anyway
UNSEEN_SECONDS = 3.5  # s until a ping (one every 2 s) must confirm what was sent before the last
SILENT_SECONDS = 20.0  # s without any message, where pings come every 2 s: dead


@dataclass(eq=False, slots=True)
class Socket:
    """One browser in a room."""

    conn: str
    player: str
    sink: Sink
    close: Callable[[int], None]  # say why and close, with this code
    heard: float = field(default_factory=time.monotonic)
    join: Join | None = None  # wanted, and not answered yet
    seated: bool = False
    view: int = -1  # -1 until the room's views are known
    wish: int = -1  # the view that one who watches asked for last, or -1
    looked: float = 0.0  # when that was last heeded
    welcomed: bool = False
    synced: bool = False  # holds everything up to the last frame it was sent
    row: "Row | None" = None  # where it is sent to without a look; None: it stands apart
    sent: int = 0  # tick of the last frame that it was sent while it stood apart …
    shown: int = -1  # … and the view of that
    mark: int = 0  # tick that its pings must confirm next
    marked: float = field(default_factory=time.monotonic)  # when that was set
    rtt: int = 0  # ms, as its page measures it; 0: not known
    keyed: float = 0.0  # when it was last brought up to date
    behind_since: float | None = None
    pending: list[bytes] = field(default_factory=list)

    def write(self, messages: Sequence[bytes]) -> None:
        """Send, and count what was sent."""
        size = self.sink.write(messages)
        if size:
            metrics.count("web.messages_out", len(messages))
            metrics.count("web.bytes_out", size)

    def answer(self, message: bytes) -> None:
        """Send what is worth nothing later; a client that does not read gets none of it."""
        if self.sink.behind():
            metrics.count("web.answers_dropped")
        else:
            self.write((message,))

    def keep(self, messages: Iterable[bytes]) -> None:
        """Have what is said to it wait for the next frame; the oldest makes room."""
        self.pending += messages
        metrics.count("web.answers_dropped", max(0, len(self.pending) - PENDING_BOUND))
        del self.pending[:-PENDING_BOUND]

    def watches(self) -> bool:
        """Whether it neither has a seat nor waits for one: then its camera is its own."""
        return not self.seated and self.join is None

    def confirm(self, tick: int) -> None:
        """A ping came: its page has applied everything up to this tick."""
        if tick >= self.mark:
            self.mark = self.sent if self.row is None else self.row.tick
            self.marked = self.heard

    def is_behind(self, now: float) -> bool:
        """Whether it has not taken what it was sent; then it gets nothing until it has."""
        return self.sink.behind() or now - self.marked > UNSEEN_SECONDS
