"""A web process that tells on SIGUSR1 how many asyncio tasks and how much garbage it has.

`python -m tests.live.faults.watched_web FILE --port PORT` runs one. Each line in the file has the
tasks, and the objects that only the garbage collector could free since the line before. It is off
meanwhile: what ends must be freed without it, for it looks at what is old once in days.
"""

import kogame.server  # first: it installs Twisted's reactor on an asyncio loop  # isort: skip
import asyncio
import gc
import signal
import sys
from pathlib import Path
from typing import Any


def watch(told: Path) -> None:
    """Answer SIGUSR1, once the server's loop is there."""
    gc.disable()

    def tell(*_: Any) -> None:
        tasks = len(asyncio.all_tasks(asyncio.get_event_loop()))
        with told.open("a") as file:
            file.write(f"{tasks} {gc.collect()}\n")

    signal.signal(signal.SIGUSR1, tell)


if __name__ == "__main__":
    watch(Path(sys.argv.pop(1)))
    sys.exit(kogame.server.main())
