"""What operators have decided holds while Redis is away, and is followed again when it is back."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from game import bans, metrics, store, worker_report
from game.bans import Ban, Watch
from game.queues import pauses
from game.worker_report import Pulse, Reporter
from tests.live.fleet import until
from tests.live.valkey import Valkey

ADA, BOB = "a" * 32, "b" * 32
WAYS = pytest.mark.parametrize("how", ["dies", "hangs"])


@pytest.fixture
def own(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Valkey]:
    """A Redis for one test, which does not wait for it as long as a process would."""
    monkeypatch.setattr(store, "ANSWER_SECONDS", 0.3)
    monkeypatch.setattr(worker_report, "ANSWER_SECONDS", 0.3)
    monkeypatch.setattr(metrics, "PUBLISH_EVERY", 0.02)
    monkeypatch.setattr(bans, "LOOK_EVERY", 0.02)
    valkey = Valkey(tmp_path)
    valkey.start()
    settings.REDIS_URL = valkey.url
    yield valkey
    store.away.over()
    valkey.close()


async def comes(so: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not so():
            await asyncio.sleep(0.005)


@WAYS
async def test_bans_hold_and_are_followed_again(
    own: Valkey, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    missed: list[Exception] = []
    look = Watch.look

    async def counted(self: Watch) -> None:
        try:
            await look(self)
        except store.FAILURES as error:
            missed.append(error)
            raise

    monkeypatch.setattr(Watch, "look", counted)
    own.client.hset(bans.KEY, bans.of_player(ADA), bans.encode(Ban(0)))
    own.client.set(bans.VERSION, "1")
    watch = Watch(lambda: None)
    following = asyncio.create_task(watch.follow())
    await comes(lambda: watch.find(ADA, ""))
    own.lose(how)
    await comes(lambda: len(missed) > 1)
    assert watch.find(ADA, "")
    await asyncio.to_thread(own.come_back, how)
    own.client.hset(bans.KEY, bans.of_player(BOB), bans.encode(Ban(0)))
    own.client.hdel(bans.KEY, bans.of_player(ADA))
    own.client.set(bans.VERSION, "2")
    await comes(lambda: watch.find(BOB, ""))
    assert not watch.find(ADA, "")
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    await store.close_aredis()


class Consumer:
    """As much of Celery's as takes from queues."""

    def __init__(self) -> None:
        self.taken = {"scores": None, "maintenance": None}
        self.app = SimpleNamespace(
            amqp=SimpleNamespace(queues=SimpleNamespace(consume_from=self.taken))
        )
        self.timer = SimpleNamespace(call_repeatedly=lambda every, do: None)

    def cancel_task_queue(self, name: str) -> None:
        del self.taken[name]

    def add_task_queue(self, name: str) -> None:
        self.taken[name] = None


@WAYS
def test_a_paused_queue_stays_paused_and_goes_on_when_it_is_said(
    own: Valkey, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Pulse, "own", None)
    consumer = Consumer()
    pulse = Pulse(consumer)

    def measure() -> None:
        pulse.paused = pauses.read(reporter.server)

    def taken() -> set[str]:
        pulse.beat()  # as the worker's main loop does
        return set(consumer.taken)

    pauses.pause(own.client, "scores")
    reporter = Reporter("worker", "here", measure)
    reporter.start()
    try:
        until(lambda: taken() == {"maintenance"}, "it had paused")
        own.lose(how)
        failures = "metrics.publish_failures"
        until(lambda: metrics.report()["counters"][failures] > 1, "reports failed")
        assert taken() == {"maintenance"}
        own.come_back(how)
        until(lambda: metrics.since_report() < 0.1, "Redis took reports again")
        assert taken() == {"maintenance"}
        pauses.resume(own.client, "scores")
        until(lambda: taken() == {"maintenance", "scores"}, "it went on")
    finally:
        reporter.stop()
        metrics.start("web", "test")
