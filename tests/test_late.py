"""A web process that is late: ticks go out together, and of what is too old nothing does."""

import asyncio
from unittest import mock

from game import metrics
from game.hub import WAITING_BOUND, Hub
from game.hub.audience import Audience
from game.hub.feed import Feed
from game.protocol import Act, Keys, RoomTick
from tests.world import World

PLAYERS = 60  # there is something to be seen in every view


def playing() -> tuple[World, Hub]:
    """A room with players, whose ticks come to a hub."""
    world, hub = World(3), Hub()
    for number in range(PLAYERS):
        world.open(f"w:{number}")
        world.join(f"w:{number}")
    for _ in range(3):
        world.tick()
    world.feed.engine = "e"
    hub.feeds["r"] = world.feed
    return world, hub


async def served(hub: Hub) -> None:
    """Let a hub send what came to it."""
    serving = asyncio.create_task(hub.serve())
    (feed,) = hub.feeds.values()
    async with asyncio.timeout(5):
        while feed.due:
            await asyncio.sleep(0)
    serving.cancel()


def count(name: str) -> int:
    return metrics.report()["counters"].get(name, 0)


async def test_ticks_that_came_together_go_out_in_one_write() -> None:
    world, hub = playing()
    before = count("web.ticks_joined")
    writes = dict.fromkeys(world.readers, 0)
    for conn, socket in world.sockets.items():
        assert socket.row is not None
        way = socket.row.sends[socket]

        def send(data: bytes, conn: str = conn, way: object = way) -> int:
            writes[conn] += 1
            return way(data)  # type: ignore[operator]

        socket.row.sends[socket] = send
    for _ in range(3):
        hub._take("r", world.step())
    await served(hub)
    world.check()
    assert {reader.page.state.tick for reader in world.readers.values()} == {world.room.tick}
    in_rows = [conn for conn in writes if writes[conn]]  # who was told more stands apart
    assert len(in_rows) >= PLAYERS // 2
    assert {writes[conn] for conn in in_rows} == {1}
    assert count("web.ticks_joined") == before + 2


async def test_who_acts_in_a_tick_that_waits_is_answered_with_the_next() -> None:
    world, hub = playing()
    world.room.offer(Act("w:1", 1, world.room.tick, 1, b"\0"))
    hub._take("r", world.step())
    world.room.offer(Act("w:2", 1, world.room.tick, 1, b"\0"))
    hub._take("r", world.step())
    await served(hub)
    assert [world.readers[conn].page.acked for conn in ("w:1", "w:2", "w:3")] == [1, 1, 0]
    world.check()


async def test_who_moves_between_ticks_that_wait_sees_what_is_there() -> None:
    world, _ = playing()
    last = len(world.room.game.views) - 1
    ways = {"new:1": (5, 0, 2, 5, 3, 9), "new:2": (last, 1, last, 5, 3, 9)}  # they meet
    for conn in ways:
        world.open(conn)
    for number in range(6):
        for conn, views in ways.items():
            world.feed.look(world.sockets[conn], views[number])
        world.tick(more=number % 3 < 2)
        if number % 3 == 2:
            world.check()
    assert {conn: world.sockets[conn].view for conn in ways} == {"new:1": 9, "new:2": 9}


async def test_ticks_that_come_while_one_goes_out_are_not_forgotten() -> None:
    world, hub = playing()
    hub._take("r", world.step())
    came = 0

    def look_on(*_: object) -> None:
        nonlocal came
        if came < 4:  # the last look at everybody, once a tick was sent
            came += 1
            hub._take("r", world.step())

    with mock.patch.object(Audience, "tidy", autospec=True, side_effect=look_on):
        await served(hub)
    assert came == 4
    assert {reader.page.state.tick for reader in world.readers.values()} == {world.room.tick}


async def test_a_process_that_is_too_late_begins_anew() -> None:
    world, hub = playing()
    before = count("web.ticks_dropped")
    asked: list[object] = []
    with mock.patch.object(hub.uplink, "put", lambda engine, room, command: asked.append(command)):
        for _ in range(WAITING_BOUND + 2):
            hub._take("r", world.step())
        await served(hub)
    assert count("web.ticks_dropped") == before + WAITING_BOUND
    assert asked == [Keys()]
    assert not any(socket.synced for socket in world.sockets.values())
    world.hosted.keys_wanted = True
    for socket in world.sockets.values():
        socket.keyed = 0.0  # the test's ticks take no time
    hub._take("r", world.step())
    await served(hub)
    assert all(socket.synced for socket in world.sockets.values())
    world.check()


async def test_rooms_take_turns_however_late_one_is() -> None:
    world, hub = playing()
    other = World(4)
    other.open("o:1")
    other.feed.room = "o"
    hub.feeds["o"] = other.feed
    order: list[str] = []

    def note(feed: Feed, tick: RoomTick, *, more: bool = False) -> list[None]:
        order.append(feed.room)
        if len(order) < 5:
            hub._take("r", world.step())  # it is never done
        return []

    with mock.patch("game.hub.feed.Feed.take", note):
        hub._take("r", world.step())
        hub._take("o", other.step())
        serving = asyncio.create_task(hub.serve())
        async with asyncio.timeout(5):
            while len(order) < 6:
                await asyncio.sleep(0)
        serving.cancel()
    assert order[:3] == ["r", "o", "r"]
