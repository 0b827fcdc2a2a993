"""Two releases at once, as in every deploy: an older engine leaves alone what it cannot read."""

import asyncio
import math
from collections.abc import Mapping
from typing import Any, cast

import pytest

from game import matchmaking, store
from game.engine import claims, ledger as ledger_module
from game.engine.balance import parcel_out, surplus
from game.engine.ledger import Ledger
from game.room import Newer
from game.rules.games import GAMES
from game.rules.snek import Snek
from tests.test_engine import clean_redis, running, until  # noqa: F401 (a fixture)


class Later(Snek):
    """Rules of the release after this one: a match says from which version it was brought up."""

    VERSION = Snek.VERSION + 1

    @classmethod
    def restore(cls, data: Mapping[str, Any]) -> "Later":
        upgraded = {**data, "version": cls.VERSION}
        game = cast("Later", super().restore(upgraded))
        game.was = data["version"]  # type: ignore[attr-defined]
        return game


async def kept_room(monkeypatch: pytest.MonkeyPatch, rules: type[Snek]) -> str:
    """A room that an engine with these rules has opened, kept and left; its id."""
    monkeypatch.setitem(GAMES, "snek", rules)
    room = await matchmaking.create_room({}, "", private=False)
    async with running() as engine:
        await until(lambda: room in engine.rooms)
    assert await store.aredis().hexists(store.room(room), "checkpoint")
    monkeypatch.setitem(GAMES, "snek", Snek)
    return room


async def settings(room: str) -> bytes | None:
    return await store.aredis().hget(store.room(room), "settings")  # type: ignore[misc,no-any-return]


async def test_state_of_the_release_before_is_brought_up(monkeypatch: pytest.MonkeyPatch) -> None:
    room = await kept_room(monkeypatch, Snek)
    before = await settings(room)
    monkeypatch.setitem(GAMES, "snek", Later)
    async with running() as engine:
        await until(lambda: room in engine.rooms)
        assert cast("Any", engine.rooms[room].room.game).was == Snek.VERSION
    assert await settings(room) == before


async def test_an_older_engine_leaves_a_room_to_the_release_that_wrote_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    room = await kept_room(monkeypatch, Later)
    before = await store.aredis().hgetall(store.room(room))
    async with running() as engine:
        await until(lambda: "is left to an engine of its release" in caplog.text)
        for _ in range(3):  # looks
            engine.claims.look()
            await asyncio.sleep(0)
        assert room not in engine.rooms
    after = await store.aredis().hgetall(store.room(room))
    assert {k: v for k, v in after.items() if k != b"epoch"} == {
        k: v for k, v in before.items() if k != b"epoch"
    }
    assert not await store.aredis().exists(store.lease(room))
    assert caplog.text.count("is left to an engine") == 1
    monkeypatch.setitem(GAMES, "snek", Later)
    async with running() as engine:
        await until(lambda: room in engine.rooms)
        assert engine.rooms[room].room.settings.match.encode() in before[b"settings"]


async def test_a_deploy_back_begins_a_new_match_when_nobody_else_came(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(claims, "NEWER_SECONDS", 0.3)
    room = await kept_room(monkeypatch, Later)
    before = await settings(room)
    async with running() as engine:
        await until(lambda: room in engine.rooms)
    assert "is left to an engine of its release" in caplog.text
    assert "begins a new match" in caplog.text
    assert await settings(room) != before


async def test_a_game_that_only_a_later_release_knows_is_left_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(GAMES, "later", Later)
    room = await matchmaking.create_room({}, "", private=False, game="later")
    monkeypatch.delitem(GAMES, "later")
    one = Ledger(store.aredis(), "one")
    await one.load()
    with pytest.raises(Newer):
        await one.recover(room, await one.claim(room))


async def test_nothing_is_given_to_an_engine_that_could_not_read_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    older, newer = Ledger(store.aredis(), "older"), Ledger(store.aredis(), "newer")
    await older.load()
    await older.engines(0.1)
    monkeypatch.setattr(ledger_module, "STATE_FORMAT", ledger_module.STATE_FORMAT + 1)
    loads = await newer.engines(0.5)
    assert loads == {"older": math.inf, "newer": 0.5}
    assert surplus("newer", {"a": 0.25, "b": 0.25}, loads) == {}
    assert parcel_out({"a": 0.25}, {"older": math.inf}) == {}
    monkeypatch.undo()
    assert await older.engines(0.1) == {"older": 0.1, "newer": 0.5}
