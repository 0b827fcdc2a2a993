"""Which rooms this engine takes: those without a lease, up to its fair share at once."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Collection

from game import store
from game.engine.ledger import Ledger

logger = logging.getLogger(__name__)

LOOK_EVERY = 0.25  # s between looks; a nudge makes it sooner
PATIENCE = 1.0  # s that a room beyond the fair share is left to the other engines
ENGINES = "kg:engines"  # zset: engine → ms of its last look
ENGINE_SILENCE = 3_000  # ms after which an engine no longer counts


class Claims:
    """Looks for rooms that nobody steps, and takes them; `open_room` gets (id, epoch)."""

    def __init__(
        self,
        ledger: Ledger,
        held: Collection[str],
        open_room: Callable[[str, int], Awaitable[None]],
    ) -> None:
        self.ledger = ledger
        self._held = held
        self._open_room = open_room
        self._orphans: dict[str, float] = {}  # room → when it was first seen without a lease
        self._look = asyncio.Event()

    def look(self) -> None:
        """Look at once."""
        self._look.set()

    async def hear_nudges(self) -> None:
        """Look whenever a room is made or given up; raises when Redis goes away."""
        async with store.connect() as client, client.pubsub() as pubsub:
            await pubsub.subscribe(store.NUDGE)
            async for _ in pubsub.listen():
                self.look()

    async def run(self) -> None:
        """Look for rooms until cancelled; raises when Redis goes away."""
        while True:
            self._look.clear()
            rooms, share = await self._survey()
            now = time.monotonic()
            self._orphans = {room: self._orphans.get(room, now) for room in rooms}
            for room, since in self._orphans.items():
                if len(self._held) < share or now - since > PATIENCE:
                    await self._take(room)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY):
                    await self._look.wait()

    async def leave(self) -> None:
        """No longer count as an engine, and tell the others that rooms are free."""
        await self.ledger.redis.zrem(ENGINES, self.ledger.engine)
        await self.ledger.redis.publish(store.NUDGE, b"")

    async def _survey(self) -> tuple[list[str], int]:
        """The rooms without an engine, and how many of all rooms are this engine's share."""
        redis, now = self.ledger.redis, time.time() * 1000
        pipe = redis.pipeline(transaction=False)
        pipe.zadd(ENGINES, {self.ledger.engine: now})
        pipe.zremrangebyscore(ENGINES, "-inf", now - ENGINE_SILENCE)
        pipe.zcard(ENGINES)
        pipe.zrange(store.ROOMS, 0, -1)
        *_, engines, members = await pipe.execute()
        rooms = [member.decode() for member in members]
        leases = await redis.mget([store.lease(room) for room in rooms]) if rooms else []
        free = [
            room
            for room, lease in zip(rooms, leases, strict=True)
            if lease is None and room not in self._held
        ]
        return free, -(-len(rooms) // max(1, engines))

    async def _take(self, room: str) -> None:
        epoch = await self.ledger.claim(room)
        if epoch < 0:  # closed or expired: it is no longer to be listed
            await self.ledger.redis.zrem(store.ROOMS, room)
        if epoch > 0:
            await self._open_room(room, epoch)
