"""Clients that come and go, miss frames, or never read: each is right again, and costs no other."""

import asyncio
import json
import random
import socket
import time
from collections import Counter, deque
from pathlib import Path
from uuid import uuid4

import psutil

from game import store
from tests.bench.crowd import HANDSHAKE, client_frame
from tests.live.faults.house import Play
from tests.live.faults.record import record
from tests.live.fleet import until
from tests.player import Player, cookie

FRAME, KEYFRAME = 0x82, 1
LOST = 0.01  # of all frames, before the page sees them
TOO_SLOW = 4013
LARGE = {"capacity": 64, "fill": 40}  # a room whose frames fill buffers


# --- Gaps --------------------------------------------------------------------------------------
async def stormy(base: str, room: str, name: str, end: float, seen: Counter[str]) -> None:
    """One player who loses the connection every 1 to 3 s, and now and then a frame."""
    dice, guest = random.Random(name), uuid4()
    while time.monotonic() < end:
        until = min(end, time.monotonic() + dice.uniform(1, 3))
        async with Player(base, room, guest) as player:
            await player.check()
            await player.socket.send(b"\x02" + json.dumps({"name": name, "colour": 1}).encode())
            while time.monotonic() < until:
                await heard(player, dice, seen)
            player.socket.transport.abort()
        state = player.state
        seen["connections"] += 1
        seen["checks"] += state.checks
        seen["wrong"] += len(state.wrong)
        seen["found"] += state.gaps


async def heard(player: Player, dice: random.Random, seen: Counter[str]) -> None:
    """Take one message as a page does: a gap is mended by a keyframe."""
    async with asyncio.timeout(5):
        data = await player.socket.recv()
    assert isinstance(data, bytes)
    state = player.state
    if data[0] == FRAME:
        seen["frames"] += 1
        delta = not data[9] & KEYFRAME
        if delta and state.known and dice.random() < LOST:
            seen["lost"] += 1
            return
        tick = int.from_bytes(data[5:9], "little")
        seen["twice"] += delta and state.known and tick <= state.tick
    gaps = state.gaps
    player.receive(data)
    if state.gaps > gaps:
        await player.socket.send(b"\x04")


def test_a_storm_of_recoveries(play: Play, full: bool) -> None:
    players, seconds, number = (100, 60.0, 5) if full else (12, 5.0, 2)
    rooms, seen = play.house.rooms(number, capacity=20, fill=10), Counter[str]()

    async def storm() -> None:
        end = time.monotonic() + seconds
        async with asyncio.TaskGroup() as group:
            for one in range(players):
                group.create_task(
                    stormy(play.house.proxy.url, rooms[one % number], f"P{one}", end, seen)
                )

    asyncio.run(storm())
    bar = "no undetected gap, nothing applied twice, held regions = the server's"
    record(
        "recovery storm: dropped every 1 to 3 s", bar,
        players=players, seconds=seconds, connections=seen["connections"], frames=seen["frames"],
        frames_lost_on_purpose=seen["lost"], gaps_found=seen["found"],
        regions_compared=seen["checks"], that_differed=seen["wrong"], twice=seen["twice"],
    )  # fmt: skip
    assert (seen["wrong"], seen["twice"]) == (0, 0)
    assert seen["checks"] > seen["connections"]
    assert seen["connections"] >= players * seconds / 4
    # Found are all but those whose next frame was a keyframe, or never came.
    assert 0 < seen["found"] <= seen["lost"]


# --- Never reading -----------------------------------------------------------------------------
class Deaf:
    """Clients that never read: always so many, each for a while, one coming as another goes."""

    LIVES = 8.0  # s: longer than a client that makes no progress is kept

    def __init__(self, port: int, rooms: list[str], every: float) -> None:
        self._port, self._rooms, self._every = port, rooms, every
        self._open: deque[tuple[float, socket.socket]] = deque()
        self.opened = 0
        self.begin()

    def begin(self) -> None:
        """Let the first come now."""
        self._next = time.monotonic()

    def go_on(self) -> None:
        """Open and end what is due."""
        now = time.monotonic()
        while self._next <= now:
            self._next += self._every
            self._open.append((now, self._join(self._rooms[self.opened % len(self._rooms)])))
            self.opened += 1
        while self._open and self._open[0][0] < now - self.LIVES:
            self._open.popleft()[1].close()

    def _join(self, room: str) -> socket.socket:
        end = socket.socket()
        end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        end.settimeout(10)
        end.connect(("127.0.0.1", self._port))
        words = {"path": f"/ws/room/{room}/", "host": f"127.0.0.1:{self._port}"}
        end.sendall(HANDSHAKE.format(cookie=cookie(uuid4()), **words).encode())
        assert end.recv(12).startswith(b"HTTP/1.1 101")
        end.sendall(client_frame(b"\x01\x02"))
        return end

    def close(self) -> None:
        """End all."""
        for _, end in self._open:
            end.close()
        self._open.clear()


LOOK_EVERY = 0.25  # s


def waiting(port: int) -> int:
    """The most bytes that the kernel keeps for one socket of a server, of what it was given."""
    most = 0
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        local, _, state, queues = line.split()[1:5]
        if int(local.rpartition(":")[2], 16) == port and state == "01":
            most = max(most, int(queues.partition(":")[0], 16))
    return most


def closed_as_slow() -> int:
    """How many sockets web processes say they closed because their clients did not read."""
    reports = map(store.redis().get, store.redis().scan_iter("kg:proc:web:*"))
    counters = [json.loads(report)["counters"] for report in reports if report]  # type: ignore[arg-type]
    return sum(int(counter.get(f"web.closed.{TOO_SLOW}", 0)) for counter in counters)


def p99(gaps: Counter[int]) -> int:
    """Of gaps counted by the millisecond."""
    left = sum(gaps.values()) / 100
    for ms in sorted(gaps, reverse=True):
        left -= gaps[ms]
        if left < 0:
            return ms
    return 0


def test_clients_that_never_read(play: Play, full: bool) -> None:
    """In turns with them and without, so that the machine's own moods fall on both."""
    number, rounds, seconds = (50, 4, 15.0) if full else (10, 1, 1.0)
    (port,), (web,) = play.house.webs, play.house.webs.values()
    memory, crew = psutil.Process(web.pid).memory_info, play.crew
    closed = closed_as_slow()
    deaf = Deaf(port, play.house.rooms(2, **LARGE), min(seconds, Deaf.LIVES) / number)
    gaps: dict[bool, Counter[int]] = {False: Counter(), True: Counter()}  # with them: ms
    grown = queued = 0
    for _ in range(rounds):
        for disturbed in (False, True) if full else (True,):
            crew("fresh")
            deaf.begin()
            before, end = memory().rss, time.monotonic() + seconds
            looked = 0.0
            while time.monotonic() < end:
                if disturbed:
                    deaf.go_on()
                if time.monotonic() - looked > LOOK_EVERY:  # in both: to look costs something, too
                    looked = time.monotonic()
                    now = memory().rss - before, waiting(port)
                    if disturbed:
                        grown, queued = max(grown, now[0]), max(queued, now[1])
                time.sleep(0.05)
            seen = crew("figures")
            assert (seen["undone"], seen["codes"]) == (0, {})
            gaps[disturbed].update(dict(enumerate(seen["gaps"])))
        until(lambda: closed_as_slow() >= closed + deaf.opened, "all were closed")
        deaf.close()
    without, with_them = p99(gaps[False]), p99(gaps[True])
    each_kb = (grown / number + queued) / 1024
    bar = "≤ 256 kB each; the others' gap p99 grows ≤ 10 %; closed after 5 s without progress"
    record(
        "clients that never read", bar,
        at_once=number, seconds=rounds * seconds, in_all=deaf.opened, kB_each=each_kb,
        of_it_in_the_kernel_kB=queued / 1024, closed_with_4013=deaf.opened,
        gap_p99_without_ms=without, gap_p99_with_ms=with_them, others=play.players,
    )  # fmt: skip
    assert each_kb <= 256
    if full:  # a few seconds of a few players say nothing of a p99
        assert with_them <= 1.1 * without
