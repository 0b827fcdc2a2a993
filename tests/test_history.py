"""The charts' points: what the sampler sees becomes an hour and a day of figures, and marks."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from game import history, metrics, store
from game.history import EVERY, MARKS, MARKS_MOST, POINTS, Recorder
from tests.test_internal import SAMPLE

BEGIN = 1_800_000_000  # a moment at which both rings begin an interval
HOUR, DAY = EVERY["hour"], EVERY["day"]


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """The time, as the test sets it; no process, no point, no mark to begin with."""
    empty()
    now = [float(BEGIN)]
    monkeypatch.setattr(metrics, "clock", lambda server: now[0])
    yield now
    empty()


def empty() -> None:
    client = store.redis()
    rings = [history.KEY + ring for ring in EVERY]
    client.delete(*rings, MARKS, metrics.INDEX, *client.keys("kg:proc:*"))


def report(kind: str, id: str, started: float = BEGIN, **more: Any) -> None:
    """Have a process report itself."""
    told = {"kind": kind, "id": id, "started": started, "cpu": 0.0, "memory": 1000}
    empty: dict[str, Any] = {"counters": {}, "gauges": {}, "observed": {}, "details": {}}
    store.redis().set(f"kg:proc:{kind}:{id}", json.dumps(told | empty | more))
    store.redis().zadd(metrics.INDEX, {f"{kind}:{id}": started})


def sample(at: float, **changes: Any) -> dict[str, Any]:
    return {**SAMPLE, "at": at, **changes}


def figure(name: str, ring: str = "hour") -> list[float | None]:
    found: list[float | None] = history.read(store.redis(), ring)["figures"].get(name, [])
    return found


def marks() -> list[list[Any]]:
    return [mark[1:] for mark in history.read(store.redis(), "day")["marks"]]


def test_levels_are_added_up_and_the_worst_is_told() -> None:
    report("web", "a", gauges={"web.connections": 3})
    report("web", "b", gauges={"web.connections": 4})
    report("engine", "c", observed={"engine.tick_seconds": {"n": 1, "sum": 1, "p99": 0.004}})
    report("engine", "d", observed={"engine.tick_seconds": {"n": 1, "sum": 1, "p99": 0.0123456}})
    Recorder(store.redis()).take(sample(BEGIN))
    assert figure("connections") == [7]
    assert figure("tick p99") == [0.01235]
    assert figure("tick p50") == [None]
    assert figure("memory") == [4000]
    assert figure("queue scores") == [4]
    assert figure("outbox") == [9]


def test_rates_count_what_was_added_since_the_last_point() -> None:
    recorder = Recorder(store.redis())
    report("engine", "a", counters={"engine.ticks": 1000}, cpu=7.0)
    recorder.take(sample(BEGIN))
    report("engine", "a", counters={"engine.ticks": 1050}, cpu=8.0)
    report("engine", "b", counters={"engine.ticks": 25})
    recorder.take(sample(BEGIN + HOUR))
    report("engine", "a", started=BEGIN + 7, counters={"engine.ticks": 10})
    recorder.take(sample(BEGIN + 2 * HOUR))
    assert figure("ticks") == [None, 15, 2]
    assert figure("cpu engine") == [None, 0.2, 0]


def test_one_point_in_an_interval_however_often_it_is_asked() -> None:
    recorder = Recorder(store.redis())
    for second in range(11):
        recorder.take(sample(BEGIN + second))
    assert history.read(store.redis(), "hour")["at"] == [BEGIN, BEGIN + 5, BEGIN + 10]


def test_the_day_has_the_mean_of_each_two_minutes() -> None:
    recorder = Recorder(store.redis())
    for n in range(DAY // HOUR + 1):
        report("web", "a", gauges={"web.connections": n})
        recorder.take(sample(BEGIN + n * HOUR))
    assert history.read(store.redis(), "day")["at"] == [BEGIN + DAY]
    assert figure("connections", "day") == [12.5]


def test_no_rate_is_told_over_a_pause() -> None:
    report("engine", "a", counters={"engine.ticks": 0})
    recorder = Recorder(store.redis())
    recorder.take(sample(BEGIN))
    report("engine", "a", counters={"engine.ticks": 9000})
    recorder.take(sample(BEGIN + 900))
    assert figure("ticks") == [None, None]


def test_a_broker_that_is_away_leaves_a_gap() -> None:
    recorder = Recorder(store.redis())
    recorder.take(sample(BEGIN))
    recorder.take(sample(BEGIN + HOUR, broker={**SAMPLE["broker"], "error": "refused"}))
    assert figure("queue scores") == [4, None]


def test_rings_and_marks_have_an_end() -> None:
    client = store.redis()
    for n in range(POINTS + 5):
        history._append(client, "hour", BEGIN + n * HOUR, {"rooms": n})
    assert client.llen(history.KEY + "hour") == POINTS
    assert figure("rooms")[0] == 5
    for n in range(MARKS_MOST + 5):
        history.mark(client, "act", f"{n} " * 200)
    assert client.llen(MARKS) == MARKS_MOST
    assert len(marks()[0][1]) == history.WORDS_MOST


def test_who_comes_ends_or_is_lost_leaves_a_mark() -> None:
    recorder = Recorder(store.redis())
    report("engine", "a")
    report("worker", "b")
    recorder.take(sample(BEGIN))
    assert marks() == []  # who was there before the first look has not come
    report("engine", "c")
    store.redis().delete("kg:proc:engine:a")  # it expired, and the index remembers it
    store.redis().delete("kg:proc:worker:b")
    store.redis().zrem(metrics.INDEX, "worker:b")  # it said goodbye
    recorder.take(sample(BEGIN + HOUR))
    assert sorted(marks()) == [
        ["end", "worker b ended"],
        ["lost", "engine a was lost"],
        ["start", "engine c began"],
    ]


def test_a_page_asks_only_for_what_it_has_not(clock: list[float]) -> None:
    recorder = Recorder(store.redis())
    for n in range(10):
        recorder.take(sample(BEGIN + n * HOUR))
    clock[0] = BEGIN + 45.0
    told = history.read(store.redis(), "hour", BEGIN + 7 * HOUR)
    assert told["at"] == [BEGIN + 8 * HOUR, BEGIN + 9 * HOUR]
    assert told["every"] == HOUR


# --- Its address -----------------------------------------------------------------------------
@pytest.fixture
def operator(client: Client, db: None) -> Client:
    user = User.objects.create_user("olga", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_metrics"))
    client.force_login(user)
    return client


def test_an_operator_reads_the_rings(operator: Client) -> None:
    Recorder(store.redis()).take(sample(BEGIN))
    answer = operator.get(reverse("admin:metrics_past"), {"ring": "hour"})
    assert answer.json()["at"] == [BEGIN]
    assert answer["Cache-Control"].startswith("max-age=0")


@pytest.mark.parametrize("query", [{"ring": "year"}, {"since": "yesterday"}])
def test_what_is_no_ring_is_said(operator: Client, query: dict[str, str]) -> None:
    answer = operator.get(reverse("admin:metrics_past"), query)
    assert (answer.status_code, answer.json()) == (400, {"error": "There is no such ring."})


@pytest.mark.django_db
def test_nobody_else_does(client: Client) -> None:
    client.force_login(User.objects.create_user("sam", is_staff=True))
    assert client.get(reverse("admin:metrics_past")).status_code == 403
    client.logout()
    assert client.get(reverse("admin:metrics_past")).status_code == 403
