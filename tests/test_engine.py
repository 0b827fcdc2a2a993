"""The engine on a real Redis: leases, commit before show, recovery, sleep, fairness."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Any

import pytest
from channels.layers import get_channel_layer

from game import engine as engine_module, matchmaking, metrics, protocol, store
from game.engine import Engine
from game.engine.hosted import Hosted
from game.engine.ledger import Ledger
from game.protocol import Act, Here, Join, RoomTick
from game.room import Room, Settings, Tick
from game.rules.contract import ROOM


@pytest.fixture(autouse=True)
async def clean_redis() -> AsyncIterator[None]:
    await store.aredis().flushdb()
    yield
    await get_channel_layer().flush()
    await store.close_aredis()


@asynccontextmanager
async def running() -> AsyncIterator[Engine]:
    """An engine, until the block ends."""
    engine = Engine()
    task = asyncio.create_task(engine.run())
    try:
        yield engine
    finally:
        engine.stop()
        await asyncio.wait_for(task, 10)


async def until(so: Callable[[], Any], seconds: float = 5.0) -> None:
    """Let the loop run until a condition holds."""
    async with asyncio.timeout(seconds):
        while not so():
            await asyncio.sleep(0.005)


@asynccontextmanager
async def watching(room: str) -> AsyncIterator[list[RoomTick]]:
    """Every tick that is shown of a room, as web processes get it."""
    seen: list[RoomTick] = []
    client = store.connect()
    pubsub = client.pubsub()
    await pubsub.subscribe(store.frames(room))

    async def listen() -> None:
        async for message in pubsub.listen():
            if message["type"] == "message":
                seen.append(protocol.decode_tick(message["data"]))

    task = asyncio.create_task(listen())
    try:
        yield seen
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await pubsub.aclose()  # type: ignore[no-untyped-call]
        await client.aclose()


async def say(engine: Engine, room: str, *commands: protocol.Command) -> None:
    """Send commands as a web process does."""
    batch = protocol.encode([(room, command) for command in commands])
    await get_channel_layer().send(f"engine.{engine.id}", {"type": "commands", "batch": batch})


@contextlib.contextmanager
def looked_at(engines: list[Engine]) -> Iterator[None]:
    """A web process that says twice a second that somebody watches every room."""

    async def report() -> None:
        while True:
            for engine in list(engines):
                for room in list(engine.rooms):
                    await say(engine, room, Here("w", 1, []))
            await asyncio.sleep(0.5)

    task = asyncio.create_task(report())
    yield
    task.cancel()


async def a_room(**more: Any) -> str:
    return await matchmaking.create_room({}, "", private=False, **more)


async def field(room: str, name: str) -> int:
    return int(await store.aredis().hget(store.room(room), name) or 0)  # type: ignore[arg-type]


def settings(room: str = "abc123") -> Settings:
    return Settings(id=room, match="m", game="snek", seed=1, fill=2)


async def record(room: str = "abc123") -> Ledger:
    """A room's record, and the hand of an engine on it."""
    ledger = Ledger(store.aredis(), "one")
    await ledger.load()
    known = {"settings": json.dumps(asdict(settings(room)))}
    await store.aredis().hset(store.room(room), mapping=known)  # type: ignore[arg-type]
    return ledger


def commit(ledger: Ledger, epoch: int, tick: int, **more: Any) -> Any:
    given = {"inputs": b"", "message": b"f", "lives": []} | more
    return ledger.commit("abc123", epoch, tick, **given)


# --- The record --------------------------------------------------------------------------------
async def test_a_lease_has_one_holder_and_epochs_grow() -> None:
    ledger = await record()
    first = await ledger.claim("abc123")
    assert await Ledger(store.aredis(), "two").claim("abc123") == 0
    await ledger.send([ledger.release("abc123", first)])
    assert await Ledger(store.aredis(), "two").claim("abc123") > first


async def test_the_epoch_grows_even_when_redis_lost_the_last_one() -> None:
    ledger = await record()
    first = await ledger.claim("abc123")
    await store.aredis().flushdb()
    await record()
    assert await ledger.claim("abc123") >= first
    seconds, _ = await store.aredis().time()
    assert first <= int(seconds)


async def test_a_room_that_is_gone_cannot_be_claimed() -> None:
    ledger = await record()
    assert await ledger.claim("nobody") == -1


async def test_ticks_are_committed_once_and_in_order() -> None:
    ledger = await record()
    epoch = await ledger.claim("abc123")
    ticks = [commit(ledger, epoch, n) for n in (1, 2, 2, 4, 3)]
    assert await ledger.send(ticks) == ["ok", "ok", "done", "gap", "ok"]


async def test_an_engine_that_lost_its_lease_can_write_nothing() -> None:
    ledger = await record()
    epoch = await ledger.claim("abc123")
    await store.aredis().delete(store.lease("abc123"))
    await Ledger(store.aredis(), "two").claim("abc123")
    async with watching("abc123") as seen:
        answers = await ledger.send(
            [
                commit(ledger, epoch, 1, inputs=b"i", lives=[b"{}"]),
                ledger.checkpoint("abc123", epoch, 0, b"s"),
                ledger.renew("abc123", epoch),
                ledger.release("abc123", epoch),
                ledger.close("abc123", epoch, b""),
            ]
        )
    assert answers == ["lost"] * 5
    assert seen == []
    assert await store.aredis().xlen(store.OUTBOX) == 0
    assert await field("abc123", "tick") == 0
    assert await store.aredis().exists(store.lease("abc123"))


async def test_a_retried_commit_shows_and_saves_nothing_twice() -> None:
    ledger = await record()
    epoch = await ledger.claim("abc123")
    message = protocol.encode(RoomTick(epoch, 1))
    write = commit(ledger, epoch, 1, lives=[b"{}"], message=message)
    async with watching("abc123") as seen:
        assert await ledger.send([write]) == ["ok"]
        assert await ledger.send([write]) == ["done"]
        await until(lambda: seen)
        await ledger.send([commit(ledger, epoch, 2, message=message)])
        await until(lambda: len(seen) == 2)
    assert await store.aredis().xlen(store.OUTBOX) == 1


async def test_functions_come_back_after_redis_lost_them() -> None:
    ledger = await record()
    await store.aredis().function_flush()
    assert await ledger.claim("abc123") > 0


async def test_recovery_is_checkpoint_plus_journal() -> None:
    ledger = await record()
    epoch = await ledger.claim("abc123")
    room = Room(settings())
    for number in range(1, 120):
        if number % 7 == 0:
            room.offer(Join(f"w:{number}", f"p{number}", f"n{number}", 1))
        if number == 60:
            state = protocol.encode(room.checkpoint())
            await ledger.send([ledger.checkpoint("abc123", epoch, room.tick, state)])
        tick = room.step()
        inputs = protocol.encode(tick.inputs) if tick.inputs else b""
        await ledger.send([commit(ledger, epoch, number, inputs=inputs)])
    assert await store.aredis().xlen(store.journal("abc123")) == 9  # ticks from 60 on with a join
    again = await ledger.recover("abc123", epoch)
    assert protocol.state_hash(again.checkpoint()) == protocol.state_hash(room.checkpoint())


@pytest.mark.parametrize(
    "damage",
    [
        {"checkpoint": b"\xc1 not a checkpoint"},
        {"checkpoint": protocol.encode(["of", "another", "shape"])},
        {"checkpoint": protocol.encode({"version": 1, "game_version": 1, "tick": 5})},
        {"journal": {b"i": b"\xc1"}},
        {"journal": {b"of": b"another shape"}},
    ],
)
async def test_damaged_state_begins_a_new_match_under_a_new_name(
    damage: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    ledger = await record()
    epoch = await ledger.claim("abc123")
    life = [b'{"life": "m-1"}']
    await ledger.send([commit(ledger, epoch, n, lives=life if n == 3 else []) for n in range(1, 6)])
    if "journal" in damage:
        await store.aredis().xadd(store.journal("abc123"), damage["journal"], "4-0")
    else:
        await store.aredis().hset(store.room("abc123"), mapping=damage)  # type: ignore[arg-type]
    room = await ledger.recover("abc123", epoch)
    assert "room abc123 begins a new match" in caplog.text
    assert room.settings.match != "m"
    assert room.tick == 5
    again = await ledger.recover("abc123", epoch)
    assert protocol.state_hash(again.checkpoint()) == protocol.state_hash(room.checkpoint())
    assert again.settings == room.settings
    assert await store.aredis().xlen(store.OUTBOX) == 1


async def test_an_engine_that_lost_its_lease_begins_no_new_match() -> None:
    ledger = await record()
    epoch = await ledger.claim("abc123")
    await ledger.send([commit(ledger, epoch, 1, inputs=b"\xc1")])
    await store.aredis().delete(store.lease("abc123"))
    await Ledger(store.aredis(), "two").claim("abc123")
    before = await store.aredis().hgetall(store.room("abc123"))
    await ledger.recover("abc123", epoch)
    assert await store.aredis().hgetall(store.room("abc123")) == before
    assert await store.aredis().xlen(store.journal("abc123")) == 1


# --- The process -------------------------------------------------------------------------------
async def test_a_new_room_ticks_and_shows_only_what_is_committed() -> None:
    async with running() as engine:
        room = await a_room()
        async with watching(room) as seen:
            await until(lambda: room in engine.rooms)
            await say(engine, room, Here("w", 1, []))
            await until(lambda: len(seen) > 5)
            committed = await field(room, "tick")
            ticks = [tick.tick for tick in seen]
        assert ticks == list(range(ticks[0], ticks[0] + len(ticks)))
        assert ticks[-1] <= committed + 1
        assert sorted(seen[0].keys) == [0, ROOM]
        assert seen[0].views == [[0]]


async def test_an_empty_room_sleeps_and_wakes() -> None:
    async with running() as engine:
        room = await a_room()
        await until(lambda: room in engine.rooms and not engine.rooms[room].ticking)
        tick = engine.rooms[room].room.tick
        await until(lambda: engine.rooms[room].unanswered == 0)
        assert await store.aredis().exists(store.lease(room))
        await say(engine, room, Join("w:1", "p", "Ada", 0))
        await until(lambda: engine.rooms[room].room.tick > tick)


async def test_operators_see_how_long_ago_a_lease_was_renewed() -> None:
    def told() -> float:
        return float(metrics.report()["gauges"]["engine.lease_age"])

    async with running() as engine:
        room = await a_room()
        await until(lambda: room in engine.rooms and not engine.rooms[room].ticking)
        engine.rooms[room].renewed_at -= 3600
        assert engine._lease_age() > 3600
        await until(lambda: 0 < told() < 5)  # asleep, it is renewed all the same


async def test_a_web_process_that_falls_silent_has_dropped_its_players(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Hosted, "WEB_SILENCE", 0.2)
    async with running() as engine:
        room = await a_room()
        await until(lambda: room in engine.rooms)
        await say(engine, room, Here("w", 1, ["w:1"]), Join("w:1", "p", "Ada", 0))
        await until(lambda: engine.rooms[room].room.people() == 1)
        seat = next(s for s in engine.rooms[room].room.seats.values() if s.player)
        await until(lambda: seat.conn == "")


async def test_a_seat_that_its_web_process_no_longer_names_is_dropped() -> None:
    async with running() as engine:
        room = await a_room()
        await until(lambda: room in engine.rooms)
        await say(engine, room, Here("w", 2, ["w:1"]), Join("w:1", "p", "Ada", 0))
        await until(lambda: engine.rooms[room].room.people() == 1)
        seat = next(s for s in engine.rooms[room].room.seats.values() if s.player)
        await say(engine, room, Here("w", 1, []))
        await until(lambda: seat.conn == "")


async def test_two_engines_share_the_rooms() -> None:
    async with running() as one, running() as two:
        await asyncio.sleep(0)
        rooms = [await a_room(fill=0) for _ in range(8)]
        await until(lambda: len(one.rooms) + len(two.rooms) == len(rooms))
        assert min(len(one.rooms), len(two.rooms)) >= 3
        assert not set(one.rooms) & set(two.rooms)


async def test_a_new_engine_is_given_its_share_and_nobody_waits_long() -> None:
    async with running() as one:
        rooms = [await a_room() for _ in range(6)]
        await until(lambda: len(one.rooms) == len(rooms))
        async with contextlib.AsyncExitStack() as stack:
            seen = [await stack.enter_async_context(watching(room)) for room in rooms]
            engines = [one]
            stack.enter_context(looked_at(engines))
            await until(lambda: all(len(ticks) > 5 for ticks in seen))
            two = await stack.enter_async_context(running())
            engines.append(two)
            await until(lambda: len(two.rooms) >= 2, 15)
            epochs = {room: hosted.epoch for room, hosted in two.rooms.items()}
            counts = [len(ticks) for ticks in seen]
            await until(lambda: all(len(t) > n + 25 for t, n in zip(seen, counts, strict=True)), 10)
            for ticks in seen:
                numbers = [tick.tick for tick in ticks]
                assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
            # Who had one keeps it: rooms do not go to and fro.
            assert epochs.items() <= {r: h.epoch for r, h in two.rooms.items()}.items()
            assert len(two.rooms) <= 4


async def test_what_is_given_to_an_engine_that_stops_is_free_at_once() -> None:
    async with running() as one:
        room = await a_room()
        await until(lambda: room in one.rooms and one.rooms[room].unanswered == 0)
        two = Engine()
        two.stop()
        await one.ledger.send([one.ledger.give(room, one.rooms[room].epoch, two.id)])
        given = await store.aredis().get(store.lease(room))
        await two._open(room, int(given.decode().partition(":")[2]))  # type: ignore[union-attr]
        assert await store.aredis().get(store.lease(room)) != given
        assert not two.rooms


async def test_engines_count_each_other_by_redis_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """That of one machine may be wrong by any time."""
    one, two = Ledger(store.aredis(), "one"), Ledger(store.aredis(), "two")
    await one.load()
    monkeypatch.setattr(time, "time", lambda: 0.0)
    assert await one.engines(0.5) == {"one": 0.5}
    monkeypatch.setattr(time, "time", lambda: 4e9)
    assert await two.engines(0.25) == {"one": 0.5, "two": 0.25}
    await two.leave()
    assert await one.engines(0.75) == {"one": 0.75}
    await store.aredis().zadd(store.ENGINES, {"silent": 1})
    await store.aredis().hset(store.LOADS, "silent", "1")
    assert await one.engines(0.75) == {"one": 0.75}


async def test_a_stopping_engine_hands_its_rooms_over_where_they_stand() -> None:
    async with running() as one:
        room = await a_room()
        await until(lambda: room in one.rooms)
        await say(one, room, Here("w", 1, []))
        await until(lambda: one.rooms[room].room.tick > 5)
        before = one.rooms[room]
        async with running() as two:
            one.stop()
            await until(lambda: room in two.rooms)
            after = two.rooms[room]
            assert after.epoch > before.epoch
            assert after.room.tick >= before.room.tick


async def test_a_room_whose_step_fails_is_recovered_and_others_go_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with running() as engine:
        room, other = await a_room(), await a_room()
        await until(lambda: {room, other} <= set(engine.rooms))
        for each in (room, other):
            await say(engine, each, Here("w", 1, []))
        broken = engine.rooms[room]

        def fail() -> None:
            raise ZeroDivisionError("a defect in a game")

        monkeypatch.setattr(broken.room, "step", fail)
        await until(lambda: engine.rooms.get(room) not in (None, broken))
        tick = engine.rooms[other].room.tick
        await until(lambda: engine.rooms[other].room.tick > tick)


async def test_a_room_that_overruns_is_named_and_the_others_keep_their_pace(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with running() as engine:
        slow, other = await a_room(), await a_room()
        await until(lambda: {slow, other} <= set(engine.rooms))
        for each in (slow, other):
            await say(engine, each, Here("w", 1, []))
        room = engine.rooms[slow].room
        step = room.step

        def crawl() -> Tick:
            time.sleep(0.15)  # of an interval of 0.1 s
            return step()

        monkeypatch.setattr(room, "step", crawl)
        begun = (room.tick, engine.rooms[other].room.tick)
        await until(lambda: room.tick >= begun[0] + 5, 20)
        turns = engine.rooms[other].room.tick - begun[1]
        assert turns >= 10  # the slow one rests as long as it took: three are due for each of its
        now = time.monotonic()
        report = {id: hosted.report(now) for id, hosted in engine.rooms.items()}
        assert report[slow]["overruns"] >= 5
        assert report[slow]["overran_ms"] >= 150
        assert report[other]["overran_ms"] == 0
        assert metrics.report()["counters"]["engine.overruns"] >= 5


async def test_a_full_outbox_refuses_new_lives_with_a_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(engine_module, "OUTBOX_BOUND", 1)
    await store.aredis().xadd(store.OUTBOX, {"d": b"{}"})
    async with running() as engine:
        room = await a_room()
        async with watching(room) as seen:
            await until(lambda: room in engine.rooms and engine.rooms[room].room.backlog)
            await say(engine, room, Here("w", 1, ["w:1"]), Join("w:1", "p", "Ada", 0))
            told = protocol.error(protocol.SCORES_BACKLOG)
            await until(lambda: any(told in t.personal.get("w:1", []) for t in seen))


async def test_a_finished_life_is_in_the_outbox() -> None:
    async with running() as engine:
        room = await a_room(fill=0)
        await until(lambda: room in engine.rooms)
        await say(engine, room, Here("w", 1, ["w:1"]), Join("w:1", "p", "Ada", 0))
        await until(lambda: engine.rooms[room].room.people() == 1)
        await say(engine, room, protocol.Leave("w:1"))
        async with asyncio.timeout(5):
            while not await store.aredis().xlen(store.OUTBOX):
                await asyncio.sleep(0.01)
    ((_, entry),) = await store.aredis().xrange(store.OUTBOX)  # type: ignore[misc]
    life = json.loads(entry[b"d"])  # type: ignore[index]
    assert life["player"] == "p"
    assert life["cause"] == "left"


async def test_an_operator_closes_a_room_and_everyone_is_told() -> None:
    async with running() as engine:
        room = await a_room()
        await until(lambda: room in engine.rooms)
        async with watching(room) as seen:
            await matchmaking.close(room)
            await until(lambda: seen and seen[-1].gone)
    assert not await matchmaking.exists(room)
    assert await matchmaking.rooms() == []


async def test_an_unreadable_batch_is_dropped_and_the_engine_goes_on() -> None:
    async with running() as engine:
        room = await a_room()
        await until(lambda: room in engine.rooms)
        layer = get_channel_layer()
        await layer.send(f"engine.{engine.id}", {"type": "commands", "batch": b"\xc1"})
        await layer.send(f"engine.{engine.id}", {"type": "nonsense"})
        await say(engine, room, Act("w:1", 1, 0, 1, b""), Here("w", 1, []))
        await until(lambda: engine.rooms[room].sockets() == 1)


async def test_rooms_with_options_that_the_game_refuses_are_closed() -> None:
    room = await matchmaking.create_room({"width": -3}, "", private=True)
    async with running():
        async with asyncio.timeout(5):
            while await matchmaking.exists(room):
                await asyncio.sleep(0.01)
