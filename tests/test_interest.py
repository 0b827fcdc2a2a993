"""Interest: what a page is told is exactly what lies in its view, whoever moves, comes or goes."""

import itertools
import random
from collections.abc import Callable
from typing import Any
from unittest import mock

import pytest
from hypothesis import given, settings, strategies as st

from game import protocol
from game.engine.hosted import Hosted
from game.hub.feed import Feed
from game.hub.frames import UNKEYED_BOUND
from game.hub.socket import UNSEEN_SECONDS, Socket
from game.protocol import Act, Join, Leave, RoomTick
from game.room import Room, Settings
from game.rules.contract import ROOM
from game.sinks import server_frame
from tests.player import Player

BOARD = {"width": 200, "height": 150, "side": 16, "rate": 20}


class Reader:
    """A sink whose other end reads as a page would; it can stop reading for a while.

    One that is straight takes frames without being looked at, until it says that they must wait.
    """

    def __init__(self, *, straight: bool) -> None:
        self.page = Player("http://nowhere", "room")
        self.stuck = self.gone = False
        self.held = b""  # what waits in this process, in order
        self.looks = 0  # writes for which the hub looked at it
        self._way = self._take if straight else None
        self._on_wait: Callable[[], None] | None = None
        self._come = bytearray()  # what the page has, up to the middle of a frame

    def write(self, messages: Any) -> int:
        self.looks += 1
        data = b"".join(map(server_frame, messages))
        if self.stuck or self.held:
            self.finish(data)
        else:
            self._read(data)
        return len(data)

    def straight(self, on_wait: Callable[[], None]) -> Callable[[bytes], int] | None:
        if self.behind():
            return None
        self._on_wait = on_wait
        return self._way

    def _take(self, data: bytes) -> int:
        assert self._on_wait  # it has not said that bytes must wait since it was asked
        assert not self.held  # nothing overtakes
        taken = min(5, len(data)) if self.stuck else len(data)
        self._read(data[:taken])
        return taken

    def finish(self, rest: bytes) -> None:
        self.held += rest
        if self._on_wait:
            self._on_wait()
            self._on_wait = None

    def stick(self, stuck: bool) -> None:
        """Stop reading, or go on with what waits."""
        self.stuck = stuck
        if not stuck:
            held, self.held = self.held, b""
            self._read(held)

    def let_go(self) -> None:
        self._on_wait = None

    def behind(self) -> bool:
        return self.stuck or bool(self.held)

    def _read(self, data: bytes) -> None:
        assert not self.gone
        self._come += data
        while len(self._come) > 1:
            size, head = self._come[1], 2
            if size == 126:
                size, head = int.from_bytes(self._come[2:4], "big"), 4
            if len(self._come) < head + size:
                break
            message = bytes(self._come[head : head + size])
            del self._come[: head + size]
            tick = self.page.state.tick
            self.page.receive(message)
            if message[0] == 0x82 and not message[9] & 1:  # what changed, to follow on the last
                assert self.page.state.tick == tick + 1

    async def run(self) -> None: ...


class World:
    """A room, its bookkeeping in an engine, and a hub's feed of it, without a network between."""

    def __init__(self, seed: int, **options: Any) -> None:
        given = {"capacity": 200, "fill": 0, "options": BOARD | options}
        self.room = Room(Settings(id="r", match="m", game="snek", seed=seed, **given))
        self.hosted = Hosted(self.room, 1)
        self.feed = Feed("r")
        self.readers: dict[str, Reader] = {}
        self.sockets: dict[str, Socket] = {}
        self.sequence = itertools.count(1)
        self.pause: Callable[[], None] = lambda: None  # what happens while a tick goes out

    def open(self, conn: str, *, straight: bool = True) -> None:
        reader = Reader(straight=straight)
        self.readers[conn] = reader
        self.sockets[conn] = Socket(conn, conn, reader, lambda code: None)
        self.feed.add(self.sockets[conn])
        self.feed.bring_up_to_date(self.sockets[conn])

    def close(self, conn: str) -> None:
        self.feed.remove(self.sockets.pop(conn))
        self.readers.pop(conn).gone = True

    def join(self, conn: str) -> None:
        """Wish to play, as the hub does until it is answered."""
        self.sockets[conn].join = Join(conn, conn, conn, 1)
        self.room.offer(self.sockets[conn].join)

    def tick(self, *, lost: bool = False) -> RoomTick:
        """One tick; a lost one never reaches the feed, which asks for keyframes then."""
        sent = protocol.encode(self.hosted.message(self.room.step()))
        tick = protocol.decode_tick(sent)
        if not lost:
            for socket in self.sockets.values():
                socket.keyed = socket.looked = 0.0  # a test's ticks take no time
            for reader in self.readers.values():
                reader.stick(reader.stuck)
            for _ in self.feed.take(tick):
                self.pause()
            self.hosted.keys_wanted = self.hosted.keys_wanted or not self.feed.frames.views
        return tick

    def truth(self, view: int) -> dict[str, dict[int, dict[int, tuple[int, ...]]]]:
        """The rows of every table that somebody with this view may know."""
        regions = {*self.room.game.views[view], ROOM}
        return {
            name: kept
            for name, table in self.room.game.tables.items()
            if table.spec.scope != "seat"
            and (
                kept := {
                    region: rows
                    for region in table.regions()
                    if region in regions and (rows := dict(table.rows(region)))
                }
            )
        }

    def check(self) -> None:
        """Every page that is up to date knows what is in its view, and nothing else."""
        for conn, reader in self.readers.items():
            socket, state = self.sockets[conn], reader.page.state
            if not socket.synced or reader.held:
                continue
            known = {
                name: kept
                for name, regions in state.tables.items()
                if (kept := {region: rows for region, rows in regions.items() if rows})
            }
            assert known == self.truth(socket.view), conn
            assert not state.wrong, conn
            assert state.roster.keys() == self.room.seats.keys()
            seat = next((s for s in self.room.seats.values() if s.conn == conn), None)
            if seat is not None and not socket.pending:
                assert socket.view == self.room.game.view(seat.number)
                assert reader.page.own["mine"] == self.own(seat.number)

    def own(self, seat: int) -> tuple[int, ...]:
        """The numbers that a seat's player must have been told."""
        return dict(self.room.game.tables["mine"].rows(ROOM))[seat]

    def disturb(self, dice: random.Random) -> None:
        """One who watches comes, another goes, and some ask for all there is to see."""
        self.open(f"new:{next(self.sequence)}")
        watchers = [conn for conn in self.sockets if conn.startswith("new:")]
        if len(watchers) > 4:
            self.close(dice.choice(watchers))
        for socket in dice.sample(list(self.sockets.values()), min(2, len(self.sockets))):
            self.feed.resync(socket)
        newcomer = dice.choice(list(self.sockets))  # as one that was served while it was attached
        if not self.readers[newcomer].behind():
            self.feed.bring_up_to_date(self.sockets[newcomer])
        for reader in dice.sample(list(self.readers.values()), min(2, len(self.readers))):
            reader.finish(server_frame(protocol.pong(1)))  # the server itself has something to say
            if dice.random() < 0.5:
                reader.stick(reader.stuck)  # and it is out before this socket's turn


@given(seed=st.integers(0, 2**32), wrap=st.booleans())
@settings(max_examples=12, deadline=None)
@mock.patch("game.hub.audience.ROW", 4)
@mock.patch("game.hub.feed.SLICE", 3)
def test_a_page_knows_what_is_in_its_view_and_nothing_else(seed: int, wrap: bool) -> None:
    dice = random.Random(seed)
    world = World(seed, wrap=wrap)
    world.pause = lambda: world.disturb(dice)
    conns = [f"w:{number}" for number in range(14)]
    for _ in range(150):
        conn = dice.choice(conns)
        roll = dice.random()
        if conn not in world.sockets:
            world.open(conn, straight=dice.random() < 0.8)
            if dice.random() < 0.5:
                world.feed.check(world.sockets[conn])
            if dice.random() < 0.8:
                world.join(conn)
        elif world.sockets[conn].join:
            world.join(conn)
        elif roll < 0.02:
            world.room.offer(Leave(conn))
            world.sockets[conn].seated = False
        elif roll < 0.04:
            world.room.offer(Leave(conn))
            world.close(conn)
        elif roll < 0.1:
            world.feed.look(world.sockets[conn], dice.randrange(200))
        elif roll < 0.15:
            world.readers[conn].stick(not world.readers[conn].stuck)
        for turner in dice.sample(conns, 3):
            act = (1, bytes([dice.randrange(4)])) if dice.random() < 0.8 else (2, b"")
            world.room.offer(Act(turner, next(world.sequence), world.room.tick, *act))
        lost = dice.random() < 0.02
        world.tick(lost=lost)
        if not lost:
            world.check()


@mock.patch("game.hub.audience.ROW", 2)
@mock.patch("game.hub.feed.SLICE", 2)
def test_who_acted_gets_the_tick_before_the_others() -> None:
    world = World(3)
    conns = [f"w:{number}" for number in range(9)]
    for conn in conns:
        world.open(conn)
        world.join(conn)
    for _ in range(3):
        world.tick()
    world.room.offer(Act(conns[-1], 1, world.room.tick, 1, b"\0"))
    have: list[set[str]] = []
    world.pause = lambda: have.append(
        {conn for conn in conns if world.readers[conn].page.state.tick == world.room.tick}
    )
    world.tick()
    assert world.readers[conns[-1]].page.acked == 1
    assert conns[-1] in have[0] < set(conns)
    assert have == sorted(have, key=len)
    assert {world.readers[conn].page.state.tick for conn in conns} == {world.room.tick}


def test_a_frame_holds_only_regions_of_the_view() -> None:
    world = World(3)
    for number in range(60):
        world.open(f"w:{number}")
        world.join(f"w:{number}")
    for _ in range(60):
        tick = world.tick()
    assert len(tick.parts) > 20
    for conn, reader in world.readers.items():
        view = set(world.room.game.views[world.sockets[conn].view])
        assert len(view) <= 16
        held = {region for rows in reader.page.state.tables.values() for region in rows}
        assert held <= view | {ROOM}


def test_a_page_that_asks_can_show_that_it_holds_what_the_engine_holds() -> None:
    world = World(3)
    for number in range(20):
        world.open(f"w:{number}")
        world.join(f"w:{number}")
    world.feed.check(world.sockets["w:0"])
    told = 0
    for _ in range(3 * BOARD["rate"]):
        told += len(world.tick().keys)
    state, quiet = (world.readers[conn].page.state for conn in ("w:0", "w:1"))
    seen = len(world.room.game.views[world.sockets["w:0"].view]) + 1
    assert 2 * seen <= state.checks < told
    assert state.wrong == []
    assert (quiet.checks, quiet._sums) == (0, (0, 0, {}))

    region, rows = next((r, rows) for r, rows in state.tables["food"].items() if len(rows) > 1)
    rows.pop(next(iter(rows)))
    for _ in range(BOARD["rate"]):
        world.tick()
    assert {wrong[2] for wrong in state.wrong} == {region}
    state.roster.popitem()
    for _ in range(BOARD["rate"]):
        world.tick()
    assert state.wrong[-1][2] == ROOM


def test_who_zigzags_over_a_border_is_told_each_region_as_often_as_needed() -> None:
    world = World(1)
    world.open("w:1")
    for _ in range(3):
        world.tick()
    views = world.room.game.views
    for number in range(40):
        world.feed.look(world.sockets["w:1"], len(views) // 2 + number % 2)
        world.tick()
        world.check()
    assert world.sockets["w:1"].synced


@mock.patch("game.hub.audience.ROW", 1)
@mock.patch("game.hub.feed.SLICE", 1)
def test_who_is_set_apart_on_the_way_to_another_view_is_told_what_to_forget() -> None:
    world = World(1)
    for number in range(3):
        world.open(f"w:{number}")
    for number in range(60):  # whose snakes and food there is to be seen
        world.open(f"p:{number}")
        world.join(f"p:{number}")
    for _ in range(5):
        world.tick()
    moving, last = world.readers["w:2"], len(world.room.game.views) - 1
    world.feed.look(world.sockets["w:2"], 0)
    world.tick()
    assert any(world.truth(0).values())
    world.feed.look(world.sockets["w:2"], last)  # and so the last to be served

    def speak() -> None:
        moving.finish(server_frame(protocol.pong(1)))
        moving.stick(False)
        world.pause = lambda: None

    world.pause = speak
    world.tick()
    assert moving.looks == 2  # at first, and now
    world.check()


def test_a_seated_player_may_not_look_elsewhere() -> None:
    world = World(1)
    world.open("w:1")
    world.join("w:1")
    world.tick()
    assert world.sockets["w:1"].seated
    view = world.sockets["w:1"].view
    world.feed.look(world.sockets["w:1"], view - 1)
    world.tick()
    assert world.sockets["w:1"].view == world.room.game.view(1)


@pytest.mark.parametrize("view", [60_000, 0xFFFF])
def test_a_view_that_is_not_there_is_ignored(view: int) -> None:
    world = World(1)
    world.open("w:1")
    world.tick()
    before = world.sockets["w:1"].view
    world.feed.look(world.sockets["w:1"], view)
    world.tick()
    world.check()
    assert world.sockets["w:1"].view == before


def test_players_of_one_view_share_its_bytes() -> None:
    world = World(1)
    for number in range(30):
        world.open(f"w:{number}")
    world.tick()
    world.tick()
    assert list(world.feed.frames._built) == [(world.sockets["w:0"].view,) * 2]


def test_who_is_like_the_others_is_sent_to_without_a_look() -> None:
    world = World(5)
    conns = [f"w:{number}" for number in range(40)]
    for conn in conns:
        world.open(conn)
        world.join(conn)
    for _ in range(5):
        world.tick()
    for reader in world.readers.values():
        reader.looks = 0
    for _ in range(60):  # lives end, cameras turn, and notes come
        world.tick()
        world.check()
    assert not any(reader.looks for reader in world.readers.values())
    world.readers["w:7"].finish(server_frame(protocol.pong(1)))
    for _ in range(5):
        world.tick()
    assert {conn for conn in conns if world.readers[conn].looks} == {"w:7"}


def test_what_a_lost_connection_does_not_take_is_offered_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World(5)
    for number in range(3):
        world.open(f"w:{number}")
    for _ in range(3):
        world.tick()
    lost = mock.Mock(side_effect=OSError)
    (row,) = (row for group in world.feed._audience.groups.values() for row in group.rows)
    row.sends[world.sockets["w:1"]] = lost
    reader = world.readers["w:1"]
    monkeypatch.setattr(reader, "_way", None)
    monkeypatch.setattr(reader, "finish", lambda rest: None)
    monkeypatch.setattr(reader, "write", lambda messages: 0)
    for _ in range(3):
        world.tick()
    assert lost.call_count == 1
    assert world.sockets["w:0"].row
    assert not world.sockets["w:1"].row


def test_a_feed_that_got_no_keyframes_for_long_begins_anew_and_goes_on() -> None:
    world = World(5)
    world.open("w:0")
    for _ in range(3):
        world.tick()
    frames, unkeyed = world.feed.frames, mock.patch.object(Hosted, "message", without_keys)
    with unkeyed:
        for _ in range(UNKEYED_BOUND):
            world.tick()
        assert frames.views
        world.tick()
        assert not frames.views
        assert frames.regions == {}
    world.tick()  # with every key, as was asked for
    assert frames.views
    with unkeyed:
        world.tick()
    assert frames.views
    world.check()


MESSAGE = Hosted.message


def without_keys(hosted: Hosted, tick: Any) -> RoomTick:
    """What an engine says that has forgotten about keyframes."""
    hosted.keys_wanted = False
    told = MESSAGE(hosted, tick)
    told.keys.clear()
    return told


def test_who_stops_confirming_is_looked_at_again_and_held_back() -> None:
    world = World(5)
    for number in range(3):
        world.open(f"w:{number}")
    for _ in range(5):
        world.tick()
    world.sockets["w:1"].marked -= UNSEEN_SECONDS
    world.feed._swept = 0.0
    world.tick()
    assert [socket.synced for socket in world.sockets.values()] == [True, False, True]
    assert world.feed.slow() == 1
