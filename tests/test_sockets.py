"""Sockets through the real ASGI application, with an engine and a real Redis."""

import asyncio
import json
import struct
from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from channels.layers import get_channel_layer
from channels.testing import WebsocketCommunicator

from game import (
    consumers,
    handshake as handshake_module,
    hub as hub_module,
    identity,
    matchmaking,
    metrics,
    names,
    profanity,
    protocol,
    routing,
    sinks,
    store,
)
from game.background import background, stop_background
from game.engine import Engine
from game.hub import socket as socket_module
from kogame.asgi import application
from tests.player import State

ORIGIN = b"http://testserver"


@pytest.fixture(autouse=True)
async def clean() -> AsyncIterator[None]:
    """An empty Redis, and no background work left over."""
    await store.aredis().flushdb()
    yield
    await stop_background()
    await get_channel_layer().flush()
    await store.close_aredis()


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    """A running engine."""
    running = Engine()
    task = asyncio.create_task(running.run())
    yield running
    running.stop()
    await asyncio.wait_for(task, 10)


def handshake(path: str, player: UUID | None, **headers: bytes) -> WebsocketCommunicator:
    """A socket that is about to be opened; headers by name, with _ for -."""
    given = {"host": b"testserver", "origin": ORIGIN} | headers
    if player:
        given["cookie"] = f"{identity.COOKIE}={identity.issue(player)}".encode()
    pairs = [(name.replace("_", "-").encode(), value) for name, value in given.items() if value]
    return WebsocketCommunicator(application, path, pairs)


class Page:
    """A browser's side of one socket."""

    def __init__(self, room: str, player: UUID | None = None) -> None:
        self.socket = handshake(f"/ws/room/{room}/", player or uuid4())
        self.state = State()
        self.messages: list[bytes] = []
        self.events: list[list[Any]] = []
        self.closed = 0

    async def open(self, hello: bytes = b"\x01\x02") -> "Page":
        accepted, _ = await self.socket.connect()
        assert accepted
        await self.send(hello)
        return self

    async def send(self, data: bytes) -> None:
        await self.socket.send_to(bytes_data=data)

    async def join(self, name: str) -> None:
        await self.send(b"\x02" + json.dumps({"name": name, "colour": 1}).encode())

    async def until(self, so: Callable[[], Any], seconds: float = 5.0) -> None:
        """Read until a condition holds."""
        async with asyncio.timeout(seconds):
            while not so():
                output = await self.socket.receive_output(seconds)
                if output["type"] == "websocket.close":
                    self.closed = output["code"]
                    continue
                data = output["bytes"]
                self.messages.append(data)
                if data[0] == 0x81:
                    self.state.welcome = json.loads(data[1:])
                elif data[0] == 0x82:
                    self.events += self.state.frame(data)

    def got(self, kind: int) -> list[bytes]:
        """The messages of one type that came."""
        return [message for message in self.messages if message[0] == kind]

    def errors(self) -> list[int]:
        """The codes of the errors that came."""
        return [struct.unpack_from("<H", m, 1)[0] for m in self.got(0x87)]

    async def until_seated(self) -> int:
        """Read until a seat is given, and return its number."""
        await self.until(lambda: self.got(0x84))
        return int(struct.unpack_from("<H", self.got(0x84)[-1], 1)[0])

    async def gone(self) -> None:
        """Close as a browser that is closed."""
        await self.socket.disconnect()


async def passes(so: Callable[[], Any]) -> None:
    """Let the loop run until a condition holds, reading nothing."""
    async with asyncio.timeout(5):
        while not so():
            await asyncio.sleep(0.005)


async def a_room(**options: Any) -> str:
    return await matchmaking.create_room(options, "", private=False, fill=0)


# --- The door ----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "origin", [b"http://evil.example", b"http://testserver.evil.example", b"null", b""]
)
@pytest.mark.parametrize("path", ["/ws/live/", "/ws/room/abcdef/"])
async def test_a_page_of_another_site_is_refused_before_it_is_accepted(
    path: str, origin: bytes
) -> None:
    accepted, _ = await handshake(path, uuid4(), origin=origin).connect()
    assert not accepted


async def test_a_process_takes_no_more_sockets_than_it_can_serve(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(handshake_module, "SOCKETS_BOUND", 1)
    first, second, third = (handshake("/ws/live/", uuid4()) for _ in range(3))
    assert (await first.connect())[0]
    assert not (await second.connect())[0]
    await first.disconnect()
    assert (await third.connect())[0]
    await third.disconnect()


@pytest.mark.parametrize("path", ["/", "/ws/", "/ws/room/", "/ws/room/UPPER!/", "/ws/other/"])
async def test_unknown_paths_are_refused_without_a_traceback(
    path: str, caplog: pytest.LogCaptureFixture
) -> None:
    accepted, _ = await handshake(path, uuid4()).connect()
    assert not accepted
    assert not caplog.records


async def refused_with(page: Page) -> int:
    await page.until(lambda: page.closed)
    assert page.errors()[-1] == page.closed
    return page.closed


async def test_a_browser_without_an_identity_is_told_to_reload() -> None:
    page = Page("abcdef")
    page.socket = handshake("/ws/room/abcdef/", None)
    await page.open()
    assert await refused_with(page) == protocol.NO_IDENTITY


async def test_a_forged_identity_is_none() -> None:
    page = Page("abcdef")
    page.socket = handshake("/ws/room/abcdef/", None, cookie=b"kogame_guest=forged")
    await page.open()
    assert await refused_with(page) == protocol.NO_IDENTITY


async def test_a_room_that_is_not_there() -> None:
    assert await refused_with(await Page("abcdef").open()) == protocol.ROOM_GONE


async def test_another_version_of_the_page() -> None:
    assert await refused_with(await Page("abcdef").open(b"\x01\x63")) == protocol.WRONG_VERSION


async def test_a_page_that_is_closed_before_it_introduces_itself() -> None:
    page = Page("abcdef")
    await page.socket.connect()
    await page.gone()  # raises what the application raised
    assert metrics.report()["counters"]["web.disconnects"] == 1


async def test_a_page_that_does_not_introduce_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumers, "HELLO_SECONDS", 0.05)
    page = Page("abcdef")
    await page.socket.connect()
    assert await refused_with(page) == protocol.NO_HELLO


@pytest.mark.parametrize("first", [b"\x04", b"\xff", b"\x01"])
async def test_a_first_message_that_is_no_hello(first: bytes) -> None:
    assert await refused_with(await Page("abcdef").open(first)) == protocol.MALFORMED


@pytest.mark.parametrize("wrong", [b"\xff\xff", b"\x01\x02", b"\x02{}", b"\x02" + b" " * 5000])
async def test_a_malformed_message_closes_with_its_code(engine: Engine, wrong: bytes) -> None:
    page = await Page(await a_room()).open()
    await page.until(lambda: page.state.known)
    await page.send(wrong)
    assert await refused_with(page) == protocol.MALFORMED


async def test_too_many_messages_close_with_their_code(engine: Engine) -> None:
    page = await Page(await a_room()).open()
    for _ in range(int(consumers.MESSAGES_BURST) + 1):
        await page.send(b"\x06" + bytes(8))
    assert await refused_with(page) == protocol.TOO_MANY
    assert metrics.report()["counters"]["web.rate_limited"] == 1


class Offering:
    """What Kogame's own server puts into the scope, as far as messages beneath ASGI go."""

    def __init__(self) -> None:
        self.taker: Callable[[bytes], bool] | None = None

    def hand_to(self, taker: Callable[[bytes], bool] | None) -> None:
        self.taker = taker


async def test_messages_beneath_asgi_obey_the_same_rules(engine: Engine) -> None:
    page, server = Page(await a_room()), Offering()
    page.socket.scope["extensions"] = {sinks.EXTENSION: server}
    await page.open()
    await page.until(lambda: page.state.known)
    assert server.taker
    before = metrics.report()["counters"]
    assert server.taker(b"\x06\x01\x02\x03\x04" + bytes(4))
    await page.until(lambda: page.got(0x86) == [b"\x86\x01\x02\x03\x04"])
    for wrong in (b"", b"\xff", b"\x01\x01", b"\x02{}", b"\x02" + b" " * 5000):
        assert not server.taker(wrong)  # the long way says what is wrong
    after = metrics.report()["counters"]
    assert after["web.messages_in"] - before["web.messages_in"] == 1
    assert after["web.bytes_in"] - before["web.bytes_in"] == 9
    for _ in range(int(consumers.MESSAGES_BURST) + 10):  # more than what may have become free
        assert server.taker(b"\x06" + bytes(8))
    assert await refused_with(page) == protocol.TOO_MANY
    assert metrics.report()["counters"]["web.rate_limited"] == 1
    messages = metrics.report()["counters"]["web.messages_in"]
    assert server.taker(b"\x06" + bytes(8))  # what still comes is not read
    assert metrics.report()["counters"]["web.messages_in"] == messages
    await page.gone()
    assert not server.taker


async def test_what_names_are_held_against_is_made_before_anybody_comes() -> None:
    tables = (names._prototypes, profanity._patterns)
    for made in tables:
        made.cache_clear()
    await routing.startup()
    assert [made.cache_info().currsize for made in tables] == [1, 1]


# --- Playing -----------------------------------------------------------------------------------
async def test_a_page_sees_the_room_and_then_plays_in_it(engine: Engine) -> None:
    page = await Page(await a_room()).open()
    await page.until(lambda: page.state.known)
    assert page.messages[0][0] == 0x81
    assert page.state.welcome["game"] == "snek"
    await page.join("Ada")
    seat = await page.until_seated()
    await page.until(lambda: page.state.body(seat))
    assert page.state.roster[seat][1] == "Ada"


async def test_two_players_see_each_other_move(engine: Engine) -> None:
    room = await a_room(wrap=True)
    ada, bo = await Page(room).open(), await Page(room).open()
    await ada.join("Ada")
    await bo.join("Bo")
    seats = [await ada.until_seated(), await bo.until_seated()]
    for page in (ada, bo):
        await page.until(lambda page=page: all(page.state.body(seat) for seat in seats))
    before = [ada.state.body(seat)[-1:] for seat in seats]
    await ada.until(lambda: [ada.state.body(seat)[-1:] for seat in seats] != before)
    tick = ada.state.tick
    await bo.until(lambda: bo.state.tick >= tick)
    await ada.until(lambda: ada.state.tick >= bo.state.tick)
    if ada.state.tick == bo.state.tick:
        assert ada.state.tables == bo.state.tables


async def test_a_turn_is_acknowledged_and_taken(engine: Engine) -> None:
    page = await Page(await a_room(wrap=True)).open()
    await page.join("Ada")
    await page.until_seated()
    await page.send(struct.pack("<BHIBB", 3, 1, page.state.tick, 1, 0))
    await page.until(lambda: page.got(0x85))
    assert page.got(0x85) == [b"\x85\x01\x00"]


@pytest.mark.parametrize("name", ["", "\u200b\u202e", "   "])
async def test_a_name_of_nothing_is_refused(engine: Engine, name: str) -> None:
    page = await Page(await a_room()).open()
    await page.join(name)
    await page.until(page.errors)
    assert page.errors() == [protocol.NAME_REFUSED]


async def test_who_only_watches_moves_nobody(engine: Engine) -> None:
    page = await Page(await a_room()).open()
    await page.until(lambda: page.state.known)
    await page.send(struct.pack("<BHIBB", 3, 1, page.state.tick, 1, 0))
    await page.until(page.errors)
    assert page.errors() == [protocol.NOT_SEATED]


async def test_operators_are_told_the_slowest_pings_of_players(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "PINGS_MOST", 2)
    room, hub = await a_room(), background().hub
    players = [uuid4() for _ in range(4)]
    pages = [await Page(room, player).open() for player in players]
    for page, name in zip(pages, ("Ada", "Bo", "Cy"), strict=False):
        await page.join(name)
        await page.until_seated()
    for page, rtt in zip(pages, (30, 0, 20, 900), strict=True):  # the last one only watches
        await page.send(b"\x06" + bytes(8) + rtt.to_bytes(2, "little"))
    told = [[room, players[0].hex, 30], [room, players[2].hex, 20]]
    async with asyncio.timeout(5):
        while hub.pings() != told:
            await asyncio.sleep(0.01)


async def test_a_ping_is_answered(engine: Engine) -> None:
    page = await Page(await a_room()).open()
    await page.send(b"\x06\x01\x02\x03\x04" + bytes(4))
    await page.until(lambda: page.got(0x86))
    assert page.got(0x86) == [b"\x86\x01\x02\x03\x04"]


async def test_a_second_tab_takes_over_and_the_first_is_told(engine: Engine) -> None:
    room, player = await a_room(), uuid4()
    first = await Page(room, player).open()
    await first.join("Ada")
    seat = await first.until_seated()
    second = await Page(room, player).open()
    await second.join("Ada")
    assert await second.until_seated() == seat
    assert await refused_with(first) == protocol.REPLACED


async def test_a_dropped_player_is_marked_and_comes_back_to_the_same_seat(engine: Engine) -> None:
    room, player = await a_room(wrap=True), uuid4()
    watcher = await Page(room).open()
    page = await Page(room, player).open()
    await page.join("Ada")
    seat = await page.until_seated()
    await page.gone()
    await watcher.until(lambda: watcher.state.roster.get(seat, [0, 0, 0, 0])[3] == 1)
    again = await Page(room, player).open()
    await again.join("Ada")
    assert await again.until_seated() == seat
    assert again.got(0x84)[0][-1] == 1  # resumed
    await watcher.until(lambda: watcher.state.roster[seat][3] == 0)


async def test_who_leaves_gives_the_seat_up_at_once(engine: Engine) -> None:
    page = await Page(await a_room()).open()
    await page.join("Ada")
    seat = await page.until_seated()
    await page.until(lambda: seat in page.state.roster)
    await page.send(b"\x07")
    await page.until(lambda: seat not in page.state.roster)


async def test_a_gap_is_mended_by_a_snapshot(engine: Engine) -> None:
    page = await Page(await a_room()).open()
    await page.until(lambda: page.state.known)
    page.state.known = False  # as after a gap
    await page.send(b"\x04")
    await page.until(lambda: page.state.known)


async def test_who_asks_for_snapshots_all_the_time_gets_few(engine: Engine) -> None:
    """Each is a hundred times as long as the question."""
    page = await Page(await a_room()).open()
    await page.until(lambda: page.state.known)
    began = page.state.tick
    for _ in range(30):
        await page.send(b"\x04")
    await page.until(lambda: page.state.tick > began + 9)
    keyframes = [message for message in page.got(0x82) if message[9] & 1]
    assert len(keyframes) <= 4


async def test_a_page_that_floods_the_live_socket_is_closed() -> None:
    page = handshake("/ws/live/", uuid4())
    assert (await page.connect())[0]
    for _ in range(int(consumers.MESSAGES_BURST) + 1):
        await page.send_to(text_data="{}")
    async with asyncio.timeout(5):
        while (output := await page.receive_output(5))["type"] != "websocket.close":
            pass
    assert output["code"] == protocol.TOO_MANY


async def test_who_does_not_read_is_owed_no_answers(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = await Page(await a_room()).open()
    await page.until(lambda: page.state.known)
    (feed,) = background().hub.feeds.values()
    (socket,) = feed.sockets.values()
    monkeypatch.setattr(type(socket.sink), "behind", lambda _: True)
    for _ in range(20):
        await page.send(b"\x06" + bytes(8))
        await page.send(b"\x04")
    await passes(lambda: metrics.report()["counters"]["web.answers_dropped"] >= 20)
    assert metrics.report()["counters"]["web.resyncs"] >= 19
    assert page.socket.output_queue.qsize() <= 2


async def test_the_room_goes_on_for_the_same_sockets_with_another_engine() -> None:
    one = Engine()
    first = asyncio.create_task(one.run())
    page = await Page(await a_room(wrap=True)).open()
    await page.join("Ada")
    seat = await page.until_seated()
    await page.until(lambda: page.state.body(seat))
    epoch, tick = page.state.epoch, page.state.tick
    one.stop()
    await asyncio.wait_for(first, 10)
    two = Engine()
    second = asyncio.create_task(two.run())
    await page.until(lambda: page.state.epoch > epoch, 10)
    assert page.state.tick > tick
    assert page.state.roster[seat][3] == 0  # still a person's, never marked absent
    number = page.state.tick
    await page.send(struct.pack("<BHIBB", 3, 1, number, 1, 0))
    await page.until(lambda: page.got(0x85))
    two.stop()
    await asyncio.wait_for(second, 10)


async def test_nobody_is_left_out_who_comes_while_the_room_is_looked_for(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "UPKEEP_EVERY", 0.0005)
    for _ in range(5):
        room = await a_room()
        pages = await asyncio.gather(*(Page(room).open() for _ in range(5)))
        for page in pages:
            await page.until(lambda page=page: page.state.known)
            await page.gone()


async def test_players_are_told_when_no_engine_steps_their_room() -> None:
    page = await Page(await a_room()).open()
    await page.until(page.errors)
    assert page.errors() == [protocol.NO_ENGINE]


async def test_a_closed_room_closes_its_sockets(engine: Engine) -> None:
    room = await a_room()
    page = await Page(room).open()
    await page.until(lambda: page.state.known)
    await matchmaking.close(room)
    assert await refused_with(page) == protocol.ROOM_GONE


async def test_a_kicked_player_is_told(engine: Engine) -> None:
    room = await a_room()
    page = await Page(room).open()
    await page.join("Ada")
    await matchmaking.kick(room, await page.until_seated())
    assert await refused_with(page) == protocol.REMOVED


async def test_a_socket_that_is_silent_is_closed(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "SILENT_SECONDS", 0.3)
    page = await Page(await a_room()).open()
    assert await refused_with(page) == protocol.SILENT


async def test_a_client_that_is_behind_gets_nothing_and_then_the_newest(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = await Page(await a_room()).open()
    await page.until(lambda: page.state.known)
    (feed,) = background().hub.feeds.values()
    (socket,) = feed.sockets.values()
    behind = True
    monkeypatch.setattr(type(socket.sink), "behind", lambda _: behind)
    await passes(lambda: not socket.synced)
    while not page.socket.output_queue.empty():
        page.socket.output_queue.get_nowait()
    skipped = feed.frames.tick
    await passes(lambda: feed.frames.tick >= skipped + 3)
    assert page.socket.output_queue.empty()
    behind = False
    await page.until(lambda: page.state.tick > skipped + 3)
    assert page.state.gaps == 0
    assert metrics.report()["counters"]["web.skipped_frames"] >= 3


async def test_a_client_that_never_confirms_is_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    class Sink:
        def behind(self) -> bool:
            return False

    closed: list[int] = []
    socket = socket_module.Socket("w:1", "p", Sink(), closed.append)  # type: ignore[arg-type]
    assert not socket.is_behind(socket.marked + socket_module.UNSEEN_SECONDS - 1)
    assert socket.is_behind(socket.marked + socket_module.UNSEEN_SECONDS + 1)
    socket.sent = socket.mark = 50
    socket.heard += 2
    socket.confirm(49)
    assert socket.is_behind(socket.heard + socket_module.UNSEEN_SECONDS - 1)
    socket.confirm(50)
    assert not socket.is_behind(socket.heard + socket_module.UNSEEN_SECONDS - 1)


# --- Pages outside a game ----------------------------------------------------------------------
async def test_an_open_page_hears_of_rooms_and_of_scores(engine: Engine) -> None:
    page = handshake("/ws/live/", uuid4())
    assert (await page.connect())[0]
    room = await a_room()
    heard: dict[str, Any] = {"rooms": []}
    while not any(listed["id"] == room for listed in heard.get("rooms", [])):
        heard = json.loads(await page.receive_from(5))
    assert heard["rooms"][0]["capacity"] == matchmaking.CAPACITY
    message = {"type": "scores.saved", "lives": [], "boards": {"day/score": []}}
    await get_channel_layer().group_send("scores", message)
    while heard["type"] != "scores":
        heard = json.loads(await page.receive_from(5))
    assert heard["boards"] == {"day/score": []}
    await page.disconnect()


async def test_a_saved_life_reaches_its_player(engine: Engine) -> None:
    player = uuid4()
    page, other = await Page(await a_room(), player).open(), await Page(await a_room()).open()
    for each in (page, other):
        await each.until(lambda each=each: each.state.known)
    life = {"life": "m-1", "player": player.hex, "day": 1, "week": 2, "all": 3, "best": True}
    message = {"type": "scores.saved", "lives": [life], "boards": {}}
    while not page.got(0x88):
        await get_channel_layer().group_send("scores", message)
        seen = len(page.messages)
        await page.until(lambda seen=seen: len(page.messages) > seen)
    assert json.loads(page.got(0x88)[0][1:]) == life
    assert other.got(0x88) == []
