"""A web process is killed, or has clients that come and go, or lie: it keeps nothing of them."""

import asyncio
import contextlib
import os
import random
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import psutil
import pytest
import redis

from game import metrics, protocol
from tests.bench.fanout import Crowd, child
from tests.live.faults.record import record
from tests.live.fleet import ROOT, until
from tests.live.stage import Stage, end, environment, migrated, start
from tests.live.valkey import Valkey
from tests.player import Player, cookie
from tests.processes import answers, free_port

SETTLE_SECONDS = 30  # until what a lost connection left behind must be gone
TOO_MANY = b"\x88\x02" + protocol.TOO_MANY.to_bytes(2, "big")
HELLO = bytes((0x82, 0x82)) + bytes(4) + b"\x01\x02"  # masked with zeros
JOIN = b'\x02{"name":"Bo","colour":3}'
SLACK = 4  # a timer, a connection or a report more than in the instant of the first look
RATE = 450  # cycles a second: what a connection leaves is timed, the longest at 20 s
RUSH = 10_000  # the same to warm up, more than can be: its memory is that of the fullest moment
LEAVES = ("connect", "half a handshake", "handshake", "open", "hello", "join", "flood")
FLOOD = 60  # messages at once, more than a client may send


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Valkey]:
    """The Redis of a drill."""
    (tmp_path / "redis").mkdir()
    valkey = Valkey(tmp_path / "redis")
    valkey.start()
    yield valkey
    valkey.close()


@pytest.fixture
def stage(tmp_path: Path, own: Valkey) -> Iterator[Stage]:
    """Where a drill starts what it needs."""
    env = environment(tmp_path, own.url, KOGAME_SOCKETS_PER_ADDRESS="1000")
    with migrated(tmp_path, env) as stage:
        yield stage


def connections(client: redis.Redis) -> float:
    """Open sockets of all web processes, as the admin's page adds them up."""
    living = metrics.snapshot(client)["living"]
    return sum(report["gauges"].get("web.connections", 0) for report in living)


# --- Killed ------------------------------------------------------------------------------------
async def test_a_killed_web_process_leaves_nothing_behind(
    stage: Stage, own: Valkey, full: bool
) -> None:
    here, there = 10, 200 if full else 60
    await asyncio.to_thread(stage.start, "web", "engine")
    room = await asyncio.to_thread(stage.a_room, size="huge")
    async with Player(stage.base, room) as ada:
        await ada.join("Ada")
        playing = asyncio.create_task(ada.until(lambda: False, 300))
        known = {report["id"] for report in metrics.snapshot(own.client)["living"]}
        port = free_port()
        doomed = start("web", stage.folder / "doomed.log", stage.env, port)
        try:
            ready = f"http://127.0.0.1:{port}/readyz"
            await asyncio.to_thread(until, lambda: answers(ready), "the second was ready", 40)
            async with watching(stage.port, room, here - 1), watching(port, room, there):
                everyone = here + there
                await so(lambda: connections(own.client) == everyone, "all were counted", 20)
                (gone,) = {r["id"] for r in metrics.snapshot(own.client)["living"]} - known
                began = time.monotonic()
                end(doomed)
                await so(lambda: connections(own.client) == here, "the count was exact", 60)
                exact = time.monotonic() - began
                await so(lambda: not stale(own.client, gone), "no key was left", 60)
                left = time.monotonic() - began
        finally:
            end(doomed)
            playing.cancel()
            await asyncio.gather(playing, return_exceptions=True)
        tick = ada.state.tick
        await ada.until(lambda: ada.state.tick > tick)
    assert exact <= 15
    assert stage.tracebacks() == []
    bar = "the admin's count is exact ≤ 15 s; no stale key after 60 s"
    drill = "a web process with 200 sockets is killed"
    record(drill, bar, count_exact_after_s=exact, last_key_gone_after_s=left)


def stale(client: redis.Redis, gone: str) -> list[bytes]:
    """Keys that name a process, or whose value still says that it is at work."""
    leased = client.get("kg:queues:sampler")
    named = [key for key in client.scan_iter(count=1000) if gone.encode() in key]
    return named + ([b"kg:queues:sampler"] if leased and gone.encode() in leased else [])


@contextlib.asynccontextmanager
async def watching(port: int, room: str, number: int):  # type: ignore[no-untyped-def]
    """So many sockets that look at a room, while the block runs."""
    pipes = {"stdin": asyncio.subprocess.PIPE, "stdout": asyncio.subprocess.PIPE}
    async with child("-m", "tests.bench.crowd", **pipes) as process:
        crowd = Crowd(process)
        path = f"/ws/room/{room}/"
        await crowd("connect", port=port, count=number, path=path, hello="0102")
        looking = asyncio.create_task(look(crowd))
        try:
            yield crowd
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)


async def look(crowd: Crowd) -> None:
    """Read and ping as pages do: who makes no progress is closed."""
    while True:
        await crowd("measure", seconds=0.5, senders=0, rate=0)


async def so(true: Callable[[], object], what: str, seconds: float) -> None:
    await asyncio.to_thread(until, true, what, seconds)


# --- Connected and aborted -----------------------------------------------------------------------
class Watched:
    """A web process of which a test sees tasks, garbage, files and memory."""

    def __init__(self, stage: Stage) -> None:
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self._told = stage.folder / "told"
        self._told.touch()
        self.log = stage.folder / "watched.log"
        words = ["-m", "tests.live.faults.watched_web", str(self._told), "--port", str(self.port)]
        with self.log.open("ab") as log:
            self.popen = subprocess.Popen(
                [sys.executable, *words],
                cwd=ROOT,
                env=stage.env,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.process = psutil.Process(self.popen.pid)
        until(lambda: answers(f"{self.base}/readyz"), "the web process was ready", 40)

    def asked(self) -> tuple[int, int]:
        """Its asyncio tasks, and the objects that waited for the garbage collector."""
        known = len(self._told.read_text().splitlines())
        os.kill(self.popen.pid, signal.SIGUSR1)
        until(lambda: len(self._told.read_text().splitlines()) > known, "it told")
        tasks, garbage = self._told.read_text().splitlines()[-1].split()
        return int(tasks), int(garbage)


@pytest.fixture
def web(stage: Stage) -> Iterator[Watched]:
    """One of those."""
    watched = Watched(stage)
    yield watched
    end(watched.popen)


def come_and_go(web: Watched, room: str, number: int, rate: int, chance: random.Random) -> None:
    """Connect, get as far as chance wants, and break the connection off without a goodbye."""
    began = time.monotonic()
    for cycle in range(number):
        time.sleep(max(0.0, began + cycle / rate - time.monotonic()))
        leave = chance.choice(LEAVES)
        with socket.create_connection(("127.0.0.1", web.port), 20) as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            go_as_far_as(client, leave, web, room)


def go_as_far_as(client: socket.socket, leave: str, web: Watched, room: str) -> None:
    """Take the steps of a player who comes in, up to one of LEAVES."""
    if leave == "connect":
        return
    hand = handshake(web, room)
    client.sendall(hand[: len(hand) // 2] if leave == "half a handshake" else hand)
    if leave in ("half a handshake", "handshake"):
        return
    assert client.recv(4096).startswith(b"HTTP/1.1 101")
    if leave == "open":
        return
    client.sendall(HELLO)
    if leave == "flood":
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(FLOOD):  # each a segment, as browsers send them
            client.sendall(bytes((0x82, 0x89)) + bytes(4) + bytes((6,)) + bytes(8))
        said = b""
        while TOO_MANY not in said:  # closed by the server: the other way to an end
            said = said[-len(TOO_MANY) :] + client.recv(65536)
    if leave == "join":
        client.sendall(bytes((0x82, 0x80 | len(JOIN))) + bytes(4) + JOIN)


def handshake(web: Watched, room: str) -> bytes:
    """What a browser sends to open a socket."""
    lines = (
        f"GET /ws/room/{room}/ HTTP/1.1",
        f"Host: 127.0.0.1:{web.port}",
        f"Origin: {web.base}",
        f"Cookie: {cookie(uuid4())}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
    )
    return "\r\n".join((*lines, "", "")).encode()


def test_connections_that_are_broken_off_leave_nothing_behind(
    stage: Stage, own: Valkey, web: Watched, full: bool
) -> None:
    cycles, warm = (20_000, 10_000) if full else (500, 500)
    chance = random.Random(3)
    stage.start("engine")
    stage.port, stage.base = web.port, web.base
    room = stage.a_room(wrap=True)
    come_and_go(web, room, warm, RUSH, chance)  # what is made once and kept is made now
    until(lambda: own.client.exists("kg:queues", "kg:lobby") == 2, "everything had begun")
    before, memory = quiet(web, own, room), web.process.memory_info().rss
    come_and_go(web, room, cycles, RATE, chance)
    garbage = web.asked()[1] / cycles
    until(
        lambda: all(n <= was + SLACK for n, was in zip(quiet(web, own, room), before, strict=True)),
        "tasks, files and keys were as before",
        SETTLE_SECONDS,
    )
    grown = (web.process.memory_info().rss - memory) / 1e6 * 10_000 / cycles
    assert "Traceback" not in web.log.read_text()
    record(
        "20,000 connections broken off, after a rush of 10,000",
        "tasks, file descriptors, Redis keys as before; memory (RSS) ≤ +1 MB per 10,000",
        tasks=before[0],
        files=before[1],
        keys=before[2],
        memory_MB_per_10000=grown,
        garbage_objects_each=garbage,
    )
    assert garbage < 1  # a connection that is a circle of references leaves dozens
    assert grown <= 1.0 or not full  # after a few cycles, what is cached once weighs more


def quiet(web: Watched, own: Valkey, room: str) -> tuple[int, int, int]:
    """Tasks, open files, and keys beside the room's own, once nobody is connected."""
    until(lambda: connections(own.client) == 0, "nobody was counted", SETTLE_SECONDS)
    keys = own.client.scan_iter(count=1000)
    # The charts' rings come with time, and have a length of their own.
    others = [key for key in keys if room.encode() not in key and b"kg:history:" not in key]
    return web.asked()[0], web.process.num_fds(), len(others)
