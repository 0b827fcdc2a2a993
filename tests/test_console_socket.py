"""The console's sockets through the real ASGI application: who is let in, what a page is told."""

import asyncio
import json
import zlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from channels.testing import WebsocketCommunicator
from django.conf import settings
from django.contrib.auth.models import Permission, User
from django.test import Client

from game import matchmaking, metrics, protocol, store
from game.background import stop_background
from game.console import operators, overview, watch
from game.console.look import LISTED
from game.engine import Engine
from game.queues import election
from kogame.asgi import application
from tests.test_console import publish, report, sample
from tests.test_difference import merged

pytestmark = pytest.mark.django_db(transaction=True)
SECONDS = 5.0  # in which an operator who may no longer see is out


@pytest.fixture(autouse=True)
async def clean(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """An empty Redis, a quick look at it, and nothing left over."""
    monkeypatch.setattr(watch, "EVERY", 0.02)
    await store.aredis().flushdb()
    metrics.start("web", "test")
    yield
    await stop_background()
    await get_channel_layer().flush()
    await store.close_aredis()
    overview.reader.cache_clear()


@sync_to_async
def log_in(*permissions: str, staff: bool = True) -> Client:
    user = User.objects.create_user("olga", password="x", is_staff=staff)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    return client


def handshake(
    client: Client | None, path: str = "/ws/metrics/", origin: bytes = b"http://testserver"
) -> WebsocketCommunicator:
    headers = [(b"host", b"testserver"), (b"origin", origin)]
    if client is not None:
        session = client.cookies[settings.SESSION_COOKIE_NAME].value
        headers.append((b"cookie", f"{settings.SESSION_COOKIE_NAME}={session}".encode()))
    return WebsocketCommunicator(application, path, headers)


async def close_of(socket: WebsocketCommunicator) -> dict[str, Any]:
    """How the server closes a socket, whatever it sends before."""
    output: dict[str, Any] = {"type": ""}
    async with asyncio.timeout(SECONDS):
        while output["type"] != "websocket.close":
            output = await socket.receive_output(SECONDS)
    return output


class Page:
    """A Metrics page's side of its socket."""

    def __init__(self, client: Client) -> None:
        self.socket = handshake(client)
        self.picture: dict[str, Any] = {}
        self.got: list[dict[str, Any]] = []
        self.confirms = True
        self.number = 0  # of the last message

    async def open(self, **look: Any) -> "Page":
        assert (await self.socket.connect())[0]
        await self.say(look=look)
        return self

    async def say(self, **said: Any) -> None:
        await self.socket.send_to(text_data=json.dumps(said))

    async def hear(self) -> dict[str, Any]:
        """The next message, put on what the page has."""
        data = await self.socket.receive_from(SECONDS)
        told: dict[str, Any] = json.loads(zlib.decompress(data[4:]))
        self.number = int.from_bytes(data[:4], "little")
        self.got.append(told)
        if "whole" in told:
            self.picture = told["whole"]
        elif "change" in told:
            self.picture = merged("", self.picture, told["change"])
        if self.confirms:
            await self.say(seen=self.number)
        return told

    async def until(self, so: Any) -> None:
        async with asyncio.timeout(SECONDS):
            while not so(self.picture):
                await self.hear()

    async def closed(self) -> dict[str, Any]:
        """How the server closed it."""
        return await close_of(self.socket)


def rooms(number: int, tick: int = 7) -> dict[str, Any]:
    """An engine's report with so many rooms, the fullest first."""
    listed = [
        {
            **{"id": f"room{n:03}", "title": f"Pond {n}", "game": "snek", "people": number - n},
            **{"tick": tick, "tick_ms": 0.4, "tick_may_ms": 50, "overran_ms": 0},
            "seats": [[1, "Mia", 0, "0" * 32, n]],
        }
        for n in range(number)
    ]
    return report("engine", "e1", details={"rooms": listed})


@sync_to_async
def running(*reports: dict[str, Any]) -> None:
    """Have these processes report, and the queues sampled."""
    publish(store.redis(), *reports)
    store.redis().set(election.KEY, json.dumps(sample(reports[0]["at"])))


# --- Who is let in ------------------------------------------------------------------------------
@pytest.mark.parametrize("path", ["/ws/metrics/", "/ws/metrics/abcdef/"])
async def test_the_sockets_are_for_those_with_the_permission(path: str) -> None:
    assert not (await handshake(None, path).connect())[0]
    client = await log_in()
    assert not (await handshake(client, path).connect())[0]
    user = await User.objects.aget()
    await user.user_permissions.aset([await Permission.objects.aget(codename="view_metrics")])
    evil = handshake(client, path, origin=b"http://evil.example")
    assert not (await evil.connect())[0]
    assert metrics.report()["counters"]["web.console_refused"] == 3
    good = handshake(client, path)
    assert (await good.connect())[0]
    await good.disconnect()


@pytest.mark.parametrize("end", ["log-out", "permission", "disabled", "staff"])
async def test_who_may_no_longer_see_is_out_within_seconds(
    end: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert operators.RECHECK + operators.CHECK_SECONDS <= SECONDS
    monkeypatch.setattr(operators, "RECHECK", 0.05)
    client = await log_in("view_metrics")
    page = await Page(client).open()
    await page.hear()
    user = await User.objects.aget()
    if end == "log-out":
        await sync_to_async(client.logout)()
    elif end == "permission":
        await user.user_permissions.aclear()
    else:
        await User.objects.aupdate(**{"is_active" if end == "disabled" else "is_staff": False})
    closed = await page.closed()
    assert (closed["code"], closed["reason"]) == (
        protocol.SHUT_OUT,
        protocol.SENTENCES[protocol.SHUT_OUT],
    )


async def test_while_the_database_is_away_who_was_good_stays_for_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(operators, "RECHECK", 0.02)
    page = await Page(await log_in("view_metrics")).open()
    asked = []

    async def away(session: str) -> bool:
        asked.append(session)
        raise TimeoutError

    monkeypatch.setattr(operators.operators(), "may_see", away)
    while len(asked) < 3:
        await page.hear()
    monkeypatch.setattr(operators, "TRUSTED", 0.0)
    assert (await page.closed())["code"] == protocol.SHUT_OUT


async def test_one_page_too_many_is_sent_away_and_makes_no_place_for_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(operators, "SOCKETS_MOST", 1)
    client = await log_in("view_metrics")
    page = await Page(client).open()
    second = Page(client)
    assert (await second.socket.connect())[0]
    closed = await second.closed()
    assert (closed["code"], closed["reason"]) == (protocol.CROWDED, operators.FULL)
    await page.hear()
    await page.socket.disconnect()
    third = await Page(client).open()
    await third.hear()
    await third.socket.disconnect()
    assert metrics.report()["gauges"]["web.console_pages"] == 0


# --- What a page is told ------------------------------------------------------------------------
async def test_differences_come_to_the_picture_that_polling_gives() -> None:
    client = await log_in("view_metrics")
    await running(rooms(3), report("web", "w1"))
    look = {"open": ["room001"], "find": "pond"}
    page = await Page(client).open(**look)
    await page.hear()
    for tick in (8, 9, 10):
        await running(rooms(3 + tick % 2, tick), report("worker", f"w{tick}"))
        await page.until(lambda picture, tick=tick: picture["rooms"][0]["tick"] == tick)
    answer = await sync_to_async(client.get)("/admin/metrics/figures/", {"look": json.dumps(look)})
    polled = answer.json()
    await page.hear()
    for moment in ("at", "status"):  # the moment of the look
        page.picture.pop(moment), polled.pop(moment)
    assert page.picture == polled
    assert [("whole" in told, "change" in told) for told in page.got[:3]] == [
        (True, False),
        (False, True),
        (False, True),
    ]
    await page.socket.disconnect()


async def test_a_page_is_told_its_part_of_the_rooms_and_the_totals_of_all() -> None:
    most = 2 * LISTED + 5
    await running(rooms(most), report("web", "w1"))
    page = await Page(await log_in("view_metrics")).open()
    await page.hear()
    assert page.picture["totals"] == {
        **{"rooms": most, "people": sum(range(most + 1)), "found": most},
        **{"first": 0, "listed": LISTED},
    }
    assert [room["id"] for room in page.picture["rooms"]] == [f"room{n:03}" for n in range(LISTED)]
    await page.say(look={"first": 5000, "open": ["room003"]})
    await page.until(lambda picture: picture["totals"]["first"] == 2 * LISTED)
    assert [room["id"] for room in page.picture["rooms"]] == [
        "room003",
        *(f"room{n:03}" for n in range(2 * LISTED, most)),
    ]
    assert ["seats" in room for room in page.picture["rooms"][:2]] == [True, False]
    await page.say(look={"find": "POND 44"})
    await page.until(lambda picture: picture["totals"]["found"] == 1)
    assert [room["id"] for room in page.picture["rooms"]] == ["room044"]
    await page.socket.disconnect()


async def test_a_page_that_confirms_nothing_gets_nothing_until_it_does_and_then_the_newest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await running(rooms(1), report("web", "w1"))
    page = Page(await log_in("view_metrics"))
    page.confirms = False
    await page.open()
    for _ in range(watch.UNSEEN_MOST):
        await page.hear()
    assert await page.socket.receive_nothing(0.1)
    await running(rooms(1, tick=99))
    await asyncio.sleep(0.05)  # some turns of the watch, none of which may reach the page
    await page.say(seen=page.number)
    await page.hear()
    assert page.picture["rooms"][0]["tick"] == 99
    await page.hear()
    monkeypatch.setattr(watch, "STALLED", 0.05)
    assert (await page.closed())["code"] == protocol.TOO_SLOW


async def test_redis_away_is_told_and_what_the_page_has_goes_on_afterwards(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await running(rooms(1), report("web", "w1"))
    page = await Page(await log_in("view_metrics")).open()
    await page.hear()
    with monkeypatch.context() as patch:
        away = overview.redis.Redis.from_url("unix:///nowhere/redis.sock")
        patch.setattr(overview, "reader", lambda: away)
        async with asyncio.timeout(SECONDS):
            while "dark" not in (told := await page.hear()):
                pass
    assert told["dark"]["status"]["problems"][0]["page"] == "redis-away"
    async with asyncio.timeout(SECONDS):
        while "change" not in await page.hear():
            pass
    assert page.picture["rooms"][0]["tick"] == 7
    await page.socket.disconnect()


async def test_one_look_at_redis_serves_all_pages_and_none_is_taken_for_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks = 0
    everything = watch.everything

    def counted() -> dict[str, Any]:
        nonlocal looks
        looks += 1
        return everything()

    monkeypatch.setattr(watch, "everything", counted)
    await running(rooms(1), report("web", "w1"))
    client = await log_in("view_metrics")
    pages = [await Page(client).open() for _ in range(3)]
    for _ in range(4):
        for page in pages:
            await page.hear()
    assert looks < 9
    for page in pages:
        await page.socket.disconnect()
    before = looks
    await asyncio.sleep(0.1)
    assert looks <= before + 1


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("nonsense", protocol.MALFORMED),
        ('{"look": {"first": -1}}', protocol.MALFORMED),
        ('{"look": {"open": ["1","2","3","4","5","6","7","8","9","10","11"]}}', protocol.MALFORMED),
        ('{"seen": 1, "other": 1}', protocol.MALFORMED),
        ('{"look": {"find": "' + "x" * 5000 + '"}}', protocol.MALFORMED),
    ],
)
async def test_a_page_that_breaks_the_rules_is_closed(text: str, code: int) -> None:
    page = await Page(await log_in("view_metrics")).open()
    await page.socket.send_to(text_data=text)
    assert (await page.closed())["code"] == code


async def test_a_page_that_says_too_much_is_closed() -> None:
    page = await Page(await log_in("view_metrics")).open()
    for _ in range(60):
        await page.say(seen=0)
    assert (await page.closed())["code"] == protocol.TOO_MANY


# --- A room, looked into ------------------------------------------------------------------------
async def test_an_operator_sees_a_private_room_has_no_seat_in_it_and_is_out_with_the_log_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(operators, "RECHECK", 0.05)
    engine = Engine()
    task = asyncio.create_task(engine.run())
    room = await matchmaking.create_room({}, "", private=True, fill=0)
    client = await log_in("view_metrics")
    window = handshake(client, f"/ws/metrics/{room}/")
    assert (await window.connect())[0]
    await window.send_to(bytes_data=b"\x01\x02")
    await window.send_to(bytes_data=b"\x02" + json.dumps({"name": "Olga", "colour": 1}).encode())
    seen: set[int] = set()
    while not {0x81, 0x82, 0x87} <= seen:  # welcome, a frame, and no seat
        seen.add((await window.receive_from(SECONDS))[0])
    assert all(not hosted.room.seats for hosted in engine.rooms.values())
    await sync_to_async(client.logout)()
    assert (await close_of(window))["code"] == protocol.SHUT_OUT
    await window.disconnect()
    engine.stop()
    await asyncio.wait_for(task, 10)
