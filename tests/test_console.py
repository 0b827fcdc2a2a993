"""The Metrics page: who may see it, what it says, and the levers."""

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest
import redis
from asgiref.sync import sync_to_async
from celery import current_app
from channels.layers import get_channel_layer
from django.conf import settings
from django.contrib.auth.models import Permission, User
from django.test import AsyncClient, Client
from django.urls import reverse

from game import metrics, protocol, store
from game.console import brief, overview, runbook, words
from game.models import AuditEntry
from game.queues import election
from game.queues.sampler import Sampler

pytestmark = pytest.mark.django_db(transaction=True)
PAGE, FIGURES, KICK, CLOSE = (f"admin:metrics{end}" for end in ("", "_figures", "_kick", "_close"))
Login = Callable[..., Client]


@pytest.fixture
def server() -> Iterator[redis.Redis]:
    client = redis.Redis.from_url(settings.REDIS_URL)
    clear(client)
    metrics.start("web", "test")
    yield client
    clear(client)
    client.close()
    overview.reader.cache_clear()
    overview._away_since = None


def clear(client: redis.Redis) -> None:
    client.delete(metrics.INDEX, election.KEY, election.LEASE, *client.keys("kg:proc:*"))


@pytest.fixture
def login() -> Login:
    def log_in(*permissions: str, staff: bool = True) -> Client:
        user = User.objects.create_user("olga", password="x", is_staff=staff)
        found = Permission.objects.filter(codename__in=permissions)
        assert len(found) == len(permissions)
        user.user_permissions.set(found)
        client = Client(enforce_csrf_checks=False)
        client.force_login(user)
        return client

    return log_in


def figures(client: Client, query: str = "") -> dict[str, Any]:
    answer = client.get(reverse(FIGURES) + query)
    assert answer.status_code == 200
    return dict(answer.json())


# --- Who may see it --------------------------------------------------------------------------
def test_the_page_is_for_those_with_its_permission(server: redis.Redis, login: Login) -> None:
    answer = login("view_metrics").get(reverse(PAGE))
    assert answer.status_code == 200
    assert b'id="kgm"' in answer.content
    assert b"data-kick" not in answer.content


def test_the_levers_are_shown_to_those_who_may_pull_them(login: Login) -> None:
    content = login("view_metrics", "kick_player", "close_room").get(reverse(PAGE)).content
    assert b"data-kick" in content
    assert b"data-close" in content


def test_staff_without_the_permission_see_nothing(login: Login) -> None:
    client = login()
    assert client.get(reverse(PAGE)).status_code == 403
    assert client.get(reverse(FIGURES)).status_code == 403


def test_a_permission_without_being_staff_is_not_enough(login: Login) -> None:
    client = login("view_metrics", staff=False)
    assert client.get(reverse(PAGE)).status_code == 302
    assert client.get(reverse(FIGURES)).status_code == 403


def test_strangers_are_sent_to_the_log_in(client: Client) -> None:
    assert client.get(reverse(PAGE)).status_code == 302
    assert "error" in client.get(reverse(FIGURES)).json()


def test_the_admin_lists_the_page_for_those_who_may(login: Login) -> None:
    address = reverse(PAGE).encode()
    client = login("view_metrics")
    assert address in client.get(reverse("admin:index")).content
    User.objects.get().user_permissions.clear()
    assert address not in client.get(reverse("admin:index")).content


def test_the_tab_has_a_picture(client: Client) -> None:
    answer = client.get("/favicon.ico")
    assert answer.status_code == 302
    assert re.fullmatch(r"/static/favicon(\.\w+)?\.svg", answer["Location"])


def test_the_page_has_no_inline_script_or_style(login: Login) -> None:
    content = login("view_metrics").get(reverse(PAGE)).content.decode()
    assert "style=" not in content
    assert "onclick" not in content
    scripts = [part for part in content.split("<script")[1:] if "application/json" not in part]
    assert all("src=" in part.partition(">")[0] for part in scripts)


# --- What it says ----------------------------------------------------------------------------
def report(kind: str, id: str, **more: Any) -> dict[str, Any]:
    """A process's report, as it would publish it."""
    metrics.start(kind, id)
    return metrics.report() | more


def publish(server: redis.Redis, *reports: dict[str, Any]) -> None:
    for one in reports:
        member = f"{one['kind']}:{one['id']}"
        server.set(f"kg:proc:{member}", json.dumps(one), px=60_000)
        server.zadd(metrics.INDEX, {member: one["at"]})


def sample(at: float, **more: Any) -> dict[str, Any]:
    return {
        "at": at,
        "by": "web:test",
        "broker": {"kind": "redis", "error": "", "since": None, "alarms": []},
        "queues": [queue("scores"), queue("maintenance")],
        "outbox": {"length": 0, "oldest": None, "bad": 0},
        "redis": {
            **{"latency": 0.001, "memory": 1_000_000, "memory_most": 0, "clients": 5},
            **{"commands": 10, "evicted": 0, "rejected": 0, "aof": True, "aof_ok": True},
        },
        "database": {
            **{"kind": "postgresql", "latency": 0.001, "size": 9_000_000, "clients": 8},
            **{"clients_most": 100, "error": "", "since": None},
        },
        **more,
    }


def queue(name: str, **more: Any) -> dict[str, Any]:
    return {
        **{"name": name, "ready": 0, "in_flight": 0, "at_least": False, "oldest_ready": None},
        **{"oldest_in_flight": None, "consumers": None, "growing": False, "history": [0]},
        **more,
    }


def healthy(server: redis.Redis) -> float:
    """All four kinds of processes and a sample; returns the time of it."""
    room = {
        **{"id": "abc234", "title": "Garden", "game": "snek", "people": 1, "bots": 5},
        **{"watchers": 0, "tick": 7, "tick_ms": 0.4, "private": False},
        **{"tick_may_ms": 50, "overruns": 0, "overran_ms": 0},
        "seats": [[1, "Mia", 0, "0" * 32, 12], [2, "Bot", 2, "", 3]],
    }
    pings = [["abc234", "0" * 32, 90], ["abc234", "0" * 32, 34], ["abc234", "1" * 32, 5]]
    taken = [{"name": name, "in_flight": 0} for name in ("scores", "maintenance")]
    reports = [
        report("web", "w1", gauges={"web.connections": 3}, details={"pings": pings}),
        report("engine", "e1", details={"rooms": [room]}),
        report("worker", "celery@h", details={"queues": taken}),
        report("beat", "b1"),
    ]
    publish(server, *reports)
    at = float(reports[0]["at"])
    server.set(election.KEY, json.dumps(sample(at)))
    return at


def test_all_is_well_in_words(server: redis.Redis, login: Login) -> None:
    healthy(server)
    told = figures(login("view_metrics"))
    assert told["status"] == {
        "level": "ok",
        "words": "All is well: 1 player in 1 room, 3 connections, queues empty.",
        "problems": [],
    }


def test_the_figures_have_the_shape_that_the_page_reads(server: redis.Redis, login: Login) -> None:
    healthy(server)
    told = figures(login("view_metrics"))
    assert set(told) == {
        *("at", "away", "status", "sample", "queues", "outbox", "redis", "database"),
        *("processes", "silent", "rooms", "totals"),
    }
    assert [one["kind"] for one in told["processes"]] == ["web", "engine", "worker", "beat"]
    assert [(row["name"], row["consumers"]) for row in told["queues"]] == [
        ("scores", 1),
        ("maintenance", 1),
    ]
    assert told["rooms"][0]["engine"] == "e1"


def test_seats_are_told_of_rooms_that_were_opened(server: redis.Redis, login: Login) -> None:
    healthy(server)
    client = login("view_metrics")
    told = figures(client)
    assert "seats" not in told["rooms"][0]
    assert all("pings" not in process["details"] for process in told["processes"])
    [room] = figures(client, '?look={"open":["abc234"]}')["rooms"]
    assert room["seats"] == [[1, "Mia", 0, "0" * 32, 90, 12], [2, "Bot", 2, "", None, 3]]


@pytest.mark.parametrize("look", ["nonsense", '{"first": -1}', '{"open": "abc234"}', "[]"])
def test_a_look_that_cannot_be_understood_is_said_to_be(
    server: redis.Redis, login: Login, look: str
) -> None:
    answer = login("view_metrics").get(reverse(FIGURES), {"look": look})
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_figures_have_as_many_digits_as_are_shown(server: redis.Redis) -> None:
    spread = {"n": 12345, "sum": 1.5, "p50": 0.0123456, "p99": 1.23456}
    one = report("worker", "w", memory=81_234_567, recent={"tasks.publish_failures": 4567})
    publish(server, one | {"observed": {"engine.tick_seconds": spread}, "recent_seconds": 9.87})
    told = overview.overview()["processes"][0]
    assert told["memory"] == 81_230_000
    assert told["recent"] == {"tasks.publish_failures": 4600}
    assert told["observed"]["engine.tick_seconds"] == {"n": 12345, "p50": 0.01235, "p99": 1.235}


def test_every_declared_figure_reaches_the_page(server: redis.Redis, login: Login) -> None:
    metrics.start("web", "everything")
    for name in metrics.COUNTERS:
        metrics.count(name)
    for name in metrics.GAUGES:
        metrics.gauge(name, 1)
    for name in metrics.OBSERVATIONS:
        metrics.observe(name, 1)
    for name in metrics.DETAILS:
        metrics.detail(name, [])
    metrics.publish_sync(server)
    client = login("view_metrics")
    told = figures(client)["processes"][0]
    kinds = ("counters", "gauges", "observed", "details")
    shown = {*brief.APART, *(name for kind in kinds for name in told[kind])}
    assert shown == set(metrics.meanings())
    content = client.get(reverse(PAGE)).content.decode()
    assert all(f'"{name}"' in content for name in metrics.meanings())


def problems(picture: dict[str, Any]) -> list[str]:
    found = words.status(picture)["problems"]
    assert {problem["page"] for problem in found} <= set(runbook.pages())
    return [problem["words"] for problem in found]


SICK: list[tuple[dict[str, Any], str]] = [
    (
        {"queues": [queue("scores", ready=40, consumers=1, growing=True)]},
        "1 queue growing: scores",
    ),
    (
        {"queues": [queue("scores", ready=3, consumers=0)]},
        "Queue scores: 3 tasks wait, and no worker takes them",
    ),
    (
        {"queues": [queue("scores", ready=1, consumers=1, oldest_ready=75.2)]},
        "Queue scores: a task has waited for 75 s",
    ),
    (
        {"outbox": {"length": 61_000, "oldest": 2.0, "bad": 0}},
        "61,000 scores wait for the database; at 100,000 new lives are refused",
    ),
    (
        {"outbox": {"length": 2, "oldest": 45.0, "bad": 1}},
        "2 scores wait for the database, the oldest for 45 s",
    ),
    (
        {"outbox": {"length": 0, "oldest": None, "bad": 2}},
        "2 outbox entries could not be read as a score and set aside",
    ),
]


@pytest.mark.parametrize(("sick", "said"), SICK, ids=[said for _, said in SICK])
def test_what_is_wrong_is_said_in_words(
    server: redis.Redis, sick: dict[str, Any], said: str
) -> None:
    healthy(server)
    assert said in problems(overview.overview() | sick)


@pytest.mark.parametrize(
    ("service", "figure", "said"),
    [
        ("redis", {"evicted": 4}, "Redis has thrown away 4 keys: set maxmemory-policy noeviction"),
        ("redis", {"memory": 95, "memory_most": 100}, "Redis' memory is 95% full"),
        ("redis", {"aof_ok": False}, "Redis cannot write its append-only file: check its disk"),
        ("redis", {"latency": 0.2}, "Redis takes 200 ms to answer"),
        (
            "database",
            {"error": "OSError"},
            "The database (postgresql) does not answer: scores wait in Redis",
        ),
        ("database", {"latency": 0.25}, "The database takes 250 ms to answer"),
        ("database", {"clients": 90}, "The database has 90 clients, and takes 100"),
    ],
)
def test_a_sick_service_is_said_in_words(
    server: redis.Redis, service: str, figure: dict[str, Any], said: str
) -> None:
    healthy(server)
    picture = overview.overview()
    assert said in problems(picture | {service: picture[service] | figure})


def test_a_silent_worker_is_named_with_since_when(server: redis.Redis) -> None:
    at = healthy(server)
    server.delete("kg:proc:worker:celery@h")
    (problem,) = overview.overview()["status"]["problems"]
    assert problem == {
        "level": "bad",
        "words": "1 worker process silent",
        "since": pytest.approx(at, abs=1),
        "about": "worker",
        "page": "process-silent",
    }


def test_a_silent_process_that_was_replaced_needs_no_hand(server: redis.Redis) -> None:
    at = healthy(server)
    server.delete("kg:proc:engine:e1")
    publish(server, report("engine", "e2", started=at + 1, at=at + 2))
    picture = overview.overview()
    assert [(one["id"], one["replaced"]) for one in picture["silent"]] == [("e1", True)]
    assert picture["status"]["level"] == "ok"


def test_the_clock_of_a_machine_may_be_wrong(
    server: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who is silent, who came in their place, and whether a sample is old: by Redis' clock."""
    healthy(server)
    server.delete("kg:proc:engine:e1")
    sampler = Sampler(current_app)
    for wrong in (0.0, 4e9):
        with monkeypatch.context() as patch:
            patch.setattr(time, "time", lambda wrong=wrong: wrong)
            metrics.start("engine", "e2")
            metrics.publish_sync(server)
            server.set(election.KEY, json.dumps(sampler.sample()))
            picture = overview.overview()
        assert [(one["id"], one["replaced"]) for one in picture["silent"]] == [("e1", True)]
        assert picture["at"] == pytest.approx(time.time(), abs=5)
        heard = {one["id"]: one["heard"] for one in picture["processes"]}
        assert heard["e2"] == pytest.approx(picture["at"], abs=5)
        assert not [p for p in picture["status"]["problems"] if p["page"] == "queues-unmeasured"]
    sampler.close()


def test_a_missing_kind_of_process_is_said(server: redis.Redis) -> None:
    healthy(server)
    server.delete("kg:proc:engine:e1")
    server.zrem(metrics.INDEX, "engine:e1")
    assert "No engine is running" in problems(overview.overview())


def test_losses_of_the_last_seconds_are_said(server: redis.Redis) -> None:
    healthy(server)
    publish(server, report("engine", "e1", recent={"engine.overruns": 12}, recent_seconds=9.9))
    said = "12 ticks took longer than they may, in the last 10 s"
    assert said in problems(overview.overview())


def test_a_web_process_that_sends_many_ticks_late_is_named(server: redis.Redis) -> None:
    healthy(server)
    for late, said in (
        (9, []),
        (40, ["web w1 is overloaded: it sent 40 ticks late, each with the "]),
    ):
        recent = {"web.ticks_joined": late}
        publish(server, report("web", "w1", recent=recent, recent_seconds=9.9))
        found = problems(overview.overview())
        assert [text.partition("next,")[0] for text in found if "late" in text] == said


def test_rooms_that_overrun_are_named_the_worst_first(server: redis.Redis) -> None:
    healthy(server)
    rooms = [
        {"id": f"room{n}", "title": "Big" if n else "", "tick_ms": 1, "tick_may_ms": 50}
        | {"overran_ms": n and 60 + n}
        for n in range(6)
    ]
    publish(server, report("engine", "e1", details={"rooms": rooms}))
    said = [problem for problem in problems(overview.overview()) if "room" in problem]
    assert said == [
        *(
            f"Big (room{n}) on engine e1 is too large for its pace: "
            f"a tick took {60 + n} ms, and may take 50"
            for n in (5, 4, 3)
        ),
        "2 other rooms too",
    ]


def test_a_broker_that_is_away_is_said_with_since_when(server: redis.Redis) -> None:
    at = healthy(server)
    away = {"kind": "rabbitmq", "error": "ConnectionRefusedError", "since": at - 60, "alarms": []}
    server.set(election.KEY, json.dumps(sample(at, broker=away)))
    (problem,) = overview.overview()["status"]["problems"]
    assert problem["words"] == "The task broker (rabbitmq) does not answer"
    assert problem["since"] == at - 60


def test_old_samples_are_said_to_be_old(server: redis.Redis) -> None:
    at = healthy(server)
    server.set(election.KEY, json.dumps(sample(at - 60)))
    (problem,) = overview.overview()["status"]["problems"]
    assert problem["words"].startswith("Queues are not being measured")
    assert problem["since"] == at - 60


def test_redis_away_is_said_since_when(
    server: redis.Redis, login: Login, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = login("view_metrics")
    away = redis.Redis.from_url("unix:///nowhere/redis.sock")
    with monkeypatch.context() as patch:
        patch.setattr(overview, "reader", lambda: away)
        first, second = figures(client), figures(client)
    assert first["away"]["since"] == second["away"]["since"] <= first["at"]
    assert first["status"]["level"] == "bad"
    assert "queues" not in first
    assert figures(client)["away"] is None


# --- Levers ----------------------------------------------------------------------------------
Operator = Callable[..., Awaitable[AsyncClient]]


@pytest.fixture
async def operator(login: Login) -> AsyncIterator[Operator]:
    """Logs in with permissions; answers on this test's loop, whose connections it closes."""

    async def log_in(*permissions: str) -> AsyncClient:
        client = await sync_to_async(login)(*permissions)
        own = AsyncClient()
        own.cookies = client.cookies
        return own

    yield log_in
    await store.close_aredis()


@pytest.fixture
async def engine() -> AsyncIterator[list[Any]]:
    """An engine that holds room abc234: the commands that reached it."""
    server, layer, heard = store.aredis(), get_channel_layer(), []
    await server.set(store.lease("abc234"), "e1:5", px=60_000)

    async def listen() -> None:
        while True:
            message = await layer.receive("engine.e1")
            heard.extend(protocol.decode_batch(message["batch"]))

    listening = asyncio.create_task(listen())
    async with asyncio.timeout(5):
        while not await server.pubsub_channels("*engine.e1*"):
            await asyncio.sleep(0)
    yield heard
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)
    await layer.flush()
    await server.delete(store.lease("abc234"))
    await store.close_aredis()


async def audited() -> list[tuple[str, str, str, str]]:
    rows = AuditEntry.objects.order_by("id")
    return [(row.who_name, row.action, row.target, row.detail) async for row in rows]


async def arrived(engine: list[Any], command: tuple[str, Any]) -> None:
    async with asyncio.timeout(5):
        while command not in engine:
            await asyncio.sleep(0)


async def test_a_kick_reaches_the_engine_and_is_audited(
    operator: Operator, engine: list[Any]
) -> None:
    client = await operator("kick_player")
    answer = await client.post(reverse(KICK), {"room": "abc234", "seat": "3"})
    assert answer.json() == {"done": "Seat 3 of room abc234 is being removed."}
    await arrived(engine, ("abc234", protocol.Kick(3)))
    assert await audited() == [("olga", "kick_player", "abc234/3", "")]


async def test_a_close_reaches_the_engine_and_is_audited(
    operator: Operator, engine: list[Any]
) -> None:
    client = await operator("close_room")
    answer = await client.post(reverse(CLOSE), {"room": "abc234"})
    assert answer.json() == {"done": "Room abc234 is being closed."}
    await arrived(engine, ("abc234", protocol.Close()))
    assert await audited() == [("olga", "close_room", "abc234", "")]


async def test_a_room_that_no_engine_holds_is_said_and_audited(operator: Operator) -> None:
    client = await operator("close_room")
    answer = await client.post(reverse(CLOSE), {"room": "gone99"})
    assert answer.status_code == 503
    assert answer.json()["error"].startswith("Not done: ")
    assert (await audited())[0][3].startswith("failed: ")


@pytest.mark.parametrize(("lever", "action"), [(KICK, "kick_player"), (CLOSE, "close_room")])
async def test_a_forged_request_is_refused_and_audited(
    operator: Operator, lever: str, action: str
) -> None:
    client = await operator("view_metrics")
    answer = await client.post(reverse(lever), {"room": "abc234", "seat": "3"})
    assert answer.status_code == 403
    assert [(row[1], row[3]) for row in await audited()] == [(action, "refused: no permission")]


async def test_strangers_are_refused_and_cannot_fill_the_audit_log() -> None:
    answer = await AsyncClient().post(reverse(CLOSE), {"room": "abc234"})
    assert answer.status_code == 403
    assert await audited() == []


async def test_a_lever_needs_a_post_with_its_token(operator: Operator) -> None:
    client = await operator("close_room")
    assert (await client.get(reverse(CLOSE))).status_code == 405
    strict = AsyncClient(enforce_csrf_checks=True)
    strict.cookies = client.cookies
    answer = await strict.post(reverse(CLOSE), {"room": "abc234"})
    assert answer.status_code == 403
    assert await audited() == []


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"room": ""},
        {"room": "x" * 65, "seat": "1"},
        {"room": "abc234", "seat": "0"},
        {"room": "abc234", "seat": "-1"},
        {"room": "abc234", "seat": "65536"},
        {"room": "abc234", "seat": "\N{ARABIC-INDIC DIGIT ONE}"},
    ],
)
async def test_nonsense_is_refused_in_words(operator: Operator, fields: dict[str, str]) -> None:
    client = await operator("kick_player")
    answer = await client.post(reverse(KICK), fields)
    assert answer.status_code == 400
    assert answer.json()["error"]
    assert await audited() == []
