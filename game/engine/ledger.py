"""A room's record in Redis: claimed under a lease, written tick by tick, recovered by replay.

Every write goes through one Redis function that first checks that the lease still carries the
writer's epoch, so that an engine that was frozen and wakes can change nothing.
"""

import logging
import math
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import msgspec
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from game import protocol, store
from game.room import STATE_FORMAT, Newer, Room, Settings
from game.rules.games import GAMES

logger = logging.getLogger(__name__)

# How long a dead engine's room stands still before it is taken over, which takes half a second for
# twenty rooms; seven times a bad scheduling hiccup.
LEASE_MS = 1_500
# After which an engine no longer counts: four looks missed. Before its leases end, so that the
# others know by then that its rooms are all theirs.
ENGINE_SILENCE_MS = 1_200
Entries = Sequence[tuple[bytes, dict[bytes, bytes]]]  # a stream: id, fields
LIBRARY = Path(__file__).with_name("ledger.lua")


@dataclass(frozen=True, slots=True)
class Write:
    """One call of a function of ledger.lua; it answers "ok", "done", "lost" or "gap"."""

    function: str
    keys: tuple[str, ...]
    args: tuple[Any, ...]


class Ledger:
    """One engine's hand on the records of rooms."""

    def __init__(self, redis: Redis, engine: str) -> None:
        self.redis = redis
        self.engine = engine

    async def load(self) -> None:
        """Put the functions into Redis; done again whenever Redis has lost them."""
        await self.redis.function_load(LIBRARY.read_text(), replace=True)

    async def send(self, writes: Sequence[Write]) -> list[Any]:
        """Run writes in order, in one round trip; raises when any of them failed.

        A write that was carried out though its answer was lost may be sent again: it is "done".
        """
        pipe = self.redis.pipeline(transaction=False)
        for write in writes:
            pipe.fcall(write.function, len(write.keys), *write.keys, *write.args)
        answers = await pipe.execute(raise_on_error=False)
        failures = [answer for answer in answers if isinstance(answer, Exception)]
        if any(isinstance(f, ResponseError) and "Function not found" in str(f) for f in failures):
            await self.load()
            return await self.send(writes)
        if failures:
            raise failures[0]
        return [a.decode() if isinstance(a, bytes) else a for a in answers]

    # --- Writes ------------------------------------------------------------------------------
    def commit(
        self,
        room: str,
        epoch: int,
        tick: int,
        *,
        inputs: bytes,
        message: bytes,
        lives: Sequence[bytes],
    ) -> Write:
        """Record a tick's inputs (b"" for none) and finished lives, then publish its message."""
        keys = (store.room(room), store.lease(room), store.journal(room), store.OUTBOX)
        holder = f"{self.engine}:{epoch}"
        args = (holder, tick, LEASE_MS, inputs, store.frames(room), message, *lives)
        return Write("kg_commit", keys, args)

    def checkpoint(self, room: str, epoch: int, tick: int, state: bytes) -> Write:
        """Keep a room's whole state as of a committed tick; the journal up to it goes."""
        keys = (store.room(room), store.lease(room), store.journal(room))
        return Write("kg_checkpoint", keys, (f"{self.engine}:{epoch}", tick, state))

    def renew(self, room: str, epoch: int) -> Write:
        """Keep the lease of a room that does not tick."""
        return Write("kg_renew", (store.lease(room),), (f"{self.engine}:{epoch}", LEASE_MS))

    def release(self, room: str, epoch: int) -> Write:
        """Give a lease back, for another engine to take at once."""
        return Write("kg_release", (store.lease(room),), (f"{self.engine}:{epoch}",))

    def give(self, room: str, epoch: int, engine: str) -> Write:
        """Put a room into the hands of another engine, which is told; it opens it at once."""
        args = (f"{self.engine}:{epoch}", engine, LEASE_MS, store.NUDGE, room)
        return Write("kg_give", (store.room(room), store.lease(room)), args)

    def close(self, room: str, epoch: int, message: bytes) -> Write:
        """End a room: its record is deleted and its web processes are told."""
        own = (store.room(room), store.lease(room), store.journal(room), store.reserved(room))
        keys = (*own, store.ROOMS, store.LOBBY)
        args = (f"{self.engine}:{epoch}", room, store.frames(room), message)
        return Write("kg_close", keys, args)

    # --- The engines ---------------------------------------------------------------------------
    async def engines(self, load: float) -> dict[str, float]:
        """Say that this engine lives and what it bears; answers the load of all that take rooms.

        This engine is not among them while operators wish that it be drained. One that cannot read
        this one's state bears, as it were, endlessly much: it is given nothing.
        """
        keys = (store.ENGINES, store.LOADS, store.drain(f"engine:{self.engine}"))
        args = (self.engine, f"{load}@{STATE_FORMAT}", ENGINE_SILENCE_MS, store.WISH_MS)
        (said,) = await self.send([Write("kg_engines", keys, args)])
        names, loads = (part.decode() for part in said[::2]), map(_burden, said[1::2])
        return dict(zip(names, loads, strict=True))

    async def leave(self) -> None:
        """No longer count as an engine."""
        await self.redis.zrem(store.ENGINES, self.engine)
        await self.redis.hdel(store.LOADS, self.engine)

    # --- Taking a room -----------------------------------------------------------------------
    async def claim(self, room: str) -> int:
        """Take the lease; answers the new epoch, 0 when it is taken, -1 when the room is gone."""
        keys = (store.room(room), store.lease(room))
        (epoch,) = await self.send([Write("kg_claim", keys, (self.engine, LEASE_MS))])
        return int(epoch)

    async def recover(self, room_id: str, epoch: int, *, last_resort: bool = False) -> Room:
        """The room as it was at its last committed tick: checkpoint, then the journal replayed.

        A damaged checkpoint or journal starts a new match, with an error in the log; finished
        lives are in the outbox and lose nothing. Raises KeyError when the room is gone,
        ValueError when its settings cannot be read, and Newer for the state of a later release,
        unless, as a last resort, that counts as damaged, too.
        """
        record = cast("dict[bytes, bytes]", await self.redis.hgetall(store.room(room_id)))
        settings = msgspec.json.decode(record[b"settings"], type=Settings)
        last = int(record.get(b"tick", 0))
        entries = cast("Entries", await self.redis.xrange(store.journal(room_id)))
        if settings.game not in GAMES and not last_resort:
            raise Newer(f"no game {settings.game} here")
        try:
            return _replay(settings, record.get(b"checkpoint"), entries, last)
        except Exception as error:  # whatever it is, no engine could ever open this room
            if isinstance(error, Newer) and not last_resort:
                raise
            logger.exception("room %s begins a new match: its state is damaged", room_id)
            return await self._begin_anew(settings, last, epoch)

    async def _begin_anew(self, settings: Settings, last: int, epoch: int) -> Room:
        """A new match under a new name, so that its lives are never taken for old ones."""
        fresh = replace(settings, match=secrets.token_hex(16), seed=secrets.randbits(32))
        room = Room(fresh)
        room.tick = last
        state = protocol.encode(room.checkpoint())
        keys = (store.room(settings.id), store.lease(settings.id), store.journal(settings.id))
        args = (f"{self.engine}:{epoch}", protocol.encode_json(fresh), state)
        await self.send([Write("kg_anew", keys, args)])
        return room


def _burden(said: bytes) -> float:
    """The load of an engine that can read this one's state; of another, infinity."""
    load, _, state_format = said.partition(b"@")
    return float(load) if int(state_format or 0) >= STATE_FORMAT else math.inf


def _replay(
    settings: Settings,
    checkpoint: bytes | None,
    entries: Entries,
    last: int,
) -> Room:
    room = Room(settings)
    if checkpoint is not None:
        room = Room.restore(settings, protocol.decode_plain(checkpoint))
    journal = {
        int(entry.partition(b"-")[0]): protocol.decode_inputs(fields[b"i"])
        for entry, fields in entries
    }
    while room.tick < last:
        room.replay(journal.get(room.tick + 1, []))
    return room
