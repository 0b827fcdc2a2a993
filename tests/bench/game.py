"""One room of Snek on a large board, by the number of players: `python -m tests.bench.game`.

The real processes (web, engine, Redis) and real clients in one other process; 256 by 256 cells, 20
ticks a second, an input a second from everybody. Beside the CPU of each stands a bare asyncio loop
that writes frames of the same size to as many sockets, measured in the same run.
"""

import argparse
import asyncio
import contextlib
import time
from collections.abc import Sequence
from functools import partial
from typing import Any

import psutil

from tests import conftest, processes
from tests.bench.fanout import Crowd, child, floor, spent
from tests.bench.load import listener
from tests.bench.machine import Others, share_out
from tests.bench.repeat import repeat

assert conftest  # it starts Valkey and sets the environment, before Django is set up

RATE = 20  # ticks a second
INPUTS_EACH = 1  # a second
WARM_UP = 8.0  # s until all have begun a life, and dying and beginning are in balance
BOARD = {"width": 256, "height": 256, "rate": RATE, "rocks": 64}
LADDER = (400, 1_600, 2_400)
# By players: gap p99 in ms, median frame in bytes, web + engine + Redis as a share of a core.
BARS = {1_600: (75, 400, 0.65), 2_400: (85, 500, 0.90)}
ENGINE = {  # what it observed in the last seconds
    "engine.tick_seconds": "for a step",
    "engine.commit_seconds": "until Redis confirmed it",
    "process.loop_lag_seconds": "by which it woke late",
}
LATE = 0.5  # ticks a second, of those below: with more, a web process does not keep up
DELAY_BAR = 1000 / RATE + 40  # ms from an input to its effect at p99, with 1,600 players


async def run(players: int, webs: int, seconds: float) -> dict[str, float]:
    """One run; prints its figures and returns them."""
    from game import matchmaking, metrics, store

    await store.aredis().flushdb()
    pipes = {"stdin": asyncio.subprocess.PIPE, "stdout": asyncio.subprocess.PIPE}
    async with contextlib.AsyncExitStack() as stack:
        crowd = Crowd(await stack.enter_async_context(child("-m", "tests.bench.players", **pipes)))
        bases = [stack.enter_context(processes.web()) for _ in range(webs)]
        engine = stack.enter_context(processes.engine())
        room = await matchmaking.create_room(BOARD, "", private=False, capacity=5_000, fill=0)
        for number, base in enumerate(bases):
            share = players // webs + (number < players % webs)
            port = int(base.rpartition(":")[2])
            path = f"/ws/room/{room}/"
            await crowd("connect", port=port, count=share, path=path, hello="0102")
        await crowd("join", count=players)
        await crowd("measure", seconds=WARM_UP, senders=players, rate=INPUTS_EACH)
        own = {f"web{n}": psutil.Process(listener(base)) for n, base in enumerate(bases)}
        own |= {"engine": psutil.Process(engine.pid), "redis": redis_process()}
        if webs == 1:
            share_out(own["web0"], [own["engine"], own["redis"], crowd.process])
        before, began, alone = {n: spent(p) for n, p in own.items()}, time.monotonic(), Others()
        seen = await crowd("measure", seconds=seconds, senders=players, rate=INPUTS_EACH)
        took = time.monotonic() - began
        cpu = {name: (spent(p) - before[name]) / took for name, p in own.items()}
        seen["others"] = alone.said()
        reports = metrics.snapshot(store.redis())["living"]
        seen["late"] = sum(
            process["recent"].get("web.ticks_joined", 0) / process["recent_seconds"]
            for process in reports
            if process["kind"] == "web"
        )
        [seen["engine"]] = [p["observed"] for p in reports if p["kind"] == "engine"]
        await crowd("close")
    await store.close_aredis()
    async with child("-m", "tests.bench.crowd", **pipes) as process:
        bare, gap = await floor(Crowd(process), players, 3, int(seen["sizes"][0]), RATE)
    seen["bare gap"] = gap
    return told(players, seen, cpu, bare * players * RATE / 100_000, took)


def redis_process() -> psutil.Process:
    """The Valkey that the tests started."""
    from game import store

    return psutil.Process(int(store.redis().info("server")["process_id"]))


def told(
    players: int, seen: dict[str, Any], cpu: dict[str, float], bare: float, took: float
) -> dict[str, float]:
    """Print a run's figures; returns those that have a median."""
    total = sum(cpu.values())
    gap, size, share = BARS.get(players, ("-", "-", "-"))
    expected = players * took * RATE
    frames, keyframes = seen["frames"], seen["keyframes"]
    missed = seen["missed"]
    print(f"  frames      {frames} of {expected:.0f}; missed {missed}, keyframes {keyframes}")
    if seen["late"] > LATE:
        print(f"  LATE: {seen['late']:.1f} ticks a second went out with the next, in one write")
    print(f"  gap         {three(seen['gaps'])} ms (bar for p99 {gap})")
    for name, what in ENGINE.items():
        spread = [seen["engine"][name][key] * 1000 for key in ("p50", "p99", "max")]
        print(f"  engine      {three(spread)} ms {what}")
    print(f"  input → effect {three(seen['delays'])} ms (bar for p99 {DELAY_BAR:.0f})")
    print(f"  frame       {three(seen['sizes'])} B (bar for the median {size})")
    print(f"  to a player {seen['bytes'] / took / players / 1000:.1f} kB a second")
    parts = ", ".join(f"{name} {value:.1%}" for name, value in cpu.items())
    print(f"  CPU         {parts}; together {total:.1%} of a core (bar {share})")
    print(
        f"              bare loop {bare:.1%}, so {total / bare:.2f} times that; "
        f"its gap p99 {seen['bare gap']} ms"
    )
    print(f"  load        {seen['cpu']:.0%} of a core; {seen['seated']} of {players} had seats")
    print(f"              {seen['others']}")
    lost = players - seen["open"]
    if seen["missed"] or lost or frames < 0.98 * expected or seen["seated"] < players:
        codes = ", ".join(f"{code} x {n}" for code, n in seen["lost"].items()) or "no codes"
        print(f"  BROKEN RUN: frames or sockets ({lost}: {codes}) were lost")
    return {
        "gap p99": seen["gaps"][1],
        "delay p99": seen["delays"][1],
        "frame": seen["sizes"][0],
        "total": total,
        "web": max(value for name, value in cpu.items() if name.startswith("web")),
        "engine": cpu["engine"],
        "redis": cpu["redis"],
        "bare": bare,
        "bare gap": seen["bare gap"],
        "load": seen["cpu"],
    }


def three(values: Sequence[float]) -> str:
    """p50, p99 and max as text."""
    return "p50 {:.0f}, p99 {:.0f}, max {:.0f}".format(*values)


def main() -> None:
    """`python -m tests.bench.game [--players N …] [--webs 1] [--seconds 8] [--runs 3]`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--players", type=int, nargs="+", default=LADDER)
    parser.add_argument("--webs", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--runs", type=int, default=3)
    given = parser.parse_args()
    for players in given.players:
        webs = f"{given.webs} web process{'es' * (given.webs > 1)}"
        once = partial(run, players, given.webs, given.seconds)
        repeat(f"{players} players over {webs}", given.runs, once)


if __name__ == "__main__":
    main()
