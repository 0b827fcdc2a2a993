"""Kogame's own processes, started for a test and gone with it."""

import contextlib
import functools
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent


def free_port() -> int:
    """A TCP port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait(so: Callable[[], object], seconds: float = 20.0, what: str = "it") -> None:
    """Wait until a condition holds; AssertionError after `seconds`."""
    deadline = time.monotonic() + seconds
    while not so():
        assert time.monotonic() < deadline, f"{what} did not happen within {seconds} s"
        time.sleep(0.02)


def answers_at(port: int) -> bool:
    """Whether anybody listens on a TCP port of this machine."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def answers(url: str) -> bool:
    """Whether a page answers with success."""
    try:
        with urllib.request.urlopen(url, timeout=2) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


@contextlib.contextmanager
def process(*command: str, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process of its own group in the project's folder; killed at the end, children too."""
    started = subprocess.Popen(
        [sys.executable, *command],
        cwd=ROOT,
        env=os.environ | environment,
        start_new_session=True,
    )
    try:
        yield started
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(started.pid, signal.SIGKILL)
        started.wait(10)


@functools.cache
def migrated() -> None:
    """Bring the database of this run's processes (not the one of the tests) up to date."""
    subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=ROOT, check=True)


@contextlib.contextmanager
def web(**environment: str) -> Iterator[str]:
    """A web process; its address once it answers."""
    migrated()
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    with process("-m", "kogame.server", "--port", str(port), **environment) as started:
        wait(lambda: started.poll() is not None or answers(f"{base}/healthz"), 30, "the web start")
        assert started.poll() is None, "the web process ended"
        yield base


@contextlib.contextmanager
def engine(**environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """An engine process."""
    with process("manage.py", "runengine", **environment) as started:
        yield started
