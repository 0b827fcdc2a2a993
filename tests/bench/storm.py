"""A thousand players come into a running room within five seconds, and all leave in one instant.

Five hundred play there already and may miss no tick; whoever comes must have a first picture soon
after the handshake. `python -m tests.bench.storm`
"""

import argparse
import asyncio
import contextlib

from tests import conftest, processes
from tests.bench.fanout import Crowd, child
from tests.bench.game import BOARD, three
from tests.bench.repeat import repeat

assert conftest  # it starts Valkey and sets the environment, before Django is set up

THERE, COMING = 500, 1_000  # players
WITHIN = 5.0  # s
MEASURED = 8.0  # s that the ones there are watched, from when the first comes
WAIT_BAR = 500  # ms to the first picture, at p99


async def run() -> dict[str, float]:
    """One run; prints its figures and returns them."""
    from game import matchmaking, store

    await store.aredis().flushdb()
    pipes = {"stdin": asyncio.subprocess.PIPE, "stdout": asyncio.subprocess.PIPE}
    async with contextlib.AsyncExitStack() as stack:
        there = Crowd(await stack.enter_async_context(child("-m", "tests.bench.players", **pipes)))
        new = Crowd(await stack.enter_async_context(child("-m", "tests.bench.arrivals", **pipes)))
        base = stack.enter_context(processes.web())
        stack.enter_context(processes.engine())
        room = await matchmaking.create_room(BOARD, "", private=False, capacity=5_000, fill=0)
        to = {"port": int(base.rpartition(":")[2]), "path": f"/ws/room/{room}/", "hello": "0102"}
        await there("connect", count=THERE, **to)
        await there("join", count=THERE)
        await there("measure", seconds=4, senders=THERE, rate=1)
        seen, come = await asyncio.gather(
            there("measure", seconds=MEASURED, senders=THERE, rate=1),
            new("arrive", count=COMING, seconds=WITHIN, **to),
        )
        _, left = await asyncio.gather(
            new("leave", count=COMING),
            there("measure", seconds=3, senders=THERE, rate=1),
        )
    await store.close_aredis()
    print(
        f"  first picture  {three(come['waits'])} ms after the handshake (bar for p99 {WAIT_BAR})"
    )
    print(
        f"                 {COMING - come['unseen']} of {COMING} saw one; {come['open']} are there"
    )
    print(f"  who was there  gap {three(seen['gaps'])} ms; missed {seen['missed']} ticks")
    print(f"  as the {COMING} left  gap {three(left['gaps'])} ms; missed {left['missed']} ticks")
    harmed = any(s["missed"] or s["keyframes"] or s["open"] < THERE for s in (seen, left))
    if come["unseen"] or come["open"] < COMING or harmed:
        print("  BROKEN RUN: somebody saw nothing, missed a tick, or was closed")
    return {
        "wait p99": come["waits"][1],
        "gap p99": seen["gaps"][1],
        "gap p99 as they left": left["gaps"][1],
    }


def main() -> None:
    """`python -m tests.bench.storm [--runs 3]`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    given = parser.parse_args()
    repeat(f"{COMING} players come to {THERE}", given.runs, run)


if __name__ == "__main__":
    main()
