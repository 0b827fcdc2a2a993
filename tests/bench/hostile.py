"""What players notice of clients that behave badly: `python -m tests.bench.hostile`.

A room is measured beside well-behaved watchers, then beside as many hostile ones: cameras that are
moved every millisecond, half frames, readers that are stuck, requests for keyframes without end,
and floods at the limit. Whatever they do may cost the players nothing that can be measured.
"""

import argparse
import asyncio
import contextlib
import json
from typing import Any

import psutil

from tests import conftest, processes
from tests.bench.fanout import Crowd, child, cost
from tests.bench.game import BOARD, redis_process, three
from tests.bench.load import listener
from tests.bench.machine import Others, share_out
from tests.bench.repeat import repeat
from tests.bench.villains import KINDS

assert conftest  # it starts Valkey and sets the environment, before Django is set up

PLAYERS = 400
WARM_UP = 6.0  # s until all have begun a life


async def run(seconds: float, kinds: list[str]) -> dict[str, float]:
    """One run; prints its figures and returns them."""
    from game import matchmaking, store

    await store.aredis().flushdb()
    pipes = {"stdin": asyncio.subprocess.PIPE, "stdout": asyncio.subprocess.PIPE}
    async with contextlib.AsyncExitStack() as stack:
        honest = Crowd(await stack.enter_async_context(child("-m", "tests.bench.players", **pipes)))
        quiet = Crowd(await stack.enter_async_context(child("-m", "tests.bench.crowd", **pipes)))
        bad = Crowd(await stack.enter_async_context(child("-m", "tests.bench.villains", **pipes)))
        base = stack.enter_context(processes.web())
        engine = stack.enter_context(processes.engine())
        room = await matchmaking.create_room(BOARD, "", private=False, capacity=5_000, fill=0)
        to = {"port": int(base.rpartition(":")[2]), "path": f"/ws/room/{room}/", "hello": "0102"}
        web = psutil.Process(listener(base))
        clients = [crowd.process for crowd in (honest, quiet, bad)]
        share_out(web, [psutil.Process(engine.pid), redis_process(), *clients])
        play: dict[str, Any] = {"senders": PLAYERS, "rate": 1}
        await honest("connect", count=PLAYERS, **to)
        await honest("join", count=PLAYERS)
        watchers = sum(KINDS[kind][0] for kind in kinds)
        await quiet("connect", count=watchers, **to)
        await asyncio.gather(
            honest("measure", seconds=WARM_UP, **play),
            quiet("measure", seconds=WARM_UP, senders=0, rate=0),
        )
        alone = Others()
        (before_cpu, before), _ = await asyncio.gather(
            cost(web, honest, seconds, **play),
            quiet("measure", seconds=seconds, senders=0, rate=0),
        )
        before["others"] = alone.said()
        await quiet("close")
        await bad("come", kinds=kinds, **to)
        await asyncio.gather(honest("measure", seconds=2, **play), bad("trouble", seconds=2))
        alone = Others()
        (with_cpu, beside), did = await asyncio.gather(
            cost(web, honest, seconds, **play), bad("trouble", seconds=seconds)
        )
        beside["others"] = alone.said()
    await store.close_aredis()
    for name, cpu, seen in (("quiet", before_cpu, before), ("hostile", with_cpu, beside)):
        print(f"  beside {watchers} {name} watchers: web {cpu:.0%} of a core")
        print(f"    gap {three(seen['gaps'])} ms; input → effect {three(seen['delays'])} ms")
        print(f"    the players' own process {seen['cpu']:.0%} of a core; {seen['others']}")
        if seen["missed"] or seen["keyframes"] or seen["open"] < PLAYERS:
            print("    BROKEN RUN: a player missed a tick, or was lost")
    print(
        f"  hostile acts {did['acts']}, closed by the server {did['lost']} times, "
        f"came back {did['returns']} times; {did['cpu']:.0%} of a core"
    )
    ratios = {
        "gap p99": beside["gaps"][1] / max(1, before["gaps"][1]),
        "delay p50": beside["delays"][0] / max(1, before["delays"][0]),
        "delay p99": beside["delays"][1] / max(1, before["delays"][1]),
        "web": with_cpu / before_cpu,
    }
    print("  with them, times as much: " + json.dumps({k: round(v, 2) for k, v in ratios.items()}))
    return ratios


def main() -> None:
    """`python -m tests.bench.hostile [--seconds 8] [--runs 3] [--kinds stuck …]`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=[*KINDS])
    parser.add_argument("--runs", type=int, default=3)
    given = parser.parse_args()
    what = f"{PLAYERS} players and those who trouble them"
    repeat(what, given.runs, lambda: run(given.seconds, given.kinds))


if __name__ == "__main__":
    main()
