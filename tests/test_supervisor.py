"""`make run`, for real: starts all, mends what dies, leaves nothing behind however it ends."""

import contextlib
import os
import queue
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

BASE = Path(__file__).resolve().parent.parent
START_SECONDS = 40  # a machine that is busy with other tests
CHILDREN = {"valkey", "engine", "web", "worker", "beat"}


class Run:
    """A supervisor on a free port, with its own state folder."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.state = folder / "state of a run"  # a path with spaces is a path too
        self.temporary = folder / "t"
        self.temporary.mkdir(exist_ok=True)
        self.port = environment.pop("PORT", None) or str(free_port())
        own = {"KOGAME_STATE_DIR", "REDIS_URL", "DATABASE_URL", "CELERY_BROKER_URL", "KOGAME_ENV"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "kogame.supervisor"],
            cwd=BASE,
            env={
                **{name: value for name, value in os.environ.items() if name not in own},
                "KOGAME_STATE_DIR": str(self.state),
                "TMPDIR": str(self.temporary),
                "PORT": self.port,
                **environment,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.said: list[str] = []
        self.lines: queue.Queue[str] = queue.Queue()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        self.seen: set[psutil.Process] = set()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(line)
            self.lines.put(line)

    def wait_for(self, pattern: str) -> str:
        """Wait until a line says so."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(queue.Empty):
                line = self.lines.get(timeout=0.1)
                if re.search(pattern, line):
                    return line
            if (
                self.process.poll() is not None
                and self.lines.empty()
                and not self.reader.is_alive()
            ):
                break
        raise AssertionError(f"nothing said {pattern!r}:\n{''.join(self.said)}")

    def family(self) -> set[psutil.Process]:
        """All processes of the run; what was seen once is remembered."""
        with contextlib.suppress(psutil.NoSuchProcess):
            self.seen |= set(psutil.Process(self.process.pid).children(recursive=True))
        return {process for process in self.seen if alive(process)}

    def child(self, name: str) -> psutil.Process:
        """The process of that name."""
        words = {
            "valkey": "redis.sock",
            "engine": "runengine",
            "web": "kogame web",
            "worker": "celeryd",
        }[name]
        direct = psutil.Process(self.process.pid).children()
        found = [p for p in direct if words in " ".join(p.cmdline())]
        assert found, [p.cmdline() for p in direct]
        return found[0]

    def end(self, number: int) -> str:
        """Send a signal, wait for the end, and return all that was said."""
        self.family()
        self.process.send_signal(number)
        self.process.wait(START_SECONDS)
        self.reader.join(START_SECONDS)
        return "".join(self.said)

    def leaves_nothing(self) -> bool:
        """Whether no process, no socket and no lock is left."""
        return not self.family() and not list(self.temporary.iterdir()) and port_is_free(self.port)


def alive(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def port_is_free(port: str) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", int(port))) != 0


def until(what: Callable[[], object], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, f"not so within {seconds} s"
        time.sleep(0.02)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short path: a unix socket's is 100 characters at most."""
    path = Path(tempfile.mkdtemp(prefix="kg-s-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def start(folder: Path) -> Iterator[Callable[..., Run]]:
    """Start supervisors; whatever a test leaves of them ends with it."""
    runs: list[Run] = []

    def begin(**environment: str) -> Run:
        runs.append(Run(folder, **environment))
        return runs[-1]

    yield begin
    for run in runs:
        family = run.family()
        for process in (*family, run.process):
            with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
                process.kill()
        run.process.wait()
        run.reader.join(5)
        assert run.process.stdout is not None
        run.process.stdout.close()


def test_it_starts_everything_says_where_and_leaves_nothing(start: Callable[..., Run]) -> None:
    run = start()
    run.wait_for("Kogame is ready")
    assert f"http://127.0.0.1:{run.port}/" in run.wait_for("Play")
    login = run.wait_for("Admin")
    password = re.search(r"log in as admin with (\S+)\)", login)
    assert password is not None
    assert (run.state / "admin-password").read_text().strip() == password[1]
    assert (run.state / "admin-password").stat().st_mode & 0o077 == 0
    with urllib.request.urlopen(f"http://127.0.0.1:{run.port}/readyz", timeout=5) as answer:
        assert answer.status == 200
    assert {path.stem for path in (run.state / "logs").glob("*.log")} >= CHILDREN - {"engine"}

    said = run.end(signal.SIGINT)

    assert run.process.returncode == 0, said
    assert run.leaves_nothing()
    assert not (run.state / "redis.url").exists()


def test_it_leaves_nothing_when_it_is_killed(start: Callable[..., Run]) -> None:
    run = start()
    run.wait_for("Kogame is ready")
    assert len(run.family()) > len(CHILDREN)

    run.end(signal.SIGKILL)

    until(run.leaves_nothing)


def test_it_leaves_nothing_when_it_is_killed_while_it_starts(start: Callable[..., Run]) -> None:
    run = start()
    until(run.family)
    until(lambda: any(run.temporary.iterdir()))
    run.end(signal.SIGKILL)
    until(run.leaves_nothing)


@pytest.mark.parametrize("name", ["engine", "valkey"])
def test_a_child_that_dies_is_started_again(start: Callable[..., Run], name: str) -> None:
    run = start()
    run.wait_for("Kogame is ready")
    before = run.child(name)
    run.family()

    before.kill()

    assert "starting it again in 0.5 s" in run.wait_for(f"{name} was killed by SIGKILL")
    until(lambda: any(p != before for p in [child_or_none(run, name)] if p is not None))
    until(lambda: answer(run) == 200)
    assert run.end(signal.SIGTERM)
    assert run.process.returncode == 0
    assert run.leaves_nothing()


def child_or_none(run: Run, name: str) -> psutil.Process | None:
    try:
        return run.child(name)
    except (AssertionError, psutil.NoSuchProcess):
        return None


def answer(run: Run) -> int:
    """The status of the readiness page; 0 when there is none."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{run.port}/readyz", timeout=5) as page:
            return int(page.status)
    except OSError as error:
        return int(getattr(error, "code", 0))


def test_a_taken_port_is_said_with_what_to_do(start: Callable[..., Run]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        run = start(PORT=str(port))
        line = run.wait_for("cannot start")
        assert f"port {port}" in line
        assert f"make run PORT={port + 1}" in line
        assert run.process.wait(START_SECONDS) == 1


def test_a_second_start_in_the_same_folder_is_refused(start: Callable[..., Run]) -> None:
    first = start()
    until(lambda: any(first.temporary.iterdir()))
    second = start()
    assert "already runs from this folder" in second.wait_for("cannot start")
    assert second.process.wait(START_SECONDS) == 1


def test_a_wrong_redis_url_is_said_once_and_ends_it(start: Callable[..., Run]) -> None:
    run = start(REDIS_URL="http://example.org")
    run.wait_for("REDIS_URL is not an address Redis understands")
    assert run.process.wait(START_SECONDS) == 1
    assert run.leaves_nothing()


def test_make_help_lists_every_target() -> None:
    """The frequent commands have short names, and `make help` says them all."""
    said = subprocess.run(
        ["make", "help"], cwd=BASE, capture_output=True, text=True, check=True
    ).stdout
    rules = set(re.findall(r"^([a-z][a-z-]*):", (BASE / "Makefile").read_text(), re.MULTILINE))
    assert {"help", "run", "test", "check", "bench", "fmt", "clean", "t", "js", "sh"} <= rules
    assert set(re.findall(r"^  make (\S+)", said, re.MULTILINE)) == rules
