"""Draining: an engine gives its rooms away, a web process its players, and neither takes more."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
from channels.layers import get_channel_layer

from game import admission, draining, internal, metrics, protocol, store
from game.background import background, stop_background
from game.draining import Refused
from game.engine.balance import HAND_ON_MOST, parcel_out
from game.engine.ledger import Ledger
from tests.test_engine import a_room as a_room_with_bots, looked_at, running, until, watching
from tests.test_sockets import Page, a_room, engine, handshake, passes  # noqa: F401 (fixtures)


@pytest.fixture(autouse=True)
async def clean(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """An empty Redis, no background work left over, and nobody who waits for long."""
    monkeypatch.setattr(draining, "LOOK_EVERY", 0.02)
    monkeypatch.setattr(admission, "SPREAD_SECONDS", 0.05)
    await store.aredis().flushdb()
    yield
    await stop_background()
    await store.aredis().flushdb()
    await get_channel_layer().flush()
    await store.close_aredis()


async def report(*processes: str) -> None:
    """Processes that report themselves."""
    for process in processes:
        await store.aredis().set(metrics.report_key(process), "{}")
        await store.aredis().zadd(metrics.INDEX, {process: time.time()})


# --- The wish ----------------------------------------------------------------------------------
async def test_the_last_of_a_kind_is_not_drained() -> None:
    await report("engine:one", "web:two", "worker:three")
    with pytest.raises(Refused, match="only one of its kind"):
        await draining.ask("engine:one")
    await report("engine:two")
    await draining.ask("engine:one")
    with pytest.raises(Refused, match="only one of its kind"):
        await draining.ask("engine:two")
    await draining.take_back("engine:one")
    await draining.ask("engine:two")


async def test_who_is_gone_cannot_be_drained_and_takes_nothing() -> None:
    await report("engine:one", "engine:two")
    await store.aredis().delete(metrics.report_key("engine:two"))  # silent, and in the index
    with pytest.raises(Refused, match="only one of its kind"):
        await draining.ask("engine:one")
    with pytest.raises(Refused, match="does not report itself"):
        await draining.ask("engine:two")


async def test_a_wish_lasts_while_its_process_lives_and_dies_after_it() -> None:
    await report("engine:one", "engine:two")
    await draining.ask("engine:one")
    key = store.drain("engine:one")
    await store.aredis().pexpire(key, 1_000)
    ledger = Ledger(store.aredis(), "one")
    await ledger.load()
    assert await ledger.engines(0.5) == {}
    assert 1_000 < await store.aredis().pttl(key) <= store.WISH_MS
    await draining.take_back("engine:one")
    assert await ledger.engines(0.5) == {"one": 0.5}


async def test_an_engine_of_an_older_release_still_counts() -> None:
    """It hands over no wish, and shares the functions with newer ones while they are deployed."""
    await Ledger(store.aredis(), "one").load()
    older = store.aredis().fcall("kg_engines", 2, store.ENGINES, store.LOADS, "old", "0.5", "1200")
    assert await older == [b"old", b"0.5"]


# --- An engine ---------------------------------------------------------------------------------
def test_rooms_are_parcelled_out_to_who_has_least_then() -> None:
    rooms = {"a": 0.3, "b": 0.2, "c": 0.2, "d": 0.1}
    assert parcel_out(rooms, {"x": 0.0, "y": 0.1}) == {"a": "x", "b": "y", "c": "x", "d": "y"}
    assert parcel_out(rooms, {}) == {}
    assert len(parcel_out({str(n): 0.1 for n in range(20)}, {"x": 0.0})) == HAND_ON_MOST


async def test_a_drained_engine_hands_its_rooms_on_and_takes_none_until_it_may() -> None:
    async with running() as one:
        rooms = [await a_room_with_bots() for _ in range(HAND_ON_MOST + 2)]
        await until(lambda: len(one.rooms) == len(rooms))
        async with running() as two, watching(rooms[0]) as seen:
            with looked_at([one, two]):
                await until(lambda: len(seen) > 2)
                await report(f"engine:{one.id}", f"engine:{two.id}")
                await draining.ask(f"engine:{one.id}")
                await until(lambda: not one.rooms and len(two.rooms) == len(rooms))
                shown = len(seen)
                await until(lambda: len(seen) > shown + 3)
                numbers = [tick.tick for tick in seen]
                assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
                given = metrics.report()["counters"]["engine.given"]
                fresh = {await a_room_with_bots() for _ in range(4)}
                await until(lambda: fresh <= set(two.rooms))
                assert one.claims.drained
                # It had not taken one of them first.
                assert metrics.report()["counters"]["engine.given"] == given
                await draining.take_back(f"engine:{one.id}")
                await until(lambda: one.rooms, 10)  # its share, as a newcomer is given it


async def test_a_drained_engine_that_is_left_alone_keeps_its_rooms_running() -> None:
    async with running() as one:
        room = await a_room_with_bots()
        await until(lambda: room in one.rooms)
        with looked_at([one]):
            await store.aredis().set(store.drain(f"engine:{one.id}"), 1)
            await until(lambda: one.claims.drained)
            tick = one.rooms[room].room.tick
            await until(lambda: one.rooms[room].room.tick > tick + 5)


# --- A web process -----------------------------------------------------------------------------
async def denied(**extensions: Any) -> dict[str, Any]:
    """What a handshake is answered that is not let in."""
    socket = handshake("/ws/live/", uuid4())
    socket.scope["extensions"] = extensions
    await socket.send_input({"type": "websocket.connect"})
    return dict(await socket.receive_output(5))


async def test_a_drained_web_process_sends_its_players_on_and_takes_none(
    engine: Any,  # noqa: F811
) -> None:
    player = await Page(await a_room()).open()
    await player.join("Ada")
    await player.until_seated()
    lobby = handshake("/ws/live/", None)
    assert (await lobby.connect())[0]
    me = metrics.identity()
    assert me == f"web:{background().hub.id}"

    await store.aredis().set(store.drain(me), 1)
    await player.until(lambda: player.closed)
    assert player.closed == player.errors()[-1] == protocol.RESTARTING
    while (output := await lobby.receive_output(5))["type"] != "websocket.close":
        pass
    assert output["code"] == protocol.RESTARTING
    assert (await denied())["type"] == "websocket.close"
    start = await denied(**{"websocket.http.response": {}})
    assert (start["type"], start["status"]) == ("websocket.http.response.start", 503)
    assert internal.readyz()[0].startswith("503")
    assert b'"drained": true' in internal.readyz()[2]

    await store.aredis().delete(store.drain(me))
    await passes(lambda: not background().admission.drained)
    assert internal.readyz()[0] == "200 OK"
    again = handshake("/ws/live/", None)
    assert (await again.connect())[0]
    await again.disconnect()


async def test_who_was_not_sent_on_yet_stays_when_the_wish_is_taken_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(admission.random, "uniform", lambda low, high: high)
    lobby = handshake("/ws/live/", uuid4())
    assert (await lobby.connect())[0]
    door = background().admission
    door.drain(True)
    door.drain(False)
    await asyncio.sleep(0.1)  # twice as long as closing would take
    assert [guest.verdict for guest in door._guests] == [None]
    await lobby.disconnect()
