"""Writes to the ledger: in order, in few round trips, sent again until answered."""

import asyncio
import time
from collections.abc import Callable

from redis.exceptions import RedisError

from game import store
from game.engine.ledger import Ledger, Write

RETRY_FIRST, RETRY_MOST = 0.05, 1.0  # s between tries while Redis is away, doubling

Answered = Callable[[str, float], None]  # the answer, and the seconds it took


class Writer:
    """Everything that waits to be written goes out together, while rooms tick on.

    What may wait is bounded by the rooms: each pauses with Hosted.UNANSWERED_MOST writes open.
    """

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self._waiting: list[tuple[Write, float, Answered]] = []
        self._some = asyncio.Event()
        self._idle = asyncio.Event()

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, write: Write, answered: Answered) -> None:
        """Queue a write behind all earlier ones; `answered` is called once, when it is."""
        self._waiting.append((write, time.monotonic(), answered))
        self._idle.clear()
        self._some.set()

    async def run(self) -> None:
        """Write until cancelled."""
        wait = RETRY_FIRST
        while True:
            await self._some.wait()
            self._some.clear()
            while batch := self._waiting[:]:
                try:
                    answers = await self.ledger.send([write for write, _, _ in batch])
                except (RedisError, OSError, TimeoutError) as error:
                    store.noticed(error)
                    await asyncio.sleep(wait)
                    wait = min(2 * wait, RETRY_MOST)
                    continue
                if wait > RETRY_FIRST:
                    store.noticed(None)
                wait = RETRY_FIRST
                del self._waiting[: len(batch)]
                now = time.monotonic()
                for (_, began, answered), answer in zip(batch, answers, strict=True):
                    answered(answer, now - began)
            self._idle.set()

    async def flush(self, seconds: float) -> bool:
        """Wait until all is written, at most so long; says whether it is."""
        if not self._waiting:
            return True
        try:
            async with asyncio.timeout(seconds):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True
