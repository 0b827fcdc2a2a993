"""Interest: what a page is told is exactly what lies in its view, whoever moves, comes or goes."""

import random
from typing import Any
from unittest import mock

import pytest
from hypothesis import given, settings, strategies as st

from game import protocol
from game.engine.hosted import Hosted
from game.hub.frames import UNKEYED_BOUND
from game.hub.socket import UNSEEN_SECONDS
from game.protocol import Act, Leave, RoomTick
from game.rules.contract import ROOM
from game.sinks import server_frame
from tests.world import BOARD, World


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
        lost, more = dice.random() < 0.02, dice.random() < 0.2
        world.tick(lost=lost, more=more)
        if not lost and not more:
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
