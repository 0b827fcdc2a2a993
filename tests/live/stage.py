"""All of Kogame on a Redis, a broker and a database of a test's own, each with its log."""

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any

from tests.live.fleet import ROOT, until
from tests.processes import answers, free_port

START_SECONDS = 40  # a process takes 1 to 3 s; the machine may be busy
COMMANDS: dict[str, Callable[[int], list[str]]] = {
    "web": lambda port: ["-m", "kogame.server", "--port", str(port)],
    "engine": lambda port: ["manage.py", "runengine"],
    "worker": lambda port: ["-m", "celery", "-A", "kogame", "--quiet", "worker", "-c", "1"],
    "beat": lambda port: ["-m", "celery", "-A", "kogame", "--quiet", "beat", "--pidfile", ""],
    "run": lambda port: ["-m", "kogame.supervisor"],
}


def environment(folder: Path, redis_url: str, **more: str) -> dict[str, str]:
    """The environment of processes that know nothing of the test run's own services."""
    own = {"REDIS_URL": redis_url, "KOGAME_STATE_DIR": str(folder)}
    unset = {"DATABASE_URL": "", "CELERY_BROKER_URL": ""}
    return {**os.environ, **unset, **own, **more}


def start(kind: str, log: Path, env: dict[str, str], port: int) -> subprocess.Popen[bytes]:
    """Start a process of a kind; what it says goes to the log."""
    with log.open("ab") as file:
        command = [sys.executable, *COMMANDS[kind](port)]
        return subprocess.Popen(
            command, cwd=ROOT, env=env, stdout=file, stderr=file, start_new_session=True
        )


def end(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and all it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


class Stage:
    """Running processes, and what a visitor asks of them."""

    def __init__(self, folder: Path, env: dict[str, str]) -> None:
        self.folder, self.env = folder, env
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self._seen = dict.fromkeys(COMMANDS, 0)  # how much of each log was looked through
        self.visitor = urllib.request.build_opener(
            urllib.request.HTTPCookieProcessor(CookieJar()), urllib.request.ProxyHandler({})
        )

    def start(self, *kinds: str) -> None:
        """Start processes of these kinds, and wait until they serve."""
        for kind in kinds:
            log = self.folder / f"{kind}.log"
            self.running[kind] = start(kind, log, self.env, self.port)
        for kind in kinds:
            until(lambda kind=kind: self._ready(kind), f"the {kind} was ready", START_SECONDS)

    def _ready(self, kind: str) -> bool:
        assert self.running[kind].poll() is None, self.said(kind)[-3000:]
        if kind == "web":
            return answers(f"{self.base}/readyz")
        return kind != "worker" or " ready." in self.said(kind)

    def said(self, kind: str) -> str:
        """The log of a kind of process."""
        log = self.folder / f"{kind}.log"
        return log.read_text(errors="replace") if log.exists() else ""

    def tracebacks(self) -> list[str]:
        """The kinds of process that logged one since this was last asked."""
        seen, self._seen = self._seen, {kind: len(self.said(kind)) for kind in self.running}
        return [kind for kind in seen if "Traceback" in self.said(kind)[seen[kind] :]]

    def get(self, path: str) -> tuple[int, str]:
        """Status and text of a page."""
        return self._ask(urllib.request.Request(self.base + path))

    def post(self, path: str, **wish: Any) -> tuple[int, Any]:
        """Status and answer of a request as the lobby's script makes it."""
        _, page = self.get("/how/")
        token = page.partition('name="csrf-token" content="')[2].partition('"')[0]
        headers = {"X-CSRFToken": token, "Content-Type": "application/json"}
        body = json.dumps(wish).encode()
        status, text = self._ask(urllib.request.Request(self.base + path, body, headers))
        return status, json.loads(text)

    def _ask(self, request: urllib.request.Request) -> tuple[int, str]:
        try:
            with self.visitor.open(request, timeout=10) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def a_room(self, **wish: Any) -> str:
        """A new room: small, walled and without rocks unless wished otherwise."""
        status, answer = self.post("/api/rooms", **{"size": "small", **wish})
        assert status == 201, answer
        return str(answer["room"])

    def stop(self) -> None:
        """End all, by force."""
        for process in self.running.values():
            end(process)


@contextmanager
def disk(folder: Path, megabytes: int) -> Iterator[bool]:
    """A small disk of its own at a folder; False where this user may not mount one."""
    size = f"size={megabytes}m"
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(folder)], check=False, capture_output=True
    )
    try:
        yield mounted.returncode == 0
    finally:
        if mounted.returncode == 0:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def migrated(folder: Path, env: dict[str, str]) -> Iterator[Stage]:
    """A stage whose database has its tables; ended afterwards."""
    command = [sys.executable, "manage.py", "migrate", "-v0"]
    subprocess.run(command, cwd=ROOT, env=env, check=True)
    stage = Stage(folder, env)
    try:
        yield stage
    finally:
        stage.stop()
