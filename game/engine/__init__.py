"""One engine process: it claims rooms, steps each on its clock, and commits before it shows."""

import asyncio
import contextlib
import logging
import secrets
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from channels.layers import get_channel_layer
from redis.exceptions import RedisError

from game import internal, metrics, protocol, store, tasks
from game.ending import end
from game.engine.claims import Claims
from game.engine.clock import Clock
from game.engine.hosted import Hosted
from game.engine.ledger import Ledger, Write
from game.engine.writer import Writer
from game.protocol import Close, Command, RoomTick
from game.room import Newer, Tick

logger = logging.getLogger(__name__)

UPKEEP_EVERY = 0.5  # s; three chances within a lease to renew a room that sleeps
REPORT_EVERY = 1.0  # s between the lobby's figures
CLOSE_AFTER = {False: 60.0, True: 600.0}  # s a room may be empty: public, private
OVER_AFTER = 60.0  # s that a finished match is still shown
OUTBOX_BOUND = 100_000  # lives; at some 300 bytes each, 30 MB of Redis
RETRY_AFTER = 0.5  # s before a loop that lost Redis tries again
FLUSH_SECONDS = 3.0  # s that a stopping engine waits for its last writes


class Engine:
    """The rooms of this process; `run` until `stop`."""

    def __init__(self) -> None:
        self.id = secrets.token_hex(4)
        self.rooms: dict[str, Hosted] = {}
        self.ledger = Ledger(store.aredis(), self.id)
        self.writer = Writer(self.ledger)
        self.claims = Claims(self.ledger, self.rooms, self._open, self._give)
        self.clock = Clock(self._advance)
        self._stopping = asyncio.Event()
        self._nudging: asyncio.Task[None] | None = None
        self._lives_wait = False
        self._backlog = False

    def stop(self) -> None:
        """Ask for the end: rooms are handed over, then `run` returns."""
        self._stopping.set()

    async def run(self) -> None:
        """Serve rooms until stopped; ends early only by a defect, never because Redis is away."""
        metrics.start("engine", self.id)
        internal.open_port()
        loops = (self._listen, self.claims.run, self.claims.hear_nudges, self._report)
        async with asyncio.TaskGroup() as group:
            running = [group.create_task(_steadily(loop)) for loop in loops]
            running.append(group.create_task(self.clock.run()))
            running.append(group.create_task(self.writer.run()))
            running.append(group.create_task(self._upkeep()))
            reports = metrics.publish_forever(store.aredis(), store.noticed)
            running.append(group.create_task(reports))
            await self._stopping.wait()
            await self._hand_over()
            await end(running)

    async def _hand_over(self) -> None:
        """Keep every room as it is and give its lease back."""
        with contextlib.suppress(RedisError, OSError, TimeoutError):
            await self.claims.begin_to_leave()
        for hosted in list(self.rooms.values()):
            hosted.ticking = False
            self._keep(hosted)
            self._write(hosted, self.ledger.release(hosted.id, hosted.epoch))
        if not await self.writer.flush(FLUSH_SECONDS):
            logger.warning("stopped with writes unanswered; the rooms recover from the journal")
        self.rooms.clear()
        with contextlib.suppress(RedisError, OSError, TimeoutError):
            await self.claims.leave()

    # --- Inputs ------------------------------------------------------------------------------
    async def _listen(self) -> None:
        layer = get_channel_layer()
        while True:
            message = await layer.receive(f"engine.{self.id}")
            try:
                batch = protocol.decode_batch(message["batch"])
            except (KeyError, protocol.Malformed) as error:
                logger.error("an unreadable batch was dropped: %r", error)
                continue
            metrics.count("engine.inputs", len(batch))
            for room_id, command in batch:
                hosted = self.rooms.get(room_id)
                if hosted is not None:
                    self._take(hosted, command)

    def _take(self, hosted: Hosted, command: Command) -> None:
        if isinstance(command, Close):
            self._close(hosted)
            return
        now = time.monotonic()
        match hosted.take(command, now):
            case protocol.TOO_MANY:
                metrics.count("engine.inputs_dropped")
            case protocol.NOT_SEATED:
                metrics.count("engine.refused_actions")
        if not hosted.ticking and hosted.wanted(now):
            self._wake(hosted)
        elif hosted.ticking and not hosted.room.game.rate and hosted.pressing():
            self.clock.push(hosted, now)

    def _wake(self, hosted: Hosted) -> None:
        hosted.ticking = hosted.keys_wanted = True
        hosted.empty_since = None
        self.clock.start(hosted)

    # --- Ticks -------------------------------------------------------------------------------
    def _advance(self, hosted: Hosted) -> None:
        """One tick of one room: step it, and hand what came of it to the writer."""
        now, cpu = time.monotonic(), time.thread_time()
        if hosted.unanswered >= Hosted.UNANSWERED_MOST:
            hosted.rebase(now)
            return
        if hosted.falls_behind(now):
            metrics.count("engine.late_ticks")
        hosted.forget_silent(now)
        try:
            tick = hosted.room.step()
            commit = self._commit(hosted, tick)
        except Exception:
            about = {"room": hosted.id}  # not bound: that would cost something in each tick
            logger.exception("room %s failed in a tick; it is recovered", hosted.id, extra=about)
            self._drop(hosted)
            return
        hosted.stepped(now, time.monotonic())
        metrics.count("engine.overruns", hosted.overran())
        hosted.note_cost(time.thread_time() - cpu)
        metrics.observe("engine.tick_seconds", hosted.last_seconds)
        metrics.count("engine.stale_actions", tick.stale)
        metrics.count("engine.refused_actions", tick.refused)
        self._write(hosted, commit, lives=len(tick.lives))
        if not hosted.room.game.rate:
            hosted.rebase(now)

    def _commit(self, hosted: Hosted, tick: Tick) -> Write:
        return self.ledger.commit(
            hosted.id,
            hosted.epoch,
            tick.number,
            inputs=protocol.encode(tick.inputs) if tick.inputs else b"",
            message=protocol.encode(hosted.message(tick)),
            lives=[protocol.encode_json(life) for life in tick.lives],
        )

    def _write(self, hosted: Hosted, write: Write, lives: int = -1) -> None:
        hosted.unanswered += 1
        self.writer.put(write, partial(self._answered, hosted, lives))

    def _answered(self, hosted: Hosted, lives: int, answer: str, seconds: float) -> None:
        """A write was answered; `lives` is -1 for one that was no tick."""
        hosted.unanswered -= 1
        if answer in {"lost", "gap"}:
            if self.rooms.get(hosted.id) is hosted:
                metrics.count("engine.commits_refused")
                logger.warning(
                    "room %s is no longer this engine's (%s)",
                    hosted.id,
                    answer,
                    extra={"room": hosted.id},
                )
                self._drop(hosted)
            return
        # Each tick, or while there are none each renewal; what else is written comes in between.
        hosted.renewed_at = time.monotonic()
        if lives >= 0:
            metrics.count("engine.ticks")
            metrics.observe("engine.commit_seconds", seconds)
            if lives:
                metrics.count("engine.lives", lives)
                self._nudge()
            # Now is the longest until the room's next tick: a large one takes its time over this.
            if hosted.ticking and hosted.renewed_at - hosted.kept_at > Hosted.CHECKPOINT_EVERY:
                self._keep(hosted)

    def _nudge(self) -> None:
        """Tell Celery that lives wait: one telling at a time, and once more for what came since."""
        self._lives_wait = True
        if self._nudging is None or self._nudging.done():
            self._nudging = asyncio.create_task(self._tell_celery())

    async def _tell_celery(self) -> None:
        while self._lives_wait:
            self._lives_wait = False
            await asyncio.to_thread(tasks.nudge)  # bounded in time; beat is the safety net

    # --- Rooms come and go -------------------------------------------------------------------
    async def _open(self, room_id: str, epoch: int) -> None:
        try:
            last_resort = self.claims.last_resort(room_id)
            room = await self.ledger.recover(room_id, epoch, last_resort=last_resort)
        except Newer as error:
            if self.claims.leave_to_newer(room_id):
                logger.warning("room %s is left to an engine of its release: %s", room_id, error)
            await self.ledger.send([self.ledger.release(room_id, epoch)])
            return
        except (KeyError, ValueError) as error:
            logger.error("room %s cannot be opened and is closed: %r", room_id, error)
            await self.ledger.send([self.ledger.close(room_id, epoch, _gone(epoch))])
            return
        if self._stopping.is_set():
            await self.ledger.send([self.ledger.release(room_id, epoch)])
            return
        metrics.count("engine.recoveries", 1 if room.tick else 0)
        room.backlog = self._backlog
        hosted = Hosted(room, epoch, kept_at=time.monotonic(), renewed_at=time.monotonic())
        hosted.adopt(time.monotonic())
        self.rooms[room_id] = hosted
        self._wake(hosted)

    def _give(self, room_id: str, engine: str) -> None:
        """Put a room that could go on here into the hands of an engine that has less to do."""
        hosted = self.rooms[room_id]
        if hosted.paused():
            return  # Redis is slow: this is no time to move
        hosted.ticking = False
        self._keep(hosted)
        self._write(hosted, self.ledger.give(room_id, hosted.epoch, engine))
        del self.rooms[room_id]
        metrics.count("engine.given")

    def _drop(self, hosted: Hosted) -> None:
        hosted.ticking = False
        self.rooms.pop(hosted.id, None)
        self.claims.look()

    def _close(self, hosted: Hosted) -> None:
        """End a room for good; everyone in it is told."""
        hosted.ticking = False
        del self.rooms[hosted.id]
        self._write(hosted, self.ledger.close(hosted.id, hosted.epoch, _gone(hosted.epoch)))

    def _keep(self, hosted: Hosted) -> None:
        hosted.kept_at = time.monotonic()
        state = protocol.encode(hosted.room.checkpoint())
        write = self.ledger.checkpoint(hosted.id, hosted.epoch, hosted.room.tick, state)
        self._write(hosted, write)

    # --- At intervals ------------------------------------------------------------------------
    async def _upkeep(self) -> None:
        """The leases of rooms that do not tick, sleep, and the end of empty rooms."""
        while True:
            for hosted in list(self.rooms.values()):
                now = time.monotonic()
                self._rest(hosted, now)
                if hosted.id not in self.rooms or hosted.paused():
                    continue
                if not hosted.ticking or not hosted.room.game.rate:
                    self._write(hosted, self.ledger.renew(hosted.id, hosted.epoch))
                await asyncio.sleep(0)
            metrics.gauge("engine.rooms", len(self.rooms))
            metrics.gauge("engine.seats", sum(len(h.room.seats) for h in self.rooms.values()))
            metrics.gauge("engine.lease_age", self._lease_age())
            metrics.gauge("engine.drained", int(self.claims.drained))
            metrics.gauge("engine.writes", len(self.writer))
            metrics.gauge("engine.paused", sum(h.paused() for h in self.rooms.values()))
            await asyncio.sleep(UPKEEP_EVERY)

    def _lease_age(self) -> float:
        """Seconds since the lease of the room that has waited longest was renewed."""
        now = time.monotonic()
        return max((now - hosted.renewed_at for hosted in self.rooms.values()), default=0.0)

    def _rest(self, hosted: Hosted, now: float) -> None:
        hosted.forget_silent(now)
        if hosted.room.over:
            hosted.over_since = hosted.over_since or now
            if now - hosted.over_since > OVER_AFTER:
                self._close(hosted)
        elif hosted.wanted(now):
            hosted.empty_since = None
        else:
            hosted.ticking = False
            hosted.empty_since = hosted.empty_since or now
            if now - hosted.empty_since > CLOSE_AFTER[hosted.room.settings.private]:
                self._close(hosted)

    def _listed(self) -> list[dict[str, Any]]:
        """The rooms on the operator's page."""
        at = time.monotonic()
        return [hosted.report(at) for hosted in self.rooms.values()]

    async def _report(self) -> None:
        """The lobby's list, and whether the outbox has room."""
        redis = self.ledger.redis
        metrics.detail_from("rooms", self._listed)
        while True:
            lines: dict[Any, Any] = {
                room: protocol.encode_json(h.line()) for room, h in self.rooms.items()
            }
            now = time.time() * 1000
            busy: dict[Any, Any] = {
                room: now for room, hosted in self.rooms.items() if hosted.ticking
            }
            pipe = redis.pipeline(transaction=False)
            pipe.xlen(store.OUTBOX)
            if lines:
                pipe.hset(store.LOBBY, mapping=lines)
            if busy:
                pipe.zadd(store.ROOMS, busy, xx=True)
            waiting, *_ = await pipe.execute()
            metrics.gauge("engine.outbox", waiting)
            self._backlog = waiting >= OUTBOX_BOUND
            for hosted in self.rooms.values():
                hosted.room.backlog = self._backlog
            await asyncio.sleep(REPORT_EVERY)


def _gone(epoch: int) -> bytes:
    return protocol.encode(RoomTick(epoch=epoch, tick=0, gone=True))


async def _steadily(loop: Callable[[], Awaitable[None]]) -> None:
    """Run a loop again whenever it lost Redis."""
    while True:
        try:
            await loop()
        except (RedisError, OSError, TimeoutError) as error:
            store.noticed(error)
        await asyncio.sleep(RETRY_AFTER)
