"""One sampler at a time; when it dies, another takes over."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import redis
import redis.asyncio
from django.conf import settings

from game import metrics, store
from game.ending import end
from game.queues import election
from game.queues.sampler import Sampler
from tests.live.queue_broker import wait_for

SAMPLER = """
import asyncio, django, sys
django.setup()
from game import metrics, store
from game.queues import election
from game.queues.sampler import Sampler
election.LEASE_MS = 2000
metrics.start("web", sys.argv[1])
async def main():
    await election.sample_forever(store.aredis())
asyncio.run(main())
"""


@pytest.fixture
async def server() -> AsyncIterator[redis.asyncio.Redis]:
    client = store.aredis()
    await client.delete(election.KEY, election.LEASE)
    metrics.start("web", "here")
    yield client
    await client.delete(election.KEY, election.LEASE)
    await store.close_aredis()


def sampler(name: str) -> "subprocess.Popen[bytes]":
    """A process that wants to sample, as web processes do."""
    root = Path(__file__).parents[2]
    return subprocess.Popen([sys.executable, "-c", SAMPLER, name], cwd=root, env={**os.environ})


def sampled_by() -> str:
    client = redis.Redis.from_url(settings.REDIS_URL)
    sample = election.read(client)
    client.close()
    return sample["by"] if sample else ""


async def test_another_takes_over_when_the_sampler_is_killed(server: redis.asyncio.Redis) -> None:
    first = sampler("first")
    try:
        await asyncio.to_thread(wait_for, lambda: sampled_by() == "web:first")
        second = sampler("second")
        try:
            # The second one runs, and keeps its hands off while the first holds the seat.
            third = election.Seat(server)
            assert not await third.take()
            first.kill()
            await asyncio.to_thread(wait_for, lambda: sampled_by() == "web:second")
            assert not await third.take()
        finally:
            second.kill()
            second.wait()
    finally:
        first.kill()
        first.wait()


async def test_a_sampler_that_ends_hands_over_at_once(server: redis.asyncio.Redis) -> None:
    working = asyncio.create_task(election.sample_forever(server))
    await asyncio.to_thread(wait_for, lambda: sampled_by() == "web:here")
    await end([working])
    assert await election.Seat(server).take()


async def test_a_sampler_that_overslept_cannot_overwrite_its_successor(
    server: redis.asyncio.Redis,
) -> None:
    old, new = election.Seat(server), election.Seat(server)
    assert await old.take()
    await server.delete(election.LEASE)  # as if it had expired
    assert await new.take()
    assert await new.write({"by": "new"})
    assert not await old.write({"by": "old"})
    assert not old.held
    assert await asyncio.to_thread(sampled_by) == "new"


async def test_only_one_of_many_holds_the_seat(server: redis.asyncio.Redis) -> None:
    seats = [election.Seat(server) for _ in range(20)]
    assert sum(await asyncio.gather(*(seat.take() for seat in seats))) == 1


async def test_the_sample_tells_of_the_outbox_and_of_redis(server: redis.asyncio.Redis) -> None:
    await server.delete(store.OUTBOX)
    await server.xadd(store.OUTBOX, {"d": "{}"})
    sampler = Sampler()
    sample = await asyncio.to_thread(sampler.sample)
    sampler.close()
    assert sample["outbox"]["length"] == 1
    assert sample["outbox"]["oldest"] >= 0
    assert sample["redis"]["memory"] > 0
    assert 0 < sample["redis"]["latency"] < 5
    assert {row["name"] for row in sample["queues"]} >= {"scores", "maintenance"}
    await server.delete(store.OUTBOX)
