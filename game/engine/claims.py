"""Which rooms this engine takes: those it is given, and its share of those without a lease."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import cast

from structlog.contextvars import bound_contextvars

from game import store
from game.engine.balance import BALANCE_EVERY, HAND_ON_EVERY, parcel_out, surplus
from game.engine.hosted import Hosted
from game.engine.ledger import Ledger

logger = logging.getLogger(__name__)

LOOK_EVERY = 0.25  # s between looks; a nudge makes it sooner
NEWER_SECONDS = 30.0  # s that a later release's room is left to it: who crashed is back by then
PATIENCE = 1.0  # s that a room beyond the fair share is left to the other engines


class Claims:
    """Looks for rooms that nobody steps, and takes them; gives some away when it has too many.

    `held` are the rooms of this engine, `open_room` gets (id, epoch), `give` gets (id, engine).
    """

    def __init__(
        self,
        ledger: Ledger,
        held: Mapping[str, Hosted],
        open_room: Callable[[str, int], Awaitable[None]],
        give: Callable[[str, str], None],
    ) -> None:
        self.ledger = ledger
        self._held = held
        self._open_room = open_room
        self._give = give
        self._orphans: dict[str, float] = {}  # room → when it was first seen without a lease
        self._epochs: dict[str, int] = {}  # room → the last epoch in which it was opened here
        self._newer: dict[str, float] = {}  # room of a later release → when that was found
        self._balanced = 0.0  # when rooms were last given away, or the figures looked at
        self._look = asyncio.Event()
        self._leaving = False
        self.drained = False  # whether operators wish that this engine take no rooms

    def look(self) -> None:
        """Look at once."""
        self._look.set()

    async def hear_nudges(self) -> None:
        """Look whenever a room is made, given or given up; raises when Redis goes away."""
        async with store.connect() as client, client.pubsub() as pubsub:
            await pubsub.subscribe(store.NUDGE)
            async for _ in pubsub.listen():
                self.look()

    async def run(self) -> None:
        """Look for rooms until this engine leaves; raises when Redis goes away."""
        await self.ledger.load()  # another release may have left other functions there
        while not self._leaving:
            self._look.clear()
            engines = await self.ledger.engines(sum(self._loads().values()))
            self.drained = self.ledger.engine not in engines
            await self._take_what_is_due(len(engines))
            self._balance(engines)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY):
                    await self._look.wait()

    async def begin_to_leave(self) -> None:
        """Take nothing more, and be given nothing more."""
        self._leaving = True
        await self.ledger.leave()

    async def leave(self) -> None:
        """Tell the others that rooms are free."""
        await self.ledger.leave()  # a look that was under way may have counted this engine again
        await self.ledger.redis.publish(store.NUDGE, b"")

    def last_resort(self, room: str) -> bool:
        """Whether a room of a later release was left to it for so long that it will not come."""
        since = self._newer.get(room)
        return since is not None and time.monotonic() - since > NEWER_SECONDS

    def leave_to_newer(self, room: str) -> bool:
        """Do not take this room for a while; whether that is new."""
        known = room in self._newer
        self._newer.setdefault(room, time.monotonic())
        return not known

    async def _take_what_is_due(self, engines: int) -> None:
        """Open what was given to this engine, and its share of what nobody holds."""
        redis, now = self.ledger.redis, time.monotonic()
        members = cast("list[bytes]", await redis.zrange(store.ROOMS, 0, -1))
        rooms = [member.decode() for member in members]
        leases = cast(
            "list[bytes | None]", await redis.mget(map(store.lease, rooms)) if rooms else []
        )
        share = -(-len(rooms) // max(1, engines))
        free: list[str] = []
        for room, lease in zip(rooms, leases, strict=True):
            if lease is None and room not in self._held:
                free.append(room)
            elif lease is not None:
                await self._accept(room, lease.decode())
        listed = set(rooms)
        self._epochs = {room: epoch for room, epoch in self._epochs.items() if room in listed}
        left = listed.difference(self._held)
        self._newer = {room: since for room, since in self._newer.items() if room in left}
        if self.drained:
            free.clear()  # somebody else's; but what was given to it, it has opened
        self._orphans = {room: self._orphans.get(room, now) for room in free}
        for room, since in self._orphans.items():
            if room in self._newer and not self.last_resort(room):
                continue
            if len(self._held) < share or now - since > PATIENCE:
                await self._take(room)

    async def _accept(self, room: str, lease: str) -> None:
        """Open a room that another engine gave to this one: its epoch is one never seen here."""
        engine, _, epoch = lease.partition(":")
        if engine == self.ledger.engine and int(epoch) > self._epochs.get(room, 0):
            await self._open(room, int(epoch))

    async def _take(self, room: str) -> None:
        epoch = await self.ledger.claim(room)
        if epoch < 0:  # closed or expired: it is no longer to be listed
            await self.ledger.redis.zrem(store.ROOMS, room)
        if epoch > 0:
            await self._open(room, epoch)

    async def _open(self, room: str, epoch: int) -> None:
        self._epochs[room] = epoch
        with bound_contextvars(room=room):
            await self._open_room(room, epoch)

    def _loads(self) -> dict[str, float]:
        return {room: hosted.load() for room, hosted in self._held.items()}

    def _balance(self, engines: Mapping[str, float]) -> None:
        """Give rooms to who has less to do; when this engine is drained, all, a few at a time."""
        now = time.monotonic()
        every = HAND_ON_EVERY if self.drained else BALANCE_EVERY
        if self._leaving or now - self._balanced < every:
            return
        self._balanced = now
        if self.drained:
            given = parcel_out(self._loads(), engines)
        else:
            given = surplus(self.ledger.engine, self._loads(), engines)
        for room, engine in given.items():
            self._give(room, engine)
