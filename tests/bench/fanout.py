"""Thousands of sockets on one web process: frames delivered, their gaps, CPU per frame and input.

The web process is the real one under Kogame's runner; an engine is played by this process, which
publishes a room's ticks as an engine does; the clients are one other process (`crowd`). Beside
every cost stands that of the same machine in the same run: a bare asyncio loop that writes as many
frames to as many sockets, and a WebSocket whose `onMessage` does nothing.
"""

import argparse
import asyncio
import contextlib
import json
import socket
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psutil
from channels.layers import get_channel_layer

from tests import conftest, processes
from tests.bench.load import listener
from tests.bench.machine import share_out
from tests.bench.repeat import repeat

assert conftest  # it starts Valkey and sets the environment, before Django is set up

FRAME_BYTES = 600  # a full small room of Snek
RATE = 20  # ticks a second
SLOW_RATE = 2  # a second, while frames are not measured: a room that stands still says so
KEYFRAME_EVERY = 2.0  # s, as an engine does
SENDERS = 1_000  # clients that act while inputs are measured
INPUTS_EACH = 10  # a second: a very fast player turns as often
ENGINE = "bench"
MEMORY_BAR, GAP_BAR, RATIO_BAR = 60, 75, 2.0  # kB a connection; ms; times the bare loop
INPUT_BAR, SHARE_BAR = 30, 0.5  # µs an input; of an empty onMessage
ROOT = Path(__file__).resolve().parents[2]
BARE_LOOP = """
import asyncio, itertools, os, struct, sys, time
async def main():
    writers = []
    async def serve(reader, writer): writers.append(writer)
    server = await asyncio.start_server(serve, sock=__import__("socket").socket(fileno=int(sys.argv[1])), backlog=4096)
    size, due = int(sys.argv[2]), time.monotonic()
    for tick in itertools.count(1):
        message = struct.pack("<BIIB", 0x82, 1, tick, 0).ljust(size, bytes(1))
        frame = b"\\x82" + (b"\\x7e" + size.to_bytes(2, "big") if size > 125 else bytes((size,))) + message
        for writer in writers: writer.write(frame)
        due = max(due + float(sys.argv[3]), time.monotonic())
        await asyncio.sleep(due - time.monotonic())
asyncio.run(main())
"""  # noqa: E501
EMPTY = """
import sys
from kogame import server
from kogame.proxies import Proxies

async def application(scope, receive, send):
    await receive()
    await send({"type": "websocket.accept"})
    while (await receive())["type"] != "websocket.disconnect":
        pass

class Socket(server.GameSocket):
    def onMessage(self, payload, isBinary):
        pass

server.GameSocket = Socket
server.Server(application, ["fd:fileno=%s" % sys.argv[1]], Proxies([])).run()
"""


class Crowd:
    """The other end of the process that holds the clients."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.process = psutil.Process(process.pid)

    async def __call__(self, do: str, **order: Any) -> dict[str, Any]:
        """Give an order and wait for what it says."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps({"do": do, **order}).encode() + b"\n")
        line = await self._process.stdout.readline()
        assert line, "the crowd ended"
        answer: dict[str, Any] = json.loads(line)
        return answer


@contextlib.asynccontextmanager
async def child(*command: str, **options: Any) -> AsyncIterator[asyncio.subprocess.Process]:
    """A Python process that is killed at the end."""
    process = await asyncio.create_subprocess_exec(sys.executable, *command, cwd=ROOT, **options)
    try:
        yield process
    finally:
        process.kill()
        await process.wait()


@contextlib.asynccontextmanager
async def served(code: str, *words: str) -> AsyncIterator[tuple[int, psutil.Process]]:
    """The port and process of a server that inherits its listening socket."""
    with socket.create_server(("127.0.0.1", 0), backlog=4096) as listening:
        fd = listening.fileno()
        async with child("-c", code, str(fd), *words, pass_fds=(fd,)) as process:
            yield listening.getsockname()[1], psutil.Process(process.pid)


class Engine:
    """Publishes one room's ticks as an engine does, and gives a seat to whoever asks."""

    def __init__(self, room: str) -> None:
        self.room, self.rate = room, RATE
        self.tick, self.late, self.inputs = 0, 0.0, 0
        self._personal: dict[str, list[bytes]] = {}

    async def run(self) -> None:
        """Tick and listen until cancelled."""
        from game import store

        await store.aredis().set(store.lease(self.room), f"{ENGINE}:1")
        await asyncio.gather(self._steps(), self._hears())

    async def _steps(self) -> None:
        from game import protocol, store

        due, keyed = time.monotonic(), 0.0
        while True:
            self.tick += 1
            keys = time.monotonic() - keyed >= KEYFRAME_EVERY
            body = bytes(FRAME_BYTES - 10)
            views, welcome = ([[0]], b"\x81{}") if keys else ([], b"")
            whole = {0: body, 0xFFFF: b""} if keys else {}
            keyed = time.monotonic() if keys else keyed
            personal, self._personal = self._personal, {}
            tick = protocol.RoomTick(1, self.tick, {0: body}, whole, {}, views, welcome, personal)
            await store.aredis().publish(store.frames(self.room), protocol.encode(tick))
            due += 1 / self.rate
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            self.late = max(self.late, time.monotonic() - due)

    async def _hears(self) -> None:
        from game import protocol

        layer = get_channel_layer()
        while True:
            message = await layer.receive(f"engine.{ENGINE}")
            for _, command in protocol.decode_batch(message["batch"]):
                if isinstance(command, protocol.Join):
                    seated = protocol.seated(1, 0, resumed=False)
                    self._personal[command.conn] = [seated]
                self.inputs += isinstance(command, protocol.Act)


def spent(process: psutil.Process) -> float:
    """CPU-seconds that a process has used."""
    return sum(process.cpu_times()[:2])


async def cost(process: psutil.Process, crowd: Crowd, seconds: float, **order: Any) -> Any:
    """CPU-seconds a second of a process while the crowd measures, and what that saw."""
    before, began = spent(process), time.monotonic()
    seen = await crowd("measure", seconds=seconds, **{"senders": 0, "rate": 0, **order})
    return (spent(process) - before) / (time.monotonic() - began), seen


async def input_cost(process: psutil.Process, crowd: Crowd, seconds: float) -> tuple[float, int]:
    """µs of CPU for one input, from a while with them and one without; and how many were sent."""
    without, _ = await cost(process, crowd, seconds)
    with_them, seen = await cost(process, crowd, seconds, senders=SENDERS, rate=INPUTS_EACH)
    return (with_them - without) / (seen["sent"] / seconds) * 1e6, seen["sent"]


async def floor(
    crowd: Crowd, clients: int, seconds: float, size: int, rate: int
) -> tuple[float, int]:
    """A bare asyncio loop over TCP: CPU-seconds for 100,000 frames of this size; gap p99 in ms."""
    words = (str(size), str(1 / rate))
    async with served(BARE_LOOP, *words) as (port, process):
        await crowd("connect", port=port, count=clients, path="", hello="")
        share_out(process, [crowd.process])
        await crowd("measure", seconds=1, senders=0, rate=0)
        cpu, seen = await cost(process, crowd, seconds)
        await crowd("close")
    return cpu * seconds / seen["frames"] * 100_000, seen["gaps"][1]


async def empty(crowd: Crowd, seconds: float) -> float:
    """µs of CPU for one message of a WebSocket that does nothing with it."""
    async with served(EMPTY) as (port, process):
        share_out(process, [crowd.process])
        await crowd("connect", port=port, count=SENDERS, path="/", hello="")
        value, _ = await input_cost(process, crowd, seconds)
        await crowd("close")
    return value


async def play(crowd: Crowd, base: str, clients: int, seconds: float) -> dict[str, Any]:
    """The web process under frames, then under inputs; what it cost and what the crowd saw."""
    from game import matchmaking

    room = await matchmaking.create_room({}, "", private=False, fill=0)
    engine = Engine(room)
    engine.rate = SLOW_RATE  # until all are there
    running = asyncio.create_task(engine.run())
    web = psutil.Process(listener(base))
    share_out(web, [psutil.Process(), crowd.process])
    empty_web = web.memory_info().rss
    port, path = int(base.rpartition(":")[2]), f"/ws/room/{room}/"
    await crowd("connect", port=port, count=clients, path=path, hello="0102")
    await crowd("measure", seconds=2, senders=0, rate=0)
    memory = (web.memory_info().rss - empty_web) / clients / 1024
    engine.rate = RATE
    await crowd("measure", seconds=2, senders=0, rate=0)
    engine.late, first = 0.0, engine.tick
    cpu, seen = await cost(web, crowd, seconds)
    late, ticks = engine.late, engine.tick - first
    engine.rate = SLOW_RATE  # inputs alone are measured now
    await crowd("join", count=SENDERS)
    joined = await crowd("measure", seconds=2, senders=0, rate=0)
    engine.inputs = 0
    each, sent = await input_cost(web, crowd, seconds)
    after = await crowd("measure", seconds=0.5, senders=0, rate=0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await crowd("close")
    unheard = sent - engine.inputs + min(SENDERS, clients) - joined["seated"]
    own = {"cpu": cpu, "late": late, "memory": memory, "input": each, "sent": sent}
    lost = {"expected": ticks * clients, "closed": clients - after["open"], "unheard": unheard}
    return {"seen": seen, **own, **lost}


async def run(clients: int, seconds: float) -> dict[str, float]:
    """One run; prints its figures and returns them."""
    from game import store

    await store.aredis().flushdb()
    pipes = {"stdin": asyncio.subprocess.PIPE, "stdout": asyncio.subprocess.PIPE}
    async with child("-m", "tests.bench.crowd", **pipes) as process:
        crowd = Crowd(process)
        bare, gap = await floor(crowd, clients, seconds, FRAME_BYTES, RATE)
        nothing = await empty(crowd, seconds)
        with processes.web() as base:
            played = await play(crowd, base, clients, seconds)
    await get_channel_layer().flush()
    await store.close_aredis()
    frame = played["cpu"] * seconds / max(1, played["seen"]["frames"]) * 100_000
    print(f"  gap of a client of the bare loop  p99 {gap} ms")
    tell(played, frame, bare, nothing)
    return {
        "gap p99": played["seen"]["gaps"][1],
        "frame": frame,
        "bare": bare,
        "bare gap": gap,
        "ratio": frame / bare,
        "kB": played["memory"],
        "input": played["input"],
        "empty": nothing,
        "load": played["seen"]["cpu"],
    }


def tell(played: dict[str, Any], frame: float, bare: float, nothing: float) -> None:
    """Print one run's figures, and whether it was whole."""
    seen, each = played["seen"], played["input"]
    p50, p99, most = seen["gaps"]
    late = played["late"] * 1000
    print(f"  engine's own loop  late by {late:.0f} ms at most, which is in the gaps below")
    print(
        f"  frames delivered   {seen['frames']} of some {played['expected']}; "
        f"missed {seen['missed']}, keyframes {seen['keyframes']}, sockets lost {played['closed']}"
    )
    print(f"  gap of a client    p50 {p50}, p99 {p99}, max {most} ms (bar {GAP_BAR})")
    print(
        f"  CPU of 100,000 frames  web {frame:.2f} s, bare loop {bare:.2f} s: {frame / bare:.2f} "
        f"times (bar {RATIO_BAR}); web {played['cpu']:.0%} of a core"
    )
    print(f"  load's CPU         {seen['cpu']:.0%} of a core")
    memory = f"{played['memory']:.0f} kB"
    print(f"  web memory         {memory} for an idle connection (bar {MEMORY_BAR})")
    print(
        f"  CPU of an input    {each:.1f} µs (bar {INPUT_BAR}), empty onMessage {nothing:.1f} µs: "
        f"{each / nothing:.2f} of it (bar {SHARE_BAR}); {played['sent']} sent, "
        f"{played['unheard']} unheard"
    )
    few = seen["frames"] < 0.98 * played["expected"]
    if few or seen["missed"] or seen["keyframes"] or played["closed"] or played["unheard"]:
        print("  BROKEN RUN: frames, sockets or inputs were lost")


def main() -> None:
    """`python -m tests.bench.fanout [--clients 3000] [--seconds 5] [--runs 3]`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=3000)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--runs", type=int, default=3)
    given = parser.parse_args()
    what = f"{given.clients} clients at {RATE} frames a second"
    repeat(what, given.runs, lambda: run(given.clients, given.seconds))


if __name__ == "__main__":
    main()
