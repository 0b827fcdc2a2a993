"""How long the task queues are: one elected process asks the broker, every page only reads.

Asking costs a round trip to the broker and must not be done by each page or each process. So the
web processes elect one sampler by a short lease in Redis; it writes what it found to `kg:queues`
once a second. When it dies, the lease expires and another takes over.
"""

import asyncio
import contextlib
import logging
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, cast

import msgspec
import redis
import redis.asyncio

from game import metrics
from game.queues.sampler import Sampler

if TYPE_CHECKING:
    from celery import Celery

log = logging.getLogger(__name__)

SAMPLE_EVERY = 1.0  # seconds
SAMPLE_SECONDS = 3.0  # the longest a sample may take; shorter than the lease, so that it stays ours
LEASE_MS = 5_000  # a dead sampler is replaced within this and one turn
KEEP_MS = 86_400_000  # the last sample stays readable for a day: better old and dated than none

KEY = "kg:queues"
LEASE = "kg:queues:sampler"

# Renew the lease, and write the sample under it, only while it is still ours: a sampler that was
# frozen and wakes must not overwrite its successor's figures.
HOLD = """
if redis.call('get', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('pexpire', KEYS[1], ARGV[2])
if ARGV[3] ~= '' then redis.call('set', KEYS[2], ARGV[3], 'px', ARGV[4]) end
return 1
"""
RELEASE = "return redis.call('get', KEYS[1]) == ARGV[1] and redis.call('del', KEYS[1]) or 0"


class Seat:
    """The one sampler's seat: taken, kept and given up by a lease in Redis."""

    def __init__(self, server: "redis.asyncio.Redis") -> None:
        self._server = server
        self._me = uuid.uuid4().hex
        self.held = False

    async def take(self) -> bool:
        """Whether the seat is mine now; tries to get it when it is free."""
        if self.held:
            self.held = await self._hold(b"")
        if not self.held:
            taken = await self._server.set(LEASE, self._me, nx=True, px=LEASE_MS)
            self.held = bool(taken)
            metrics.count("queues.elections", int(self.held))
        return self.held

    async def write(self, sample: dict[str, Any]) -> bool:
        """Publish a sample, if the seat is still mine."""
        self.held = await self._hold(msgspec.json.encode(sample))
        return self.held

    async def last(self) -> dict[str, Any] | None:
        """The sample before mine, whoever took it."""
        return _decoded(await self._server.get(KEY))

    async def release(self) -> None:
        """Give the seat up, so that the next one need not wait for the lease to expire."""
        self.held = False
        await cast("Any", self._server.eval(RELEASE, 1, LEASE, self._me))

    async def _hold(self, body: bytes) -> bool:
        answer = self._server.eval(HOLD, 2, LEASE, KEY, self._me, LEASE_MS, body, KEEP_MS)
        return bool(await cast("Any", answer))


async def sample_forever(server: "redis.asyncio.Redis", app: "Celery | None" = None) -> None:
    """Sample the queues each second whenever this process holds the seat; runs until cancelled."""
    seat, sampler = Seat(server), Sampler(app)
    # A thread of its own: a broker that hangs must not use up the threads that pages need.
    thread = ThreadPoolExecutor(1, thread_name_prefix="queues")
    try:
        while True:
            started = time.monotonic()
            try:
                await _turn(seat, sampler, thread)
            except (redis.RedisError, OSError, TimeoutError) as error:
                seat.held = False
                metrics.count("queues.sample_failures")
                log.debug("No sample of the queues: %s", error)  # publish_forever says it aloud
            await asyncio.sleep(max(0.0, SAMPLE_EVERY - (time.monotonic() - started)))
    finally:
        thread.submit(sampler.close)  # behind the sample that may be running
        thread.shutdown(wait=False)
        with contextlib.suppress(redis.RedisError, OSError, TimeoutError):
            if seat.held:
                async with asyncio.timeout(metrics.WAIT):
                    await seat.release()


async def _turn(seat: Seat, sampler: Sampler, thread: ThreadPoolExecutor) -> None:
    """Hold the seat, sample, publish; never two samples at once."""
    was_mine = seat.held
    async with asyncio.timeout(metrics.WAIT):  # wait_for of Python 3.11 can lose a cancellation
        elected = await seat.take()
    if not elected:
        return
    if not was_mine:
        async with asyncio.timeout(metrics.WAIT):
            sampler.remember(await seat.last())
    loop, started = asyncio.get_running_loop(), time.monotonic()
    async with asyncio.timeout(SAMPLE_SECONDS):
        sample = await loop.run_in_executor(thread, sampler.sample)
    metrics.count("queues.samples")
    metrics.observe("queues.sample_seconds", time.monotonic() - started)
    async with asyncio.timeout(metrics.WAIT):
        await seat.write(sample)


def read(server: "redis.Redis") -> dict[str, Any] | None:
    """The last sample, whoever took it; None when there never was one. See `Sampler.sample`."""
    return _decoded(server.get(KEY))


def _decoded(body: Any) -> dict[str, Any] | None:
    return cast("dict[str, Any]", msgspec.json.decode(body)) if body else None
