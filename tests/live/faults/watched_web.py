"""A web process that tells on SIGUSR1 how many asyncio tasks and bytes it has, as a line in a file.

`python -m tests.live.faults.watched_web FILE --port PORT` runs one; with PYTHONMALLOC=malloc, for
the bytes are those that the C library has given out and not got back.
"""

import kogame.server  # first: it installs Twisted's reactor on an asyncio loop  # isort: skip
import asyncio
import ctypes
import gc
import signal
import sys
from pathlib import Path
from typing import Any

FIELDS = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost"


class Given(ctypes.Structure):
    """What mallinfo2() of the GNU C library says."""

    _fields_ = [(name, ctypes.c_size_t) for name in FIELDS.split()]


def in_use() -> int:
    """Bytes in use, in the heap and beside it; a memory of what was once in use is not counted."""
    ask = ctypes.CDLL(None).mallinfo2
    ask.restype = Given
    given = ask()
    return int(given.uordblks + given.hblkhd)


def watch(told: Path) -> None:
    """Answer SIGUSR1, once the server's loop is there."""

    def tell(*_: Any) -> None:
        gc.collect()
        tasks = len(asyncio.all_tasks(asyncio.get_event_loop()))
        with told.open("a") as file:
            file.write(f"{tasks} {in_use()}\n")

    signal.signal(signal.SIGUSR1, tell)


if __name__ == "__main__":
    watch(Path(sys.argv.pop(1)))
    sys.exit(kogame.server.main())
