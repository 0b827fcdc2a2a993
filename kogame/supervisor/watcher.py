"""The supervisor's end of the leash: a process that outlives it just long enough to clean up."""

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

LEASH = str(Path(__file__).with_name("leash.py"))
PYTHON = (sys.executable, "-I", "-S", LEASH)
WAIT_SECONDS = 10.0  # the watcher's own clean-up takes at most three


class Watcher:
    """The process that kills every child's group and removes the folders when this one dies.

    It shares the lock on the state folder, which is so free only when all is cleaned up.
    """

    def __init__(self, lock: int) -> None:
        ours = os.pipe()
        self.pipe = ours[1]
        with os.fdopen(ours[0], "rb") as theirs:
            self.process = subprocess.Popen(
                [*PYTHON, "watch"], stdin=theirs, pass_fds=(lock,), start_new_session=True
            )

    def command(self, command: list[str]) -> list[str]:
        """A command that reports itself to the watcher; it must inherit `pipe`."""
        return [*PYTHON, "hold", str(self.pipe), *command]

    def gone(self, group: int) -> None:
        """A process group has ended."""
        self._tell(f"-{group}\n")

    def folder(self, path: Path) -> None:
        """A folder that must not stay behind."""
        self._tell(f"{path}\n")

    def close(self) -> None:
        """Let the watcher clean up and end."""
        os.close(self.pipe)
        try:
            self.process.wait(WAIT_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()

    def _tell(self, line: str) -> None:
        with suppress(BrokenPipeError):  # it was killed; the supervisor stops on that by itself
            os.write(self.pipe, line.encode())
