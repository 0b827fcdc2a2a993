"""Counting, measuring, and reporting to a real Redis."""

import asyncio
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from django.conf import settings

from game import metrics, store
from game.ending import end

SOURCE = Path(metrics.__file__).parent.parent


@pytest.fixture(autouse=True)
def this_process() -> Iterator[None]:
    metrics.start("web", "test")
    yield
    metrics.start("web", "test")


@pytest.fixture
def server() -> Iterator[redis.Redis]:
    client = redis.Redis.from_url(settings.REDIS_URL)
    client.delete(metrics.INDEX, *client.keys("kg:proc:*"))
    yield client
    client.delete(metrics.INDEX, *client.keys("kg:proc:*"))
    client.close()


@pytest.fixture
async def aserver() -> AsyncIterator[redis.asyncio.Redis]:
    yield store.aredis()
    await store.close_aredis()


def test_counts_add_up() -> None:
    metrics.count("web.messages_in")
    metrics.count("web.messages_in", 4)
    assert metrics.report()["counters"]["web.messages_in"] == 5


@pytest.mark.parametrize(
    "call",
    [
        lambda: metrics.count("web.nonsense"),
        lambda: metrics.gauge("web.nonsense", 1),
        lambda: metrics.observe("web.nonsense", 1),
        lambda: metrics.detail("nonsense", []),
        lambda: metrics.count("web.connections"),  # a gauge is not a counter
    ],
)
def test_a_name_that_is_not_declared_is_an_error(call: Any) -> None:
    with pytest.raises(KeyError):
        call()


def test_a_client_cannot_invent_names_by_its_close_code() -> None:
    metrics.count("web.closed.3777")
    counters = metrics.report()["counters"]
    assert counters["web.closed.other"] == 1
    assert "web.closed.3777" not in counters


def test_every_name_used_in_the_code_is_declared() -> None:
    call = re.compile(r'metrics\.(?:count|gauge|observe|detail|detail_from)\(\s*f?"([a-z_.{}]+)"')
    used = {
        name
        for path in SOURCE.rglob("*.py")
        for name in call.findall(path.read_text())
        if "{" not in name
    }
    assert used
    assert used <= set(metrics.meanings())


def test_a_name_has_one_kind_and_one_line_of_meaning() -> None:
    kinds = (metrics.COUNTERS, metrics.GAUGES, metrics.OBSERVATIONS, metrics.DETAILS)
    assert sum(map(len, kinds)) == len(metrics.meanings())
    assert all(said and "\n" not in said for said in metrics.meanings().values())


def test_an_observation_tells_its_spread() -> None:
    for n in range(1, 101):
        metrics.observe("engine.tick_seconds", n / 1000)
    spread = metrics.report()["observed"]["engine.tick_seconds"]
    assert spread["n"] == 100
    assert spread["sum"] == pytest.approx(5.05)
    assert (spread["p50"], spread["p99"], spread["max"]) == (0.051, 0.1, 0.1)


def test_observations_are_bounded_and_old_ones_are_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for _ in range(metrics.WINDOW * 2):
        metrics.observe("engine.tick_seconds", 0.5)
    now = metrics.time.monotonic()
    monkeypatch.setattr(metrics.time, "monotonic", lambda: now + metrics.WINDOW_SECONDS + 1)
    metrics.observe("engine.tick_seconds", 0.001)
    spread = metrics.report()["observed"]["engine.tick_seconds"]
    assert spread["n"] == metrics.WINDOW * 2 + 1
    assert spread["max"] == 0.001


def test_recent_counts_look_ten_seconds_back(monkeypatch: pytest.MonkeyPatch) -> None:
    begin = metrics.time.monotonic()
    for second in range(30):
        monkeypatch.setattr(metrics.time, "monotonic", lambda second=second: begin + second)
        metrics.count("web.messages_in", 7)
        report = metrics.report()
    assert report["recent_seconds"] == pytest.approx(9)
    assert report["recent"] == {"web.messages_in": 9 * 7}


def test_a_detail_that_is_too_long_is_cut_and_counted() -> None:
    metrics.detail("rooms", [{"id": str(n)} for n in range(metrics.DETAIL_MOST + 3)])
    report = metrics.report()
    assert len(report["details"]["rooms"]) == metrics.DETAIL_MOST
    assert report["counters"]["metrics.details_trimmed"] == 3


def test_a_detail_can_be_made_afresh_for_each_report(server: redis.Redis) -> None:
    rooms: list[dict[str, str]] = []
    metrics.detail_from("rooms", lambda: rooms)
    metrics.publish_sync(server)
    rooms = [{"id": "abcd"}]
    metrics.publish_sync(server)
    (report,) = metrics.snapshot(server)["living"]
    assert report["details"]["rooms"] == rooms


def test_a_report_that_is_too_large_goes_out_without_details(server: redis.Redis) -> None:
    metrics.detail("rooms", [{"title": "x" * 10_000} for _ in range(100)])
    metrics.publish_sync(server)
    (report,) = metrics.snapshot(server)["living"]
    assert report["details"] == {}
    assert metrics.report()["counters"]["metrics.details_trimmed"] == 100


def test_a_process_is_one_of_four_kinds() -> None:
    with pytest.raises(ValueError, match="web, engine, worker, beat"):
        metrics.start("spaceship")


def test_the_report_tells_what_the_process_costs() -> None:
    report = metrics.report()
    assert report["memory"] > 1_000_000
    assert report["cpu"] > 0
    assert report["uptime"] >= 0


def test_memory_of_a_process_that_is_gone_is_nothing() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    assert metrics.memory(child.pid) == 0


async def test_what_is_published_is_read(server: redis.Redis, aserver: redis.asyncio.Redis) -> None:
    metrics.gauge("web.connections", 12)
    await metrics.publish(aserver)
    seen = metrics.snapshot(server)
    assert [report["gauges"]["web.connections"] for report in seen["living"]] == [12]
    assert seen["silent"] == []


def test_reports_expire_and_the_silent_are_remembered(server: redis.Redis) -> None:
    metrics.publish_sync(server)
    assert 0 < server.pttl("kg:proc:web:test") <= metrics.EXPIRES_MS
    server.pexpire("kg:proc:web:test", 1)
    while server.exists("kg:proc:web:test"):
        pass
    seen = metrics.snapshot(server)
    assert seen["living"] == []
    assert [(gone["kind"], gone["id"]) for gone in seen["silent"]] == [("web", "test")]


def test_the_silent_are_forgotten_after_a_while(server: redis.Redis) -> None:
    server.zadd(metrics.INDEX, {"web:long-gone": metrics.time.time() - metrics.REMEMBER - 1})
    metrics.publish_sync(server)
    assert metrics.snapshot(server)["silent"] == []


def test_a_process_that_says_goodbye_is_not_missed(server: redis.Redis) -> None:
    metrics.publish_sync(server)
    metrics.goodbye_sync(server)
    seen = metrics.snapshot(server)
    assert (seen["living"], seen["silent"]) == ([], [])


async def test_publishing_for_ever_ends_with_a_goodbye(
    server: redis.Redis, aserver: redis.asyncio.Redis
) -> None:
    heard: list[Exception | None] = []
    publishing = asyncio.create_task(metrics.publish_forever(aserver, heard.append))
    async with asyncio.timeout(5):
        while not heard:
            await asyncio.sleep(0)
    assert len(metrics.snapshot(server)["living"]) == 1
    await end([publishing])
    assert set(heard) == {None}
    seen = metrics.snapshot(server)
    assert (seen["living"], seen["silent"]) == ([], [])


async def test_publishing_outlives_a_redis_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "PUBLISH_EVERY", 0.001)
    away = redis.asyncio.Redis.from_url("unix:///nowhere/redis.sock")
    heard: list[Exception | None] = []
    publishing = asyncio.create_task(metrics.publish_forever(away, heard.append))
    async with asyncio.timeout(5):
        while metrics.report()["counters"]["metrics.publish_failures"] < 3:
            await asyncio.sleep(0)
    assert not publishing.done()
    assert len(heard) >= 3
    assert None not in heard
    await end([publishing])
    await away.aclose()


PROCESS = """
import redis, sys, time
from game import metrics
metrics.start("engine", "killed")
server = redis.Redis.from_url(sys.argv[1])
while True:
    metrics.publish_sync(server)
    time.sleep(0.1)
"""


def test_a_killed_process_vanishes_from_the_living(server: redis.Redis) -> None:
    process = subprocess.Popen([sys.executable, "-c", PROCESS, settings.REDIS_URL])
    try:
        while not metrics.snapshot(server)["living"]:
            assert process.poll() is None
    finally:
        process.kill()
        process.wait()
    while metrics.snapshot(server)["living"]:
        assert server.pttl("kg:proc:engine:killed") <= metrics.EXPIRES_MS
    assert [gone["id"] for gone in metrics.snapshot(server)["silent"]] == ["killed"]
