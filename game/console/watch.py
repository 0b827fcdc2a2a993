"""The Metrics pages that are open here: one look at Redis each turn serves them all.

A page gets a whole picture first and differences then, each from what it has: one that is slow
gets nothing until it has confirmed what it was sent, and then the newest. Pages that look at the
same get the same bytes.
"""

import asyncio
import time
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec

from game import metrics, protocol
from game.background import forever
from game.console.difference import difference
from game.console.each_loop import each_loop
from game.console.look import Look, cut
from game.console.overview import everything
from game.ending import end
from game.sinks import Sink

# s between looks at Redis. Processes report each second: a change is here within a second and a
# half, and on the page within two.
EVERY = 0.5
UNSEEN_MOST = 2  # messages that a page may have yet to confirm: one on its way, one being drawn
DEFLATE = 1  # zlib's level: names repeat so much that the fastest leaves a quarter, in 0.2 ms
STALLED = 10.0  # s after which a page that confirms nothing is closed; one that is alive comes back


class Said(msgspec.Struct, forbid_unknown_fields=True):
    """What a page says: the number of the last message it has taken, and what it looks at."""

    seen: int = 0
    look: Look | None = None


class Page:
    """One open page: what it looks at, what it has, and what it has yet to confirm."""

    def __init__(self, sink: Sink, close: Callable[[int], None]) -> None:
        self.close = close
        self.looked: Look | None = None  # until it has said so, it is told nothing
        self.sent = 0  # messages so far
        self._sink = sink
        self._seen = 0
        self._moved = time.monotonic()  # when it last confirmed something, or had all
        self._has: dict[str, Any] = {}
        self.base: tuple[int, Look | None] = (0, None)  # the turn and the look of what it has

    def hear(self, said: Said) -> None:
        """It has drawn a message, or looks at something else."""
        self.looked = said.look or self.looked
        if self._seen < said.seen <= self.sent:
            self._seen, self._moved = said.seen, time.monotonic()

    def behind(self) -> bool:
        """Whether it has yet to say what it looks at, or to take what it was sent."""
        late = self.sent - self._seen >= UNSEEN_MOST or self._sink.behind()
        return self.looked is None or late

    def stalled(self) -> bool:
        """Whether it has confirmed nothing for too long."""
        owes = self.looked is None or self.sent > self._seen
        return owes and time.monotonic() - self._moved > STALLED

    def compose(self, picture: dict[str, Any]) -> bytes:
        """What brings it from what it has to a picture."""
        if "rooms" not in picture:
            told = {"dark": picture}
        elif self._has:
            told = {"change": difference(self._has, picture)}
        else:
            told = {"whole": picture}
        return zlib.compress(msgspec.json.encode(told), DEFLATE)

    def send(self, turn: int, picture: dict[str, Any], composed: bytes) -> None:
        """Send what was composed; from now on it has this picture."""
        if "rooms" in picture:
            self._has, self.base = picture, (turn, self.looked)
        if self.sent == self._seen:
            self._moved = time.monotonic()
        self.sent += 1
        size = self._sink.write((self.sent.to_bytes(4, "little") + composed,))
        metrics.count("web.console_bytes", size)


class Watch:
    """All open pages of one event loop; it reads while there are any."""

    def __init__(self) -> None:
        self.pages: set[Page] = set()
        self._whole: dict[str, Any] = {}
        self._turn = 0  # counts the looks at Redis
        self._told: dict[Any, tuple[dict[str, Any], bytes]] = {}  # of this turn
        # One thread: the reader gives up by itself, and there is never a second read behind it.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="console")
        self._reading: asyncio.Task[None] | None = None

    def join(self, page: Page) -> None:
        """A page was opened."""
        self.pages.add(page)
        if self._reading is None:
            self._reading = asyncio.create_task(forever(self._read))

    async def leave(self, page: Page) -> None:
        """A page is gone; the last one ends the reading."""
        self.pages.discard(page)
        if not self.pages and self._reading is not None:
            reading, self._reading, self._whole = self._reading, None, {}
            await end([reading])

    async def _read(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + EVERY
            self._whole = await loop.run_in_executor(self._thread, everything)
            self._turn += 1
            self._told = {}
            for page in [*self.pages]:
                if page.stalled():
                    page.close(protocol.TOO_SLOW)
                else:
                    self.tell(page)
            await asyncio.sleep(max(0.0, due - loop.time()))

    def tell(self, page: Page) -> None:
        """Bring a page up to the last picture, unless it is behind."""
        if not self._whole:
            return
        if page.behind():
            metrics.count("web.console_behind", int(page.looked is not None))
            return
        key = (page.base, page.looked)
        if key not in self._told:
            assert page.looked
            picture = cut(self._whole, page.looked)
            self._told[key] = picture, page.compose(picture)
        page.send(self._turn, *self._told[key])


@each_loop
def watch() -> Watch:
    """The running loop's."""
    return Watch()
