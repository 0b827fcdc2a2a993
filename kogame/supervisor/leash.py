"""The leash: whatever happens to the supervisor, nothing that it started stays behind.

Standard library only, run by path with `python -I -S`: it starts in ten milliseconds.

`leash.py hold FD COMMAND…` tells the watcher its process group, then becomes the command. The word
is out before the command runs, so there is no moment in which a process is unknown to the watcher.

`leash.py watch` reads lines from its standard input: `+123` and `-123` for groups that came and
went, `/path` for a folder that must not stay. The input ends when the supervisor does, even by
kill -9; then the watcher kills what is left and removes the folders.
"""

import os
import shutil
import signal
import sys
import time
from contextlib import suppress

GONE_SECONDS = 3.0  # a killed process is gone in milliseconds, unless the disk holds it


def hold(argv: list[str]) -> None:
    """Report to the watcher and become the command."""
    pipe = int(argv[0])
    os.write(pipe, b"+%d\n" % os.getpid())
    os.close(pipe)
    try:
        os.execvp(argv[1], argv[1:])
    except OSError as error:
        sys.exit(f"{argv[1]} cannot be started: {error.strerror}")


def watch() -> None:
    """Wait for the end of the supervisor, then clean up."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups: set[int] = set()
    folders: set[str] = set()
    for line in sys.stdin:
        word = line.rstrip("\n")
        if word.startswith("+"):
            groups.add(int(word[1:]))
        elif word.startswith("-"):
            groups.discard(int(word[1:]))
        elif word:
            folders.add(word)
    deadline = time.monotonic() + GONE_SECONDS
    while groups and time.monotonic() < deadline:
        groups = {group for group in groups if _kill(group)}
        time.sleep(0.01)
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def _kill(group: int) -> bool:
    """Kill a process group; False when nothing of it is left."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)
        return True
    return False


if __name__ == "__main__":
    if sys.argv[1] == "hold":
        hold(sys.argv[2:])
    else:
        watch()
