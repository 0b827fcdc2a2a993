"""People who play while things fail, what they saw, and what the books say in the end."""

import asyncio
import contextlib
import itertools
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import redis
from websockets.exceptions import WebSocketException

from game import store
from game.queues import election
from tests.live.fleet import ROOT, until
from tests.live.stage import Stage
from tests.player import Player

SPAWN = 2  # Snek's action "Play again"
ASK_EVERY = 1.0  # s between wishes to play again: one that was lost is said anew
PAGE_EVERY = 0.1  # s between pages
STEP = 0.25  # s of one wait for a message
SAVE_SECONDS = 90.0  # s until the test gives up waiting for scores; the bars are below it


class Company:
    """Players of one room who run into walls, again and again, until the block ends.

    Each keeps its seat and its socket through everything; a socket that is lost is opened anew.
    """

    def __init__(self, stage: Stage, room: str, number: int) -> None:
        self._stage, self._room = stage, room
        self._players: list[Player | None] = [None] * number
        self._ended = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self.lives: set[str] = set()  # of which they were told
        self.reconnects = 0
        self.frames: list[list[float]] = [[] for _ in range(number)]  # when each one's came

    async def __aenter__(self) -> "Company":
        for n in range(len(self._players)):
            self._tasks.append(asyncio.create_task(self._stay(n)))
        await self.so(lambda: all(self.frames), "everybody had a picture", 20)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._ended.set()
        await asyncio.gather(*self._tasks)

    async def so(self, true: Callable[[], Any], what: str, seconds: float) -> float:
        """Wait until something is so; the seconds it took. Fails when a player has failed."""
        began = time.monotonic()
        while not true():
            for task in self._tasks:
                if task.done():
                    task.result()
            waited = time.monotonic() - began
            assert waited < seconds, f"waited {seconds} s in vain until {what}"
            await asyncio.sleep(0.02)
        return time.monotonic() - began

    async def resumes(self, seconds: float) -> float:
        """Wait until each gets frames again; the seconds that took from now."""
        now = time.monotonic()
        return await self.so(
            lambda: all(times and times[-1] > now for times in self.frames), "all played", seconds
        )

    def gaps(self, since: float, to: float) -> list[float]:
        """The seconds between two frames of a player, of all players in a span of time."""
        return sorted(
            after - before
            for times in self.frames
            for before, after in itertools.pairwise(times)
            if since <= before and after <= to
        )

    async def _stay(self, n: int) -> None:
        guest = None
        while not self._ended.is_set():
            player = Player(self._stage.base, self._room, guest)
            guest = player.id
            try:
                async with player:
                    await player.join(f"P{n}")
                    await self._play(player, self.frames[n])
            except (OSError, TimeoutError, WebSocketException):
                self.reconnects += 1
                await asyncio.sleep(STEP)

    async def _play(self, player: Player, frames: list[float]) -> None:
        asked = time.monotonic()
        while not self._ended.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(STEP):
                    await player.step()
            frames.extend(player.frame_times)
            player.frame_times.clear()
            self.lives.update(str(note["life"]) for note in player.notes.values())
            if time.monotonic() - asked > ASK_EVERY:
                asked = time.monotonic()
                await player.act(SPAWN)


class Visitor:
    """Opens pages one after the other until the block ends, and notes how long each took."""

    def __init__(self, stage: Stage, *paths: str) -> None:
        self._stage, self._paths = stage, paths
        self._task: asyncio.Task[None] | None = None
        self.took: list[tuple[float, float]] = []  # when each was asked for, and its seconds
        self.refused: set[tuple[str, int]] = set()  # pages that did not answer 200

    async def __aenter__(self) -> "Visitor":
        self._task = asyncio.create_task(self._look())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    async def _look(self) -> None:
        while True:
            for path in self._paths:
                began = time.monotonic()
                status, _ = await asyncio.to_thread(self._stage.get, path)
                self.took.append((began, time.monotonic() - began))
                if status != 200:
                    self.refused.add((path, status))
                await asyncio.sleep(PAGE_EVERY)

    def seconds(self, since: float, to: float) -> list[float]:
        """How long the pages of a span of time took."""
        return sorted(took for at, took in self.took if since <= at < to)


def p99(ordered: list[float]) -> float:
    """The 99th percentile of values in order."""
    return ordered[len(ordered) * 99 // 100]


class Books:
    """What is committed, and what stands in the database."""

    def __init__(self, stage: Stage, client: redis.Redis) -> None:
        self._stage, self._redis = stage, client
        self._url = stage.env["DATABASE_URL"]

    def committed(self) -> int:
        """Lives that were ever put into the outbox, as Redis counts them."""
        if not self._redis.exists(store.OUTBOX):
            return 0
        return int(self._redis.xinfo_stream(store.OUTBOX)["entries-added"])

    def waiting(self) -> int:
        """Lives that are still in the outbox."""
        return int(self._redis.xlen(store.OUTBOX))

    def rows(self) -> list[str]:
        """The ids of the lives in the database, each as often as it stands there."""
        if self._url:
            with psycopg.connect(self._url) as there:
                return [id for (id,) in there.execute("SELECT id FROM game_life")]
        path = Path(self._stage.env["KOGAME_STATE_DIR"]) / "kogame.sqlite3"
        with contextlib.closing(sqlite3.connect(path, timeout=10)) as here:
            return [id for (id,) in here.execute("SELECT id FROM game_life")]

    def says_the_database_is_away(self) -> bool:
        """Whether the operators' page would say so."""
        sample = election.read(self._redis)
        return bool(sample and sample["database"]["error"])

    async def saved(self) -> float:
        """Wait until all that is committed now is saved; the seconds it took."""
        began, last = time.monotonic(), self._redis.xrevrange(store.OUTBOX, count=1)

        def gone() -> bool:
            return not last or not self._redis.xrange(store.OUTBOX, max=last[0][0], count=1)

        await asyncio.to_thread(until, gone, "the lives were saved", SAVE_SECONDS)
        return time.monotonic() - began

    async def balance(self, told: set[str]) -> int:
        """Check, with nobody playing any more, that every life stands there once; their number."""
        await self.saved()
        rows = self.rows()
        assert len(rows) == len(set(rows)) == self.committed()
        assert told <= set(rows)
        command = [sys.executable, "manage.py", "scores", "verify"]
        verified = await asyncio.to_thread(
            lambda: subprocess.run(
                command, cwd=ROOT, env=self._stage.env, capture_output=True, text=True, check=False
            )
        )
        assert verified.returncode == 0, verified.stdout + verified.stderr
        return len(rows)


# Said of one room or one task, not of a service that is waited for.
BESIDE = ("is no longer this engine's", "Soft time limit")


class Log:
    """What each process said of an outage, from the moment this is made."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._pids = {kind: process.pid for kind, process in stage.running.items()}
        self._from = {kind: len(stage.said(kind)) for kind in stage.running}

    def new(self, kind: str) -> str:
        """What a kind of process has logged since."""
        return self._stage.said(kind)[self._from[kind] :]

    def complaints(self, kind: str) -> list[str]:
        """Its lines that are more than information."""
        grave = (" WARNING ", " ERROR ", " CRITICAL ")
        lines = [line for line in self.new(kind).splitlines() if any(w in line for w in grave)]
        return [line for line in lines if not any(words in line for words in BESIDE)]

    def check(self, *waiting: str) -> None:
        """Every process lives, and those that had to wait have said so, in one line each."""
        for kind, process in self._stage.running.items():
            assert (process.poll(), process.pid) == (None, self._pids[kind]), kind
            said = self.complaints(kind)
            assert len(said) <= 1, (kind, said)
            assert said or kind not in waiting, f"the {kind} did not say what it waits for"
            assert "Traceback" not in self.new(kind), self.new(kind)[-5000:]
