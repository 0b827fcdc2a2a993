"""The door: how many sockets, under which names, and nobody who is banned."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator
from django.test import AsyncClient

from game import addresses, admission, banning, bans, identity, metrics, protocol, store, tasks
from game.background import background
from game.engine import Engine
from game.models import Ban
from tests.test_sockets import (  # noqa: F401 (fixtures)
    Page,
    a_room,
    clean,
    engine,
    handshake,
    passes,
    refused_with,
)

HOME, SCHOOL = ("192.0.2.7", 50_000), ("198.51.100.9", 50_000)


def page_from(client: tuple[str, int], room: str, player: UUID | None = None) -> Page:
    page = Page(room, player)
    page.socket.scope["client"] = list(client)
    return page


async def live_from(
    client: tuple[str, int], player: UUID | None = None
) -> tuple[WebsocketCommunicator, bool]:
    """A live socket, and whether it may stay."""
    background()  # begins with every figure at zero
    before = counted("web.crowded") + counted("web.banned")
    socket = handshake("/ws/live/", player or uuid4())
    socket.scope["client"] = list(client)
    assert (await socket.connect())[0]
    return socket, counted("web.crowded") + counted("web.banned") == before


async def closed_with(socket: WebsocketCommunicator) -> tuple[int, str]:
    """The code and the reason with which a live socket was closed."""
    async with asyncio.timeout(5):
        while (output := await socket.receive_output(5))["type"] != "websocket.close":
            pass
    return output["code"], output["reason"]


def counted(name: str) -> int:
    return int(metrics.report()["counters"].get(name, 0))


# --- How many ----------------------------------------------------------------------------------
async def test_an_address_has_so_many_sockets_and_others_are_not_its_fault(settings: Any) -> None:
    settings.KOGAME_SOCKETS_PER_ADDRESS = 2
    first, second = await live_from(HOME), await live_from(HOME)
    assert first[1]
    assert second[1]
    third = await live_from(HOME)
    assert await closed_with(third[0]) == (
        protocol.CROWDED,
        protocol.SENTENCES[protocol.CROWDED],
    )
    assert counted("web.crowded") == 1
    assert (await live_from(SCHOOL))[1]
    await first[0].disconnect()
    assert (await live_from(HOME))[1]


async def test_a_page_in_a_room_is_told_that_there_are_too_many(settings: Any) -> None:
    settings.KOGAME_SOCKETS_PER_ADDRESS = 1
    assert (await live_from(HOME))[1]
    page = page_from(HOME, "abcdef")
    await page.socket.connect()
    assert await refused_with(page) == protocol.CROWDED


async def test_a_network_of_ipv6_is_one_household(settings: Any) -> None:
    settings.KOGAME_SOCKETS_PER_ADDRESS = 1
    assert (await live_from(("2001:db8:1:2::1", 1)))[1]
    assert not (await live_from(("2001:db8:1:2:aaaa::2", 1)))[1]
    assert (await live_from(("2001:db8:1:3::1", 1)))[1]


@pytest.mark.parametrize(
    ("address", "household"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("fe80::1%eth0", "fe80::"),
        ("", ""),
        (None, ""),
        ("a unix socket", ""),
    ],
)
def test_whose_address_an_address_is(address: str | None, household: str) -> None:
    assert addresses.household(address) == household


async def test_a_player_has_so_many_tabs(engine: Engine, settings: Any) -> None:  # noqa: F811
    settings.KOGAME_SOCKETS_PER_PLAYER = 2
    room, player = await a_room(), uuid4()
    first = await page_from(HOME, room, player).open()
    await first.until(lambda: first.state.known)
    assert (await live_from(SCHOOL, player))[1]
    third = page_from(HOME, room, player)
    await third.socket.connect()
    assert await refused_with(third) == protocol.CROWDED
    assert (await live_from(HOME))[1]  # another player at that address
    await first.gone()
    again = await page_from(HOME, room, player).open()
    await again.until(lambda: again.state.known)


async def test_a_players_dead_tab_makes_room(
    engine: Engine,  # noqa: F811
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.KOGAME_SOCKETS_PER_PLAYER = 1
    monkeypatch.setattr(admission, "DEAD_SECONDS", 0.1)
    room, player = await a_room(), uuid4()
    first = await page_from(HOME, room, player).open()
    await first.until(lambda: first.state.known)
    (feed,) = background().hub.feeds.values()
    (socket,) = feed.sockets.values()
    await passes(lambda: time.monotonic() - socket.heard > 0.1)
    second = await page_from(HOME, room, player).open()
    await second.until(lambda: second.state.known)
    assert await refused_with(first) == protocol.SILENT


async def test_zero_is_no_limit_and_without_an_address_nobody_is_counted(settings: Any) -> None:
    settings.KOGAME_SOCKETS_PER_ADDRESS = settings.KOGAME_SOCKETS_PER_PLAYER = 0
    player = uuid4()
    assert all([(await live_from(HOME, player))[1] for _ in range(6)])
    settings.KOGAME_SOCKETS_PER_ADDRESS = 1
    for _ in range(3):
        assert (await handshake("/ws/live/", uuid4()).connect())[0]
    assert not counted("web.crowded")


async def test_a_proxy_that_nobody_named_is_said(
    settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.KOGAME_SOCKETS_PER_ADDRESS = 1
    for _ in range(3):
        await live_from(HOME)
    (line,) = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert "192.0.2.7" in line
    assert "KOGAME_TRUSTED_PROXIES" in line


async def test_the_door_forgets_who_is_gone() -> None:
    for _ in range(5):
        socket, stays = await live_from(HOME)
        assert stays
        await socket.disconnect()
    assert not background().admission._inside
    assert background().sockets == 0


# --- Under which name ----------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["f.u.c.k", "n1gger", "Mod\u0435rator"])
async def test_a_foul_name_is_refused_and_another_is_taken(
    engine: Engine,  # noqa: F811
    settings: Any,
    name: str,
) -> None:
    settings.KOGAME_REFUSED_NAMES = ("moderator",)
    page = await Page(await a_room()).open()
    await page.join(name)
    await page.until(page.errors)
    assert page.errors() == [protocol.NAME_FOUL]
    assert counted("web.names_refused") == 1
    await page.join("Scunthorpe")
    await page.until_seated()


async def test_a_name_that_looks_like_anothers_is_refused_and_counted(
    engine: Engine,  # noqa: F811
) -> None:
    room = await a_room()
    ada, twin = await Page(room).open(), await Page(room).open()
    await ada.join("Ada")
    await ada.until_seated()
    await twin.join("\u0410d\u0430")
    await twin.until(twin.errors)
    assert twin.errors() == [protocol.NAME_TAKEN]
    assert counted("web.names_refused") == 1


@pytest.mark.django_db(transaction=True)
async def test_a_rooms_name_may_not_be_foul_either() -> None:
    answer = await AsyncClient().post(
        "/api/rooms", {"title": "f u c k"}, content_type="application/json"
    )
    assert answer.status_code == 400
    assert "name" in answer.json()["error"]


# --- Who is banned -------------------------------------------------------------------------------
@pytest.fixture
async def ban() -> AsyncIterator[Any]:
    """Bans a player or an address as the admin does."""

    async def put(**fields: Any) -> Ban:
        row = await Ban.objects.acreate(**fields)
        await sync_to_async(banning.mirror)()
        return row

    yield put
    await Ban.objects.all().adelete()


async def lift(row: Ban) -> None:
    await row.adelete()
    await sync_to_async(banning.mirror)()


def tomorrow() -> datetime:
    return datetime.now(UTC) + timedelta(days=1)


@pytest.mark.django_db(transaction=True)
async def test_a_ban_closes_open_sockets_within_five_seconds(
    engine: Engine,  # noqa: F811
    ban: Any,
) -> None:
    room, player, until = await a_room(), uuid4(), tomorrow()
    page, other = await Page(room, player).open(), await Page(room).open()
    live, stays = await live_from(HOME, player)
    await page.until(lambda: page.state.known)
    assert stays
    began = time.monotonic()
    await ban(player=player, until=until, reason="Be kind.")
    assert await refused_with(page) == protocol.BANNED
    told = page.got(0x87)[-1][3:].decode()
    assert f" until {until.day} {until:%B %Y, %H:%M} UTC. " in told
    assert told.endswith("Be kind.")
    assert await closed_with(live) == (protocol.BANNED, told)
    assert time.monotonic() - began < 5
    assert counted("web.banned") == 2
    await other.until(lambda: other.state.known)
    tick = other.state.tick
    await other.until(lambda: other.state.tick > tick + 5)  # nobody else is touched


@pytest.mark.django_db(transaction=True)
async def test_who_is_banned_does_not_come_in_until_it_is_lifted(
    engine: Engine,  # noqa: F811
    ban: Any,
) -> None:
    room, player = await a_room(), uuid4()
    row = await ban(player=player)
    await background().admission.bans.look()
    page = Page(room, player)
    await page.socket.connect()
    assert await refused_with(page) == protocol.BANNED
    assert page.got(0x87)[-1][3:] == b"You are banned for good."
    await lift(row)
    await background().admission.bans.look()
    again = await Page(room, player).open()
    await again.until(lambda: again.state.known)


@pytest.mark.django_db(transaction=True)
async def test_a_banned_address_is_a_whole_household(ban: Any) -> None:
    await ban(address="2001:db8:1:2::17")
    await background().admission.bans.look()
    socket, stays = await live_from(("2001:db8:1:2:ffff::1", 1))
    assert not stays
    assert (await closed_with(socket))[0] == protocol.BANNED
    assert (await live_from(("2001:db8:1:3::1", 1)))[1]


@pytest.mark.django_db(transaction=True)
async def test_a_ban_that_is_over_bans_nobody(ban: Any) -> None:
    player = uuid4()
    await ban(player=player, until=datetime.now(UTC) + timedelta(seconds=0.3))
    watch = background().admission.bans
    await watch.look()
    assert watch.find(player.hex, "")
    await passes(lambda: watch.find(player.hex, "") is None)
    assert (await live_from(HOME, player))[1]


@pytest.mark.django_db(transaction=True)
async def test_of_two_bans_the_one_that_ends_last_counts(ban: Any) -> None:
    player = uuid4()
    await ban(player=player, until=None, reason="first")
    await ban(player=player, until=tomorrow(), reason="second")
    found = await bans.find(player.hex, "")
    assert found == bans.Ban(0.0, "first")


@pytest.mark.django_db(transaction=True)
async def test_a_redis_that_lost_its_bans_gets_them_back_and_meanwhile_they_count(
    ban: Any,
) -> None:
    player = uuid4()
    await ban(player=player)
    watch = background().admission.bans
    await watch.look()
    await store.aredis().delete(bans.KEY, bans.VERSION)
    await watch.look()
    assert watch.find(player.hex, "")  # of the last list that was known
    assert await bans.find(player.hex, "") is None
    await sync_to_async(tasks.mirror_bans)()
    assert await bans.find(player.hex, "")
    version = await store.aredis().get(bans.VERSION)
    await sync_to_async(tasks.mirror_bans)()
    assert await store.aredis().get(bans.VERSION) == version  # nothing new: nobody reads it again


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("path", ["/api/play", "/api/rooms"])
async def test_a_banned_player_gets_no_room_and_is_told_until_when(ban: Any, path: str) -> None:
    player = uuid4()
    await ban(player=player, until=tomorrow())
    browser = AsyncClient()
    browser.cookies[identity.COOKIE] = identity.issue(player)
    answer = await browser.post(path, {}, content_type="application/json")
    assert answer.status_code == 403
    assert answer.json()["error"].startswith("You are banned until ")
