"""Anything is killed, frozen or cut off at any moment, for minutes: each life is saved once."""

import asyncio
import contextlib
import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.live.faults.company import Company
from tests.live.faults.record import record
from tests.live.faults.services import everything, postgres, rabbitmq
from tests.live.stage import Stage, end

SECONDS = 180.0  # for which things fail
PAUSE = (0.5, 4.0)  # s between two failures
AWAY = (0.5, 6.0)  # s that a service is away, or a process frozen
PROCESSES = ("web", "engine", "worker", "beat")


class Trouble:
    """What goes wrong, by chance: one thing after the other, and often two at once."""

    def __init__(self, stage: Stage, services: dict[str, tuple[Callable[[], Any], ...]]) -> None:
        self._stage, self._services = stage, services
        self._chance = random.Random(11)
        self._busy: set[str] = set()
        self.caused: dict[str, int] = {}

    async def cause(self, seconds: float) -> None:
        """Let things fail for so long; all is whole again afterwards."""
        until = time.monotonic() + seconds
        async with asyncio.TaskGroup() as group:
            while time.monotonic() < until:
                free = sorted({*PROCESSES, *self._services} - self._busy)
                if free and len(self._busy) < 2:
                    what = self._chance.choice(free)
                    self._busy.add(what)
                    group.create_task(self._fail(what, self._chance.uniform(*AWAY)))
                await asyncio.sleep(self._chance.uniform(*PAUSE))

    async def _fail(self, what: str, seconds: float) -> None:
        try:
            if what in self._services:
                how = self._chance.choice((0, 2))
                lose, mend = self._services[what][how : how + 2]
                self._note(what, ("gone", "", "silent")[how])
                await asyncio.to_thread(lose)
                await asyncio.sleep(seconds)
                await asyncio.to_thread(mend)
            elif what in ("engine", "worker") and self._chance.random() < 0.3:
                self._note(what, "frozen")
                await self._freeze(self._stage.running[what].pid, seconds)
            else:
                self._note(what, "killed")
                await asyncio.to_thread(end, self._stage.running[what])
                await self._restart(what)
        finally:
            self._busy.discard(what)

    def _note(self, what: str, how: str) -> None:
        name = f"{what}_{how}"
        self.caused[name] = self.caused.get(name, 0) + 1

    async def _freeze(self, pid: int, seconds: float) -> None:
        family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
        for process in family:
            os.kill(process.pid, signal.SIGSTOP)
        await asyncio.sleep(seconds)
        for process in family:
            os.kill(process.pid, signal.SIGCONT)

    async def _restart(self, kind: str) -> None:
        """As a supervisor does: again and again, until it comes up (Redis may be away)."""
        while True:
            try:
                await asyncio.to_thread(self._stage.start, kind)
            except AssertionError:
                await asyncio.to_thread(end, self._stage.running[kind])
                await asyncio.sleep(1.0)  # as long as the supervisor waits
            else:
                return


@pytest.mark.drill
async def test_each_life_is_saved_once_whatever_fails_and_whenever(tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        broker, broker_url = stack.enter_context(rabbitmq())
        database, database_url = stack.enter_context(postgres())
        urls = {"CELERY_BROKER_URL": broker_url, "DATABASE_URL": database_url}
        stage, own, books = stack.enter_context(everything(tmp_path, **urls))
        room = await asyncio.to_thread(stage.a_room)
        trouble = Trouble(
            stage,
            {
                "redis": (
                    lambda: own.lose("dies"),
                    lambda: own.come_back("dies"),
                    lambda: own.lose("hangs"),
                    lambda: own.come_back("hangs"),
                ),
                "broker": (broker.cut, broker.mend, broker.freeze, broker.thaw),
                "database": (database.cut, database.mend, database.freeze, database.thaw),
            },
        )
        async with Company(stage, room, 6) as company:
            await trouble.cause(SECONDS)
            await company.resumes(30)
            lives = len(company.lives)
            await company.so(lambda: len(company.lives) > lives, "somebody died", 30)
        saved = await books.saved()
        number = await books.balance(company.lives)
    record(
        "anything fails at any moment, for three minutes",
        "rows = committed lives, each told life among them; the standings are right",
        lives=number,
        told=len(company.lives),
        saved_after_s=saved,
        failures=sum(trouble.caused.values()),
        **trouble.caused,
    )
