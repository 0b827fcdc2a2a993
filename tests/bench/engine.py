"""One tick of one large room in an engine: `python -m tests.bench.engine`.

Five thousand players on 512 by 512 cells who turn once a second and begin again when they die; a
tick is stepped, encoded and committed to a real Redis, as an engine does it. Measured twice: with
players who look where they go, so that nearly all live, and with careless ones, of whom fifty die
in each tick.
"""

import asyncio
import gc
import random
import statistics
import time
from collections import Counter
from collections.abc import Sequence

from game.room import Room
from tests import conftest
from tests.bench.machine import pace

assert conftest  # it starts Valkey and sets the environment, before Django is set up

PLAYERS = 5_000
BOARD = {"width": 512, "height": 512, "rate": 20, "rocks": 200}
A_TICK = PLAYERS // 20  # of them turn in a tick
WARM_UP, TICKS = 120, 200  # in the first ones, all begin
KEEPS = 20  # checkpoints
MEDIAN_BAR, P99_BAR = 12, 25  # ms a tick, commit included


async def measure(careful: bool) -> None:
    """Play, and print what a tick takes."""
    from game import matchmaking, protocol, store
    from game.engine.hosted import Hosted
    from game.engine.ledger import Ledger
    from game.protocol import Ack, Act, Join

    ledger = Ledger(store.aredis(), "bench")
    name = await matchmaking.create_room(BOARD, "", private=False, capacity=PLAYERS, fill=0)
    epoch = await ledger.claim(name)
    hosted = Hosted(await ledger.recover(name, epoch), epoch)
    room, dice = hosted.room, random.Random(1)
    steps, encodings, commits, totals = [], [], [], []

    async def tick() -> None:
        turns = [(n, dice.randrange(4)) for n in dice.sample(range(1, PLAYERS + 1), A_TICK)]
        for number, way in sensible(room, turns) if careful else turns:
            seat = room.seats.get(number)
            if seat is None:
                continue
            action = (1, bytes((way,))) if seat.life else (2, b"")
            room.offer(Act(seat.conn, seat.seq + 1, room.tick, *action))
            room.offer(Ack(seat.conn, seat.note_number))
        begun = time.perf_counter()
        result = room.step()
        stepped = time.perf_counter()
        message = protocol.encode(hosted.message(result))
        inputs = protocol.encode(result.inputs)
        lives = [protocol.encode_json(life) for life in result.lives]
        encoded = time.perf_counter()
        write = ledger.commit(
            name, epoch, result.number, inputs=inputs, message=message, lives=lives
        )
        assert await ledger.send([write]) == ["ok"]
        done = time.perf_counter()
        steps.append(stepped - begun)
        encodings.append(encoded - stepped)
        commits.append(done - encoded)
        totals.append(done - begun)

    for number in range(PLAYERS):
        room.offer(Join(f"w:{number}", f"p{number}", f"n{number}", number % 8))
    gc.collect()
    gc.freeze()  # as an engine does
    gc.set_threshold(50_000, 50, 100)
    for _ in range(WARM_UP + TICKS):
        await tick()
    keeps = [kept(room) for _ in range(KEEPS)]
    living = sum(seat.life > 0 for seat in room.seats.values())
    who = "who look where they go" if careful else "who do not"
    print(f"{PLAYERS} players {who}, {living} alive; ms a tick:")
    for label, values in (("step", steps), ("encode", encodings), ("commit", commits)):
        print(f"  {label:<8}{spread(values[WARM_UP : WARM_UP + TICKS])}")
    bars = f"(bars: median {MEDIAN_BAR}, p99 {P99_BAR})"
    print(f"  {'all':<8}{spread(totals[WARM_UP : WARM_UP + TICKS])} {bars}")
    size = len(protocol.encode(room.checkpoint())) / 1024
    print(f"  keep    {spread(keeps)}: a checkpoint of {size:.0f} kB, every 5 s, after a tick")
    gc.unfreeze()
    await store.close_aredis()


def kept(room: Room) -> float:
    """Seconds that a checkpoint takes."""
    from game import protocol

    begun = time.perf_counter()
    protocol.encode(room.checkpoint())
    return time.perf_counter() - begun


def sensible(room: Room, turns: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Turns (seat, direction) that lead to free cells, and those that others need to live on."""
    state = room.game.state  # type: ignore[attr-defined]  # Snek's
    near, owner, found = state.board.near, state.owner, {}
    for seat, way in turns:
        snake = state.snakes.get(seat)
        if snake is None or not owner[near[way][snake.head]]:
            found[seat] = way
    aims = {
        seat: near[found.get(seat, snake.heading)][snake.head]
        for seat, snake in state.snakes.items()
    }
    wanted = Counter(aims.values())
    for seat, cell in aims.items():
        if not owner[cell] and wanted[cell] == 1:
            continue
        beside = [near[way][state.snakes[seat].head] for way in range(4)]
        ways = [way for way in range(4) if not owner[beside[way]] and not wanted[beside[way]]]
        if ways:
            found[seat] = ways[0]
            wanted[cell] -= 1
            wanted[beside[ways[0]]] += 1
    return list(found.items())


def spread(values: Sequence[float]) -> str:
    """Median, p99 and worst, in ms."""
    ordered = sorted(value * 1000 for value in values)
    p99 = ordered[len(ordered) * 99 // 100]
    return f"median {statistics.median(ordered):.1f}, p99 {p99:.1f}, worst {ordered[-1]:.1f}"


if __name__ == "__main__":
    for careful in (True, False):
        print(pace())
        asyncio.run(measure(careful))
