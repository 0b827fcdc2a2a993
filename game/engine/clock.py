"""When each room's next tick is due, without drift."""

import asyncio
import heapq
import itertools
import time
from collections.abc import Callable

from game.engine.hosted import Hosted

SLICE = 0.005  # seconds of stepping before other tasks (inputs, commits) get a turn


class Clock:
    """Calls `advance` for each room whenever its tick is due; a room off the clock costs nothing.

    Tick n is due at start + n/rate, however late tick n-1 was. Rooms that are late take turns, and
    one whose step takes longer than its interval rests as long after it: it may have half of this
    process, and the others make good what they missed meanwhile. A room that fell behind by more
    than Hosted.FORGIVEN starts its clock anew instead of racing through what it missed.
    """

    def __init__(self, advance: Callable[[Hosted], None]) -> None:
        self._advance = advance
        self._heap: list[tuple[float, int, Hosted]] = []
        self._order = itertools.count()
        self._changed = asyncio.Event()

    def start(self, hosted: Hosted) -> None:
        """Put a room on the clock, its next tick one interval from now."""
        hosted.rebase(time.monotonic())
        self.push(hosted, hosted.due())

    def push(self, hosted: Hosted, due: float) -> None:
        """Make a room due at a time; a later push replaces an earlier one."""
        hosted.ticket = next(self._order)
        heapq.heappush(self._heap, (due, hosted.ticket, hosted))
        self._changed.set()

    async def run(self) -> None:
        """Step rooms until cancelled."""
        while True:
            wait = self._heap[0][0] - time.monotonic() if self._heap else None
            if wait is None or wait > 0:
                self._changed.clear()
                try:
                    async with asyncio.timeout(wait):
                        await self._changed.wait()
                except TimeoutError:
                    pass
                continue
            self._step_due()
            await asyncio.sleep(0)

    def _step_due(self) -> None:
        began = time.monotonic()
        while self._heap and self._heap[0][0] <= began:
            _, ticket, hosted = heapq.heappop(self._heap)
            if ticket != hosted.ticket or not hosted.ticking:
                continue
            self._advance(hosted)
            if hosted.ticking:
                self.push(hosted, hosted.turn(time.monotonic()))
            if time.monotonic() - began > SLICE:
                return
