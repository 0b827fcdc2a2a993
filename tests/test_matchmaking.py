"""Finding and making rooms, on a real Redis."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from channels.layers import get_channel_layer

from game import matchmaking, protocol, store
from game.engine.ledger import Ledger


@pytest.fixture(autouse=True)
async def clean() -> AsyncIterator[None]:
    await store.aredis().flushdb()
    await Ledger(store.aredis(), "one").load()
    yield
    await get_channel_layer().flush()
    await store.close_aredis()


async def listed(room: str, **more: Any) -> None:
    """A room as its engine lists it."""
    line = {"id": room, "title": "", "game": "snek", "private": False, "people": 0, "bots": 6}
    line |= {"capacity": 4, "width": 44, "height": 32, "wrap": False, "rocks": 8} | more
    await store.aredis().hset(store.room(room), "settings", "{}")
    await store.aredis().zadd(store.ROOMS, {room: time.time() * 1000})
    await store.aredis().hset(store.LOBBY, room, protocol.encode_json(line).decode())


async def test_the_fullest_public_rooms_come_first() -> None:
    await listed("aaaaaa", people=1)
    await listed("bbbbbb", people=3)
    await listed("cccccc", people=2, private=True)
    assert [room["id"] for room in await matchmaking.rooms()] == ["bbbbbb", "aaaaaa"]
    assert len(await matchmaking.rooms(private=True)) == 3


async def test_a_line_without_its_room_is_swept_away() -> None:
    await listed("aaaaaa")
    await store.aredis().zrem(store.ROOMS, "aaaaaa")
    assert await matchmaking.rooms() == []
    assert not await store.aredis().hexists(store.LOBBY, "aaaaaa")


async def test_quick_play_joins_the_fullest_room_with_a_seat() -> None:
    await listed("aaaaaa", people=1)
    await listed("bbbbbb", people=4)
    assert await matchmaking.quick_play("p") == "aaaaaa"


async def test_quick_play_makes_a_room_when_none_has_a_seat() -> None:
    await listed("aaaaaa", people=4)
    room = await matchmaking.quick_play("p")
    assert room != "aaaaaa"
    assert await matchmaking.exists(room)


async def test_players_at_once_are_not_all_sent_to_the_last_seat() -> None:
    await listed("aaaaaa", people=2)
    rooms = await asyncio.gather(*(matchmaking.quick_play(f"p{n}") for n in range(6)))
    assert rooms.count("aaaaaa") == 2


async def test_a_player_who_asks_again_keeps_the_promised_seat() -> None:
    await listed("aaaaaa", people=3)
    assert [await matchmaking.quick_play("p") for _ in range(3)] == ["aaaaaa"] * 3


async def test_a_promise_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matchmaking, "RESERVED_MS", 30)
    await listed("aaaaaa", people=3)
    assert await matchmaking.quick_play("p") == "aaaaaa"
    async with asyncio.timeout(5):
        while await matchmaking.quick_play("q") != "aaaaaa":
            await asyncio.sleep(0.01)


async def test_a_private_room_is_never_found_by_quick_play() -> None:
    await listed("aaaaaa", private=True)
    assert await matchmaking.quick_play("p") != "aaaaaa"


async def test_rooms_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matchmaking, "ROOMS_BOUND", 1)
    await matchmaking.create_room({}, "", private=True)
    with pytest.raises(matchmaking.Unavailable, match="as many rooms"):
        await matchmaking.create_room({}, "", private=True)


async def test_codes_are_short_and_readable() -> None:
    room = await matchmaking.create_room({}, "", private=True)
    assert len(room) == 6
    assert not set(room) & set("il1o0")


async def test_a_command_without_an_engine_says_so() -> None:
    await listed("aaaaaa")
    with pytest.raises(matchmaking.Unavailable, match="No engine"):
        await matchmaking.kick("aaaaaa", 1)


async def test_redis_away_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> Any:
        raise ConnectionError("gone")

    monkeypatch.setattr(store, "aredis", away)
    for call in (
        matchmaking.rooms(),
        matchmaking.exists("a"),
        matchmaking.create_room({}, "", private=False),
        matchmaking.close("a"),
    ):
        with pytest.raises(matchmaking.Unavailable):
            await call
    monkeypatch.undo()
