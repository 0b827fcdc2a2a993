"""`python -m kogame.supervisor`: start Kogame on this machine, and stop it on Ctrl-C."""

import argparse
import asyncio
import fcntl
import os
import signal
import socket
import sys
import time
from pathlib import Path

import environ
import setproctitle

from kogame.supervisor.child import NotStarted
from kogame.supervisor.stack import BASE, Stack
from kogame.supervisor.valkey import NoServer
from kogame.supervisor.voice import Voice
from kogame.supervisor.watcher import Watcher

LOCK_SECONDS = 5.0  # a supervisor that was killed leaves the lock to its watcher for that long
BACKLOG = 512  # connections that wait while the web process starts again
PARENT_EVERY = 1.0  # seconds between looks at whether make is still there


class Refused(Exception):
    """Kogame cannot be started here; the text says why and what to do."""


def main() -> int:
    """Run until told to stop; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m kogame.supervisor", description=__doc__)
    parser.add_argument("--with-parent", action="store_true", help="stop when the parent is gone")
    options = parser.parse_args()
    environ.Env.read_env(BASE / ".env")
    os.environ.setdefault("KOGAME_ENV", "development")
    state = Path(os.environ.setdefault("KOGAME_STATE_DIR", str(BASE / ".run"))).resolve()
    os.environ["KOGAME_STATE_DIR"] = str(state)
    setproctitle.setproctitle("kogame supervisor")
    try:
        lock = take_lock(state)
        listener = listen()
    except Refused as error:
        print(f"Kogame cannot start: {error}", file=sys.stderr)
        return 1
    watcher = Watcher(lock)
    try:
        return asyncio.run(run(state, listener, watcher, options.with_parent))
    finally:
        watcher.close()


def take_lock(state: Path) -> int:
    """Lock the state folder itself, so that no lock file stays; raises Refused."""
    try:
        state.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(state, os.O_RDONLY)
    except OSError as error:
        raise Refused(
            f"{state} cannot be used ({error.strerror}). Set KOGAME_STATE_DIR to another folder."
        ) from error
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return descriptor
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise Refused(
                    f"it already runs from this folder ({state} is in use). Play there, or stop "
                    "it with Ctrl-C where it runs."
                ) from None
            time.sleep(0.05)


def listen() -> socket.socket:
    """The socket of the web process, kept open over its restarts; raises Refused."""
    host, port = os.environ.get("HOST", "127.0.0.1"), os.environ.get("PORT", "8000")
    if not port.isdigit() or not 0 < int(port) < 65536:
        raise Refused(f"PORT is {port!r}; it must be a number from 1 to 65535.")
    listener = socket.socket(socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, int(port)))
        listener.listen(BACKLOG)
    except OSError as error:
        raise Refused(
            f"port {port} of {host} cannot be had ({error.strerror}). Stop what uses it, or choose "
            f"another: `make run PORT={int(port) + 1}`."
        ) from error
    return listener


async def run(state: Path, listener: socket.socket, watcher: Watcher, with_parent: bool) -> int:
    """Start all, wait for the end, stop all; returns the exit code."""
    began = time.monotonic()
    voice = Voice(state / "logs")
    stack = Stack(state, listener, voice, watcher)
    over = asyncio.Event()
    signals(over, stack)
    guards = {asyncio.create_task(over.wait()), asyncio.create_task(watcher_gone(watcher, voice))}
    if with_parent:
        guards.add(asyncio.create_task(parent_gone(os.getppid())))
    starting = asyncio.create_task(stack.start())
    code = 0
    try:
        await asyncio.wait({starting, *guards}, return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            starting.result()
            voice.plain(welcome(stack, time.monotonic() - began))
            write_address(state)
            await asyncio.wait(guards, return_when=asyncio.FIRST_COMPLETED)
        voice.say("stopping …")
    except* (NotStarted, NoServer) as errors:
        voice.say("\n".join(str(error) for error in errors.exceptions[:1]))
        code = 1
    finally:
        starting.cancel()
        await asyncio.wait({starting})
        await stack.stop()
        (state / "redis.url").unlink(missing_ok=True)
        voice.say("stopped.")
        voice.close()
        for guard in guards:
            guard.cancel()
    return code


def write_address(state: Path) -> None:
    """Leave a note of this run's Redis, for commands that are started by hand beside it."""
    file = state / "redis.url"
    file.touch(mode=0o600)
    file.write_text(os.environ["REDIS_URL"] + "\n")


def signals(over: asyncio.Event, stack: Stack) -> None:
    """Stop on the first signal, kill on the second."""

    def stop() -> None:
        if over.is_set():
            stack.kill()
        over.set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop)


async def parent_gone(parent: int) -> None:
    """Return when the process that started this one has ended without a word."""
    while os.getppid() == parent:
        await asyncio.sleep(PARENT_EVERY)


async def watcher_gone(watcher: Watcher, voice: Voice) -> None:
    """Return when the watcher was killed: without it, nothing may go on running."""
    while watcher.process.poll() is None:
        await asyncio.sleep(PARENT_EVERY)
    voice.say("the process that cleans up after a crash was killed; nothing runs without it.")


def welcome(stack: Stack, seconds: float) -> str:
    """What a person needs to know, in the order they need it."""
    host = stack.listener.getsockname()[0]
    address = f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{stack.port}"  # noqa: S104
    lines = [
        "",
        f"  Kogame is ready, after {seconds:.1f} s.",
        "",
        f"  Play     {address}/",
        f"  Admin    {address}/admin/" + (f"  ({stack.admin})" if stack.admin else ""),
        f"  Logs     {stack.voice.folder}",
        "",
        "  Ctrl-C stops everything.",
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
