"""What the supervisor and its children say: to the terminal, and into bounded log files."""

import os
import queue
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import IO

TERMINAL_LINES = 1_000  # lines that wait for a terminal that is stopped (Ctrl-S) or slow
LOG_BYTES = 5 * 1024 * 1024  # a log file; one older is kept beside it
COLOURS = {"web": 36, "engine": 32, "worker": 33, "beat": 35, "valkey": 31, "kogame": 1}


class LogFile:
    """A file that holds the last LOG_BYTES of lines, and in `.1` those before."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.file: IO[bytes] = path.open("ab")

    def write(self, line: str) -> None:
        """Append a line; a full disk loses it, since a log must not stop the game."""
        with suppress(OSError):
            if self.file.closed:  # the disk was full when it was to be exchanged
                self.file = self.path.open("ab")
            self.file.write(line.encode(errors="replace") + b"\n")
            self.file.flush()
            if self.file.tell() > LOG_BYTES:
                self.file.close()
                self.path.replace(self.path.with_suffix(".log.1"))
                self.file = self.path.open("ab")


class Voice:
    """Lines with the name of who says them.

    A thread writes them to the terminal. When it cannot keep up, lines are left out there and
    counted (the logs have them): a terminal that is held must not stop a game.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.files: dict[str, LogFile] = {}
        self.lines: queue.Queue[str | None] = queue.Queue(TERMINAL_LINES)
        self.left_out = 0
        self.colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        self.thread = threading.Thread(target=self._print, name="terminal", daemon=True)
        self.thread.start()

    def log(self, name: str, line: str) -> None:
        """Write a line into the log file of that name only."""
        if name not in self.files:
            self.files[name] = LogFile(self.folder / f"{name}.log")
        self.files[name].write(line)

    def line(self, name: str, line: str) -> None:
        """Say a line of a child: with its name in front, and into its log file."""
        self.log(name, line)
        self._show(f"{self._name(name)} {line}")

    def say(self, text: str) -> None:
        """Say something of the supervisor's own."""
        for line in text.split("\n"):
            self.line("kogame", line)

    def plain(self, text: str) -> None:
        """Show text as it is, without a name."""
        self._show(text)

    def close(self) -> None:
        """Wait a moment for the terminal."""
        with suppress(queue.Full):
            self.lines.put(None, timeout=1)
            self.thread.join(1)

    def _name(self, name: str) -> str:
        padded = f"{name:<6} |"
        return f"\033[{COLOURS.get(name, 0)}m{padded}\033[0m" if self.colour else padded

    def _show(self, text: str) -> None:
        try:
            self.lines.put_nowait(text)
        except queue.Full:
            self.left_out += 1

    def _print(self) -> None:
        while (text := self.lines.get()) is not None:
            with suppress(OSError, ValueError):  # a terminal that was closed
                if self.left_out:
                    missed, self.left_out = self.left_out, 0
                    print(f"… {missed} lines left out here; they are in {self.folder}")
                print(text, flush=True)
