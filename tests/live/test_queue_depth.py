"""Queue length, exact: real brokers, real workers, against what draining the queues counts."""

import os
import signal
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
import redis
from django.conf import settings

from game import metrics
from game.console.overview import _consumed
from game.queues import address, on_redis
from game.queues.sampler import Sampler
from tests.conftest import absent
from tests.live.queue_broker import Bench, wait_for

RABBITMQ = os.environ.get("TEST_RABBITMQ_URL", "amqp://guest:guest@127.0.0.1:5672//")
VISIBLE_NOW = 0.001  # seconds: the drain gives back at once what the killed worker had fetched


@pytest.fixture
def on_a_redis() -> Iterator[Bench]:
    bench = Bench(address.url(settings.REDIS_URL))
    server = redis.Redis.from_url(settings.REDIS_URL)
    server.delete("unacked", "unacked_index")
    yield bench
    bench.clean()
    server.delete("unacked", "unacked_index")
    server.close()


@pytest.fixture
def on_rabbitmq() -> Iterator[Bench]:
    parts = urlsplit(RABBITMQ)
    try:
        socket.create_connection((parts.hostname or "", parts.port or 5672), 1).close()
    except OSError as error:
        absent("RabbitMQ", str(error))
    bench = Bench(RABBITMQ)
    yield bench
    bench.clean()


def depths(sampler: Sampler) -> dict[str, tuple[int, int | None]]:
    """(ready, in flight) by queue, of a sample that reached the broker."""
    sample = sampler.sample()
    assert sample["broker"]["error"] == ""
    return {row["name"]: (row["ready"], row["in_flight"]) for row in sample["queues"]}


def test_redis_counts_all_priorities(on_a_redis: Bench) -> None:
    scores, odd = on_a_redis.names
    for priority, number in ((0, 3), (3, 2), (6, 4), (9, 1)):
        on_a_redis.publish(scores, number, priority=priority)
    on_a_redis.publish(odd, 5)
    rows = on_a_redis.sampler().sample()["queues"]
    assert [(row["name"], row["ready"], row["in_flight"]) for row in rows] == [
        (scores, 10, 0),
        (odd, 5, 0),
    ]
    assert all(0 <= row["oldest_ready"] < 30 for row in rows)
    assert on_a_redis.drain() == {scores: 10, odd: 5}


def test_redis_counts_what_a_worker_has_fetched(on_a_redis: Bench) -> None:
    scores, odd = on_a_redis.names
    server = redis.Redis.from_url(settings.REDIS_URL)
    for priority in (0, 3, 6, 9):
        on_a_redis.publish(scores, 5, priority=priority)
    on_a_redis.publish(odd, 3, countdown=3600)
    sampler = on_a_redis.sampler()
    with on_a_redis.worker():
        # A worker with one process fetches four, and every countdown on top.
        wait_for(lambda: server.hlen("unacked") >= 7)
        wait_for(lambda: depths(sampler)[odd] == (0, 3))
    ready, fetched = depths(sampler)[scores]
    assert (ready + (fetched or 0), fetched) == (20, server.hlen("unacked") - 3)
    (row, other) = sampler.sample()["queues"]
    assert (row["at_least"], other["at_least"]) == (False, False)
    assert row["oldest_in_flight"] >= 0
    assert on_a_redis.drain() == {scores: ready, odd: 0}
    restored = on_a_redis.drain(visibility_timeout=VISIBLE_NOW)
    assert restored == {scores: fetched, odd: 3}
    server.close()


def test_redis_says_at_least_beyond_what_it_looks_at(
    on_a_redis: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores, _ = on_a_redis.names
    on_a_redis.publish(scores, 6, countdown=3600)
    server = redis.Redis.from_url(settings.REDIS_URL)
    with on_a_redis.worker():
        wait_for(lambda: server.hlen("unacked") == 6)
    monkeypatch.setattr(on_redis, "LOOK_AT", 4)
    row = on_a_redis.sampler().sample()["queues"][0]
    assert (row["in_flight"], row["at_least"]) == (4, True)
    server.close()


def test_redis_does_not_read_huge_messages_but_says_so(on_a_redis: Bench) -> None:
    scores, _ = on_a_redis.names
    on_a_redis.app.send_task("hold", ["x" * 1_000_000], queue=scores, countdown=3600)
    server = redis.Redis.from_url(settings.REDIS_URL)
    with on_a_redis.worker():
        wait_for(lambda: server.hlen("unacked") == 1)
    row = on_a_redis.sampler().sample()["queues"][0]
    assert (row["ready"], row["in_flight"], row["at_least"]) == (0, 0, True)
    server.close()


def test_rabbitmq_counts_ready_and_consumers(on_rabbitmq: Bench) -> None:
    scores, odd = on_rabbitmq.names
    sampler = on_rabbitmq.sampler()
    nowhere = sampler.sample()["queues"]  # nobody has declared the queues yet
    assert [(row["ready"], row["consumers"]) for row in nowhere] == [(0, 0), (0, 0)]
    on_rabbitmq.publish(scores, 11)
    on_rabbitmq.publish(odd, 3, countdown=3600)
    wait_for(lambda: [ready for ready, _ in depths(sampler).values()] == [11, 3])
    assert [row["consumers"] for row in sampler.sample()["queues"]] == [0, 0]
    server = redis.Redis.from_url(settings.REDIS_URL)
    with on_rabbitmq.worker():
        # What the broker still has and what the worker says it took add up, queue by queue.
        wait_for(lambda: sum(taken for _, taken in _shown(sampler, server)) >= 4)
        wait_for(lambda: [sum(row) for row in _shown(sampler, server)] == [11, 3])
        assert [row["consumers"] for row in sampler.sample()["queues"]] == [1, 1]
    # RabbitMQ gives a dead worker's tasks back at once; nothing was lost or counted twice.
    wait_for(lambda: [ready for ready, _ in depths(sampler).values()] == [11, 3])
    assert on_rabbitmq.drain() == {scores: 11, odd: 3}
    server.close()


def _shown(sampler: Sampler, server: redis.Redis) -> list[tuple[int, int]]:
    """Ready and in flight as the page shows them, without the management plugin."""
    living = metrics.snapshot(server)["living"]
    rows = [_consumed(row, living) for row in sampler.sample()["queues"]]
    return [(row["ready"], row["in_flight"] or 0) for row in rows]


def test_a_broker_that_is_away_leaves_the_last_known_and_since_when(on_a_redis: Bench) -> None:
    scores, _ = on_a_redis.names
    on_a_redis.publish(scores, 2)
    sampler = on_a_redis.sampler()
    before = sampler.sample()
    sampler.hang_up()
    on_a_redis.app.conf.broker_url = address.url("unix:///nowhere/redis.sock")
    away = sampler.sample()
    again = sampler.sample()
    assert away["queues"] == before["queues"]
    assert away["broker"]["error"]
    assert before["at"] <= away["broker"]["since"] == again["broker"]["since"]
    on_a_redis.app.conf.broker_url = address.url(settings.REDIS_URL)
    assert sampler.sample()["broker"]["error"] == ""


def test_a_worker_reports_itself_and_is_missed_when_killed(on_a_redis: Bench) -> None:
    server = redis.Redis.from_url(settings.REDIS_URL)
    on_a_redis.publish(on_a_redis.names[0], 6)

    def report() -> dict[str, object] | None:
        mine = [one for one in metrics.snapshot(server)["living"] if on_a_redis.suffix in one["id"]]
        return mine[0] if mine else None

    with on_a_redis.worker() as worker:
        told = wait_for(lambda: (one := report()) and one["gauges"]["worker.active"] and one)
        gauges = told["gauges"]
        assert (gauges["worker.pool"], gauges["worker.active"]) == (1, 1)
        assert gauges["worker.reserved"] >= 1
        assert gauges["worker.pool_memory"] > 1_000_000
        assert gauges["worker.loop_age"] < 10
        assert [queue["name"] for queue in told["details"]["queues"]] == on_a_redis.names
        [row] = told["details"]["tasks"]
        assert row[:5] == [on_a_redis.names[0], "hold", 0, 0, 0]
        assert 0 <= row[5] <= row[6] < 60  # it has waited
        assert row[7:] == [None, None]  # and has not ended
        os.killpg(worker.pid, signal.SIGKILL)
        wait_for(lambda: report() is None)
        silent = [one["id"] for one in metrics.snapshot(server)["silent"]]
        assert told["id"] in silent
    server.delete(metrics.INDEX)
    server.close()
