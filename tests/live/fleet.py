"""Real Celery processes for tests, on the test run's own database, Redis and broker."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from django.db import connection, transaction

ROOT = Path(__file__).resolve().parent.parent.parent
# As Celery logs: a task's id, and what became of it.
TASK = re.compile(r"(?:Task|revoked task:) [\w.]+\[([\w-]+)\](?: (\w+))?")
READY_SECONDS = 40  # a worker takes 3 s; the machine may be busy


def until(true: Callable[[], Any], what: str, seconds: float = 20) -> Any:
    """Wait for something to come true, and answer it; looks often, fails with a sentence."""
    deadline = time.monotonic() + seconds
    while not (answer := true()):
        assert time.monotonic() < deadline, f"waited {seconds} s in vain until {what}"
        time.sleep(0.02)
    return answer


def database_url() -> str:
    """The test database, as another process names it."""
    told = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{told['NAME']}"
    login = f"{told['USER']}:{told['PASSWORD']}" if told["PASSWORD"] else told["USER"]
    return f"postgres://{login}@{told['HOST']}:{told['PORT'] or 5432}/{told['NAME']}"


class Process:
    """A Celery process with its log."""

    def __init__(self, words: list[str], log: Path, **environment: str) -> None:
        self.log = log
        with log.open("ab") as file:
            self.popen = subprocess.Popen(
                [sys.executable, "-m", "celery", "-A", "kogame", *words],
                cwd=ROOT,
                env=os.environ | {"DATABASE_URL": database_url()} | environment,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )

    def says(self, text: str) -> bool:
        """Whether the log has this text by now; fails when the process has died without it."""
        said = text in self.log.read_text(errors="replace")
        assert said or self.popen.poll() is None, self.log.read_text(errors="replace")[-3000:]
        return said

    def busy(self) -> set[str]:
        """The ids of the tasks it has taken and not ended, those that wait for their time included.

        A task that is put off counts until it is taken again and ends.
        """
        taken: dict[str, bool] = {}
        for id, word in TASK.findall(self.log.read_text(errors="replace")):
            taken[id] = word in {"received", "retry"}
        return {id for id, open in taken.items() if open}

    def family(self) -> list[psutil.Process]:
        """The process and its children."""
        try:
            parent = psutil.Process(self.popen.pid)
            return [parent, *parent.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def kill(self) -> None:
        """Kill the whole family at once, as the machine's end would."""
        for process in self.family():
            with_signal(process, signal.SIGKILL)
        self.popen.wait(10)

    def stop(self) -> None:
        """End it in good order, or else by force."""
        self.popen.terminate()
        try:
            self.popen.wait(15)
        except subprocess.TimeoutExpired:
            self.kill()


def with_signal(process: psutil.Process, number: int) -> None:
    """Send a signal to a process that may just have ended."""
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return


@contextmanager
def database_held() -> Iterator[None]:
    """Keep everyone else from writing lives, as a slow disk would."""
    with transaction.atomic():  # SQLite takes the write lock at once
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("LOCK TABLE game_player IN EXCLUSIVE MODE")
        yield


def rabbitmqctl(*words: str) -> None:
    """Tell RabbitMQ's own tool to do something; raises what subprocess raises."""
    command = shutil.which("rabbitmqctl") or "/usr/sbin/rabbitmqctl"  # not on every user's path
    subprocess.run([command, "-q", *words], check=True, capture_output=True, timeout=30)


@contextmanager
def worker(folder: Path, name: str = "worker", **environment: str) -> Iterator[Process]:
    """A worker with two children that is ready; its log is in `folder`."""
    words = ["worker", "-n", f"{name}-{os.getpid()}@test", "-I", "tests.live.probe_tasks"]
    process = Process(words, folder / f"{name}.log", **environment)
    try:
        until(lambda: process.says(" ready."), "the worker was ready", READY_SECONDS)
        yield process
    finally:
        process.stop()


@contextmanager
def beat(folder: Path, **environment: str) -> Iterator[Process]:
    """A beat that has started; its schedule file is its own."""
    words = ["beat", "--schedule", str(folder / "schedule")]
    process = Process(words, folder / "beat.log", **environment)
    try:
        until(lambda: process.says("beat: Starting..."), "beat had started", READY_SECONDS)
        yield process
    finally:
        process.stop()
