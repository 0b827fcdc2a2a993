"""What an operator says to everyone in a room: who gets it, when, and how much of it."""

import pytest

from game import matchmaking, metrics, protocol
from game.engine import Engine
from game.engine.hosted import Hosted
from game.protocol import Notice
from tests.test_interest import World
from tests.test_sockets import Page, a_room, clean, engine, passes  # noqa: F401 (fixtures)

TEXT = "We restart at 9, see you <soon>."


def shown(page: Page) -> list[str]:
    """The notices that a page got."""
    return [message[1:].decode() for message in page.got(0x8B)]


async def test_players_and_spectators_get_it_once_and_who_comes_later_does_not(
    engine: Engine,  # noqa: F811
) -> None:
    room = await a_room()
    player, spectator = await Page(room).open(), await Page(room).open()
    await player.join("Ada")
    await player.until_seated()
    await spectator.until(lambda: spectator.got(0x82))
    await matchmaking.message(room, TEXT)
    await player.until(lambda: shown(player))
    await spectator.until(lambda: shown(spectator))
    late = await Page(room).open()
    now = engine.rooms[room].room.tick
    for page in (player, spectator, late):
        await page.until(lambda page=page: page.state.tick > now)
    assert [shown(page) for page in (player, spectator, late)] == [[TEXT], [TEXT], []]
    assert TEXT.encode() not in protocol.encode(engine.rooms[room].room.checkpoint())


def test_who_is_behind_gets_it_when_it_has_caught_up() -> None:
    world = World(1)
    for conn in ("w:1", "w:2"):
        world.open(conn)
    world.hosted.ticking = True
    world.tick()
    world.readers["w:2"].stuck = True
    world.hosted.take(Notice(TEXT), 0.0)
    world.tick()
    assert [reader.page.notices for reader in world.readers.values()] == [[TEXT], []]
    world.readers["w:2"].stuck = False
    world.sockets["w:2"].keyed = 0.0
    world.tick()
    assert world.readers["w:2"].page.notices == [TEXT]


def test_too_many_at_once_are_refused() -> None:
    world = World(1)
    world.hosted.ticking = True
    taken = [world.hosted.take(Notice(f"{n}"), 0.0) for n in range(5)]
    assert taken == [0, 0, 0, protocol.TOO_MANY, protocol.TOO_MANY]


async def test_a_room_that_sleeps_keeps_none_for_its_next_visitor(
    engine: Engine,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Hosted, "ASK_AROUND", 0.05)
    room = await a_room()
    await passes(lambda: room in engine.rooms and not engine.rooms[room].ticking)
    before = metrics.report()["counters"]["engine.inputs"]
    await matchmaking.message(room, TEXT)
    await passes(lambda: metrics.report()["counters"]["engine.inputs"] > before)
    page = await Page(room).open()
    await page.until(lambda: len(page.got(0x82)) > 1)
    assert shown(page) == []
