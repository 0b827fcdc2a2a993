"""Two hundred players in four rooms on one web process: ticks, latency, bytes and CPU.

Starts the real processes and plays the real protocol; prints what it saw beside the cost of a
bare asyncio loop that writes as many frames of the same size to as many sockets.
"""

import argparse
import asyncio
import gc
import os
import random
import statistics
import struct
import sys
import time
from collections.abc import Sequence
from functools import partial

import psutil

from tests import conftest, processes
from tests.bench.repeat import repeat
from tests.player import Player

assert conftest  # it starts Valkey and sets the environment, before Django is set up

INTERVAL = 0.1  # s between ticks of a Snek room
TURN_EVERY = 1.0  # s between a player's turns, on average


class LoadPlayer(Player):
    """Plays at random, and reads of each frame only its head, to stay cheap."""

    def __init__(self, base: str, room: str, number: int) -> None:
        super().__init__(base, room)
        self.number = number
        self.rng = random.Random(number)
        self.sent: dict[int, float] = {}
        self.latencies: list[float] = []
        self.ticks: list[tuple[int, float]] = []
        self.missed = 0
        self.frame_sizes: list[int] = []
        self.snapshot = 0

    def receive(self, data: bytes) -> None:
        """Note when a tick came, and how long an action took to be taken."""
        now = time.monotonic()
        if data[0] == 0x82:
            _, self.state.epoch, tick, flags = struct.unpack_from("<BIIB", data)
            if flags & 1:
                self.snapshot = max(self.snapshot, len(data))
            elif self.ticks and tick != self.ticks[-1][0] + 1:
                self.missed += 1
            else:
                self.frame_sizes.append(len(data))
            self.state.tick, self.state.known = tick, True
            self.ticks.append((tick, now))
        elif data[0] == 0x85:
            (seq,) = struct.unpack_from("<H", data, 1)
            if seq in self.sent:
                self.latencies.append(now - self.sent.pop(seq))
        else:
            super().receive(data)
            if data[0] == 0x83:
                self.alive = False

    async def play(self, until: float) -> None:
        """Turn about once a second, and begin again after each death."""
        await self.join(f"Load {self.number}", self.number % 8)
        self.ticks.clear()
        self.alive = True
        next_turn = time.monotonic() + self.rng.random() * TURN_EVERY
        while time.monotonic() < until:
            try:
                async with asyncio.timeout_at(asyncio.get_running_loop().time() + 0.25):
                    await self.step()
            except TimeoutError:
                pass
            if time.monotonic() > next_turn:
                next_turn += self.rng.uniform(0.5, 1.5) * TURN_EVERY
                await (self.turn(self.rng.randrange(4)) if self.alive else self.act(2))
                self.alive = True
                self.sent[self.seq] = time.monotonic()


def listener(base: str) -> int:
    """The process that listens on an address."""
    port = int(base.rpartition(":")[2])
    found = (c for c in psutil.net_connections("tcp") if c.laddr and c.laddr.port == port)
    return next(c.pid for c in found if c.status == psutil.CONN_LISTEN and c.pid)


def redis_cpu() -> dict[str, float]:
    """CPU-seconds that Redis has used."""
    from game import store

    info = store.redis().info("cpu")
    return {"redis": info["used_cpu_sys"] + info["used_cpu_user"]}


def spread(values: Sequence[float]) -> str:
    """p50, p99 and max, in ms."""
    ordered = sorted(values)
    p99 = ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)]
    return (
        f"p50 {statistics.median(ordered) * 1000:.1f}, p99 {p99 * 1000:.1f}, "
        f"max {ordered[-1] * 1000:.1f} ms"
    )


async def lateness(seconds: float) -> float:
    """The most by which this process' loop woke too late, in seconds."""
    worst, end = 0.0, time.monotonic() + seconds
    while (now := time.monotonic()) < end:
        await asyncio.sleep(0.01)
        worst = max(worst, time.monotonic() - now - 0.01)
    return worst


async def floor(clients: int, size: int, seconds: float) -> float:
    """CPU-seconds a second that a bare asyncio loop needs for the same frames, in a child."""
    code = f"""
import asyncio, os, time
async def main():
    writers = []
    async def serve(r, w): writers.append(w)
    server = await asyncio.start_unix_server(serve, {(path := os.path.join(os.environ["KOGAME_STATE_DIR"], "floor.sock"))!r})
    print("ready", flush=True)
    while len(writers) < {clients}: await asyncio.sleep(0.01)
    frame, cpu, end = bytes({size}), time.process_time(), time.monotonic() + {seconds}
    while time.monotonic() < end:
        for w in writers: w.write(frame)
        await asyncio.sleep({INTERVAL})
    print((time.process_time() - cpu) / {seconds}, flush=True)
asyncio.run(main())
"""  # noqa: E501
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE
    )
    assert child.stdout
    await child.stdout.readline()
    pairs = [await asyncio.open_unix_connection(path) for _ in range(clients)]

    async def read(reader: asyncio.StreamReader) -> None:
        while await reader.read(65536):
            pass

    readers = [asyncio.create_task(read(reader)) for reader, _ in pairs]
    cost = float(await child.stdout.readline())
    await child.wait()
    for task, (_, writer) in zip(readers, pairs, strict=True):
        task.cancel()
        writer.close()
    return cost


async def run(players: int, rooms: int, seconds: float) -> dict[str, float]:
    """One run; returns its figures."""
    from game import matchmaking, store

    await store.aredis().flushdb()
    with processes.web() as base, processes.engine() as engine:
        ids = [
            await matchmaking.create_room(
                {"width": 80, "height": 60}, "", private=False, capacity=64, fill=0
            )
            for _ in range(rooms)
        ]
        web = psutil.Process(listener(base))
        empty = web.memory_info().rss
        loads = [LoadPlayer(base, ids[n % rooms], n) for n in range(players)]
        for group in range(0, players, 20):
            await asyncio.gather(*(load.__aenter__() for load in loads[group : group + 20]))
        procs = {"web": web, "engine": psutil.Process(engine.pid), "load": psutil.Process()}
        end = time.monotonic() + seconds + 4
        gc.collect()
        gc.freeze()  # a pause of this process would be measured as one of the server's
        playing = [asyncio.create_task(load.play(end)) for load in loads]
        await asyncio.sleep(4)  # joining is not what is measured
        late = asyncio.create_task(lateness(seconds))
        for load in loads:
            load.ticks, load.latencies, load.frame_sizes = load.ticks[-1:], [], []
        before = {name: sum(p.cpu_times()[:2]) for name, p in procs.items()} | redis_cpu()
        began = time.monotonic()
        await asyncio.gather(*playing)
        took = time.monotonic() - began
        own = await late
        after = {name: sum(p.cpu_times()[:2]) for name, p in procs.items()} | redis_cpu()
        cpu = {name: (after[name] - before[name]) / took for name in after}
        memory = (web.memory_info().rss - empty) / players
        for load in loads:
            await load.__aexit__()
    await store.close_aredis()
    gaps = [b[1] - a[1] for load in loads for a, b in zip(load.ticks, load.ticks[1:], strict=False)]
    within = sum(gap <= 1.5 * INTERVAL for gap in gaps) / len(gaps)
    sizes = [size for load in loads for size in load.frame_sizes]
    latencies = [latency for load in loads for latency in load.latencies]
    missed, closed = sum(load.missed for load in loads), sum(load.closed > 0 for load in loads)
    expected = players * took / INTERVAL
    bare = await floor(players, int(statistics.mean(sizes)), 5)
    print(f"  load's own loop  late by {own * 1000:.0f} ms at most, which is in the figures below")
    print(
        f"  ticks delivered  {len(gaps) / expected:.2%} of {expected:.0f}; missed {missed}, "
        f"sockets lost {closed}"
    )
    print(f"  frame gap        {spread(gaps)}; within 1.5 intervals {within:.3%}")
    print(f"  key to effect    {spread(latencies)} (a tick is {INTERVAL * 1000:.0f} ms)")
    print(
        f"  frame            {statistics.median(sizes):.0f} B median, snapshot "
        f"{max(load.snapshot for load in loads)} B"
    )
    print(
        "  CPU of a core    "
        + ", ".join(f"{n} {c:.1%}" for n, c in cpu.items())
        + f"; bare loop {bare:.1%} (web is {cpu['web'] / bare:.1f} times that)"
    )
    print(f"  web memory       {memory / 1024:.0f} kB more for each connection")
    if closed or missed or len(gaps) < 0.98 * expected:
        print("  BROKEN RUN: ticks or sockets were lost")
    p99 = sorted(latencies)[len(latencies) * 99 // 100]
    return {"within": within, "web": cpu["web"], "key p99 ms": p99 * 1000, "bare": bare}


def main() -> None:
    """`python -m tests.bench.load [--players 200] [--rooms 4] [--seconds 20] [--runs 3]`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--players", type=int, default=200)
    parser.add_argument("--rooms", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--runs", type=int, default=3)
    given = parser.parse_args()
    once = partial(run, given.players, given.rooms, given.seconds)
    repeat(f"{given.players} players in {given.rooms} rooms", given.runs, once)


if __name__ == "__main__":
    main()
