"""Engines and web processes behind one address, on the test run's own Redis; who watches them."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis

from game import matchmaking, protocol, store
from tests.live.faults.crew import Crew
from tests.live.faults.proxy import Proxy
from tests.live.fleet import ROOT, until
from tests.live.stage import end
from tests.processes import answers, free_port, migrated

START_SECONDS = 30  # a process takes 1 to 2 s; the machine may be busy


class House:
    """The processes of one drill; `with` ends them. Players come by `proxy`."""

    def __init__(self, folder: Path) -> None:
        self.log = folder / "log"
        self.webs: dict[int, subprocess.Popen[bytes]] = {}  # by port
        self.engines: dict[str, subprocess.Popen[bytes]] = {}  # by the id in their leases
        self.proxy: Proxy

    def __enter__(self) -> "House":
        store.redis().flushdb()
        migrated()
        self.log.touch()
        self.proxy = Proxy().__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        for process in (*self.webs.values(), *self.engines.values()):
            end(process)
        self.proxy.__exit__()
        said = self.log.read_text(errors="replace")
        assert "Traceback" not in said, said[-3000:]

    @property
    def port(self) -> int:
        """Where players go."""
        return int(self.proxy.url.rpartition(":")[2])

    def _start(self, *command: str) -> "subprocess.Popen[bytes]":
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, *command],
                cwd=ROOT,
                env=os.environ,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    # --- Web processes -----------------------------------------------------------------------
    def start_web(self) -> int:
        """Start a web process and let players come to it; its port."""
        port = free_port()
        self.webs[port] = self._start("-m", "kogame.server", "--port", str(port))
        until(lambda: answers(f"http://127.0.0.1:{port}/healthz"), "a web served", START_SECONDS)
        self._lead()
        return port

    def _lead(self) -> None:
        self.proxy.mend(*(f"http://127.0.0.1:{port}" for port in self.webs))

    def stop_web(self, port: int) -> float:
        """Let nobody new come to a web process, and end it in good order; the seconds it took."""
        process, began = self.webs.pop(port), time.monotonic()
        self._lead()
        process.send_signal(signal.SIGTERM)
        process.wait(30)
        return time.monotonic() - began

    # --- Engines -----------------------------------------------------------------------------
    def start_engine(self) -> str:
        """Start an engine, and wait until the others count it; its id."""
        known = set(store.redis().hkeys(store.LOADS)) | {id.encode() for id in self.engines}
        process = self._start("manage.py", "runengine")

        def came() -> set[bytes]:
            assert process.poll() is None, self.log.read_text()[-3000:]
            return set(store.redis().hkeys(store.LOADS)) - known

        (engine,) = until(came, "an engine was there", START_SECONDS)
        self.engines[engine.decode()] = process
        return str(engine.decode())

    def signal(self, engine: str, number: signal.Signals) -> None:
        """Send an engine a signal; one that ends it is waited for."""
        process = self.engines[engine]
        process.send_signal(number)
        if number in {signal.SIGKILL, signal.SIGTERM}:
            process.wait(30)
            del self.engines[engine]

    def held(self) -> dict[str, int]:
        """How many rooms each engine holds, by the leases."""
        client = store.redis()
        leases = [client.get(key) for key in client.scan_iter("kg:room:*:lease")]
        return Counter(lease.decode().partition(":")[0] for lease in leases if lease)  # type: ignore[union-attr]

    # --- Rooms -------------------------------------------------------------------------------
    def rooms(self, number: int, **given: Any) -> list[str]:
        """New rooms without bots, in which everybody wraps around."""

        async def make() -> list[str]:
            options = {"wrap": True, "rocks": 0}
            rest = {"private": False, "fill": 0} | given
            made = [await matchmaking.create_room(options, "", **rest) for _ in range(number)]
            await store.close_aredis()
            return made

        rooms = asyncio.run(make())
        until(lambda: sum(self.held().values()) >= number, "the rooms had an engine")
        return rooms

    def outbox(self) -> list[str]:
        """The ids of all finished lives, in order; no worker takes any out."""
        entries: Any = store.redis().xrange(store.OUTBOX)
        return [json.loads(fields[b"d"])["life"] for _, fields in entries]


class Witness:
    """Follows the ticks of some rooms as web processes get them; `with` ends it.

    `wrong` is empty so long as every tick of a room is the next one, and no epoch goes back.
    """

    def __init__(self, rooms: list[str], client: redis.Redis | None = None) -> None:
        self._rooms = rooms
        self.wrong: list[str] = []
        self.ticks = 0
        self._last: dict[str, tuple[int, int, float]] = {}  # room → epoch, tick, when
        self._worst: dict[str, float] = defaultdict(float)
        self._pubsub = (client or store.redis()).pubsub()
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._over = threading.Event()

    def __enter__(self) -> "Witness":
        self._pubsub.subscribe(*map(store.frames, self._rooms))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(10)
        self._pubsub.close()

    def _follow(self) -> None:
        while not self._over.is_set():
            message = self._pubsub.get_message(timeout=0.2)
            if message and message["type"] == "message":
                room = message["channel"].decode().rpartition(":")[2]
                self._see(room, protocol.decode_tick(message["data"]), time.monotonic())

    def _see(self, room: str, tick: protocol.RoomTick, now: float) -> None:
        self.ticks += 1
        if room in self._last:
            epoch, last, at = self._last[room]
            self._worst[room] = max(self._worst[room], now - at)
            if tick.tick != last + 1 or tick.epoch < epoch:
                self.wrong.append(f"{room}: {(tick.epoch, tick.tick)} after {(epoch, last)}")
        self._last[room] = tick.epoch, tick.tick, now

    def fresh(self) -> None:
        """Measure gaps anew."""
        self._worst.clear()

    def worst(self) -> float:
        """The longest that any room stood still since then, s; one that still does counts."""
        now = time.monotonic()
        return max(max(self._worst[room], now - at) for room, (_, _, at) in self._last.items())

    def epochs(self) -> dict[str, int]:
        """The newest epoch of each room."""
        return {room: epoch for room, (epoch, _, _) in list(self._last.items())}

    def moved_on(self, before: dict[str, int]) -> bool:
        """Whether every room has an epoch later than that."""
        now = self.epochs()
        return all(now[room] > epoch for room, epoch in before.items())


@dataclass
class Play:
    """Rooms full of players, at home in a house, and a witness of every tick."""

    house: House
    crew: Crew
    witness: Witness
    rooms: int
    players: int

    @property
    def engine(self) -> str:
        """The engine that holds the rooms."""
        return max(self.house.held().items(), key=lambda held: held[1])[0]

    def settle(self) -> None:
        """Be as at the beginning: one engine, everybody seated, nothing counted yet."""
        for engine in set(self.house.engines) - {self.engine}:
            self.house.signal(engine, signal.SIGTERM)
        until(lambda: len(self.house.held()) == 1, "one engine held all rooms")
        until(lambda: self.crew("figures")["seated"] == self.players, "all were seated", 40)
        self.crew("fresh")
        self.witness.fresh()


@contextmanager
def playing(folder: Path, rooms: int, each: int) -> Iterator[Play]:
    """So many rooms with so many players each, on one engine and one web process."""
    with House(folder) as house, Crew() as crew:
        house.start_web()
        house.start_engine()
        made = house.rooms(rooms)
        crew("enter", port=house.port, rooms=made, each=each)
        with Witness(made) as witness:
            yield Play(house, crew, witness, rooms, rooms * each)
