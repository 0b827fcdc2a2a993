"""One process that the supervisor keeps alive."""

import asyncio
import os
import signal
import time
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

from kogame.supervisor.voice import Voice
from kogame.supervisor.watcher import Watcher

READY_EVERY = 0.05  # seconds between looks at whether a child is ready
READY_SECONDS = 60.0  # a machine that needs longer to start a process cannot run the game either
PAUSE_FIRST, PAUSE_MOST = 0.5, 30.0  # seconds before a dead child is started again; doubles
STEADY_SECONDS = 60.0  # a child that lived this long has earned the first pause again
LINE_BYTES = 8 * 1024  # a longer line is cut into lines
LAST_LINES = 15  # what is shown of a child that did not start


class NotStarted(Exception):
    """A child ended or stayed silent instead of becoming ready; the text says so."""


@dataclass(frozen=True)
class Spec:
    """What to run, how to see that it is ready, and how long it may take to stop."""

    name: str
    command: list[str]
    ready: Callable[[int], Awaitable[bool]]  # given its process id
    stop_seconds: float
    env: dict[str, str] = field(default_factory=dict)
    cwd: str | None = None
    files: tuple[int, ...] = ()  # descriptors it inherits
    quiet: bool = False  # what it says goes to its log file only


class Child:
    """A process of a spec: started, watched, started again when it dies, stopped."""

    def __init__(self, spec: Spec, voice: Voice, watcher: Watcher) -> None:
        self.spec = spec
        self.voice = voice
        self.watcher = watcher
        self.process: asyncio.subprocess.Process | None = None
        self.pause = PAUSE_FIRST
        self.last: deque[str] = deque(maxlen=LAST_LINES)
        self._output: asyncio.Task[None] | None = None
        self._keeper: asyncio.Task[None] | None = None

    @property
    def name(self) -> str:
        """What the child is called."""
        return self.spec.name

    async def start(self) -> None:
        """Start it and wait until it is ready; raises NotStarted with the reason."""
        process = await self._spawn()
        ended = asyncio.create_task(process.wait())
        ready = asyncio.create_task(self._ready(process.pid))
        try:
            await asyncio.wait(
                {ended, ready}, timeout=READY_SECONDS, return_when=asyncio.FIRST_COMPLETED
            )
            if not ready.done():
                await self._reap(process)
                how = ending(process.returncode) if ended.done() else "was not ready"
                raise NotStarted(self._failure(how))
        finally:
            ended.cancel()
            ready.cancel()
        self._keeper = asyncio.create_task(self._keep(process), name=f"keep {self.name}")

    async def stop(self) -> None:
        """Ask it to end, wait as long as it may take, then make it."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait({self._keeper})
        process = self.process
        if process is None:
            return
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.terminate()
            began = time.monotonic()
            try:
                async with asyncio.timeout(self.spec.stop_seconds):
                    await process.wait()
            except TimeoutError:
                self.voice.say(f"{self.name} did not stop in {self.spec.stop_seconds:.0f} s.")
            self.voice.log("kogame", f"{self.name} stopped in {time.monotonic() - began:.2f} s")
        await self._reap(process)

    def kill(self) -> None:
        """End it and all it started, now."""
        if self.process is not None:
            kill_group(self.process.pid)

    async def _spawn(self) -> asyncio.subprocess.Process:
        self.process = process = await asyncio.create_subprocess_exec(
            *self.watcher.command(self.spec.command),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **self.spec.env},
            cwd=self.spec.cwd,
            pass_fds=(self.watcher.pipe, *self.spec.files),
            start_new_session=True,  # Ctrl-C reaches the supervisor only, which stops in order
            limit=LINE_BYTES,
        )
        self.last.clear()
        self._output = asyncio.create_task(self._listen(process))
        return process

    async def _keep(self, process: asyncio.subprocess.Process) -> None:
        """Start the child again whenever it ends, until it is stopped."""
        while True:
            began = time.monotonic()
            await process.wait()
            await self._reap(process)
            if time.monotonic() - began > STEADY_SECONDS:
                self.pause = PAUSE_FIRST
            how = ending(process.returncode)
            self.voice.say(f"{self.name} {how}; starting it again in {self.pause:g} s.")
            await asyncio.sleep(self.pause)
            self.pause = min(self.pause * 2, PAUSE_MOST)
            process = await self._spawn()

    async def _ready(self, pid: int) -> None:
        while not await self.spec.ready(pid):
            await asyncio.sleep(READY_EVERY)

    async def _listen(self, process: asyncio.subprocess.Process) -> None:
        """Pass on what the child says, line by line."""
        assert process.stdout is not None
        while chunk := await self._line(process.stdout):
            line = chunk.decode(errors="replace").rstrip()
            if line:
                self.last.append(line)
                # What only informs would scroll the address away; it is in the log file.
                hidden = self.spec.quiet or " INFO " in line or " DEBUG " in line
                tell = self.voice.log if hidden else self.voice.line
                tell(self.name, line)

    @staticmethod
    async def _line(stream: asyncio.StreamReader) -> bytes:
        try:
            return await stream.readuntil(b"\n")
        except asyncio.IncompleteReadError as error:
            return error.partial
        except asyncio.LimitOverrunError:
            return await stream.read(LINE_BYTES)

    async def _reap(self, process: asyncio.subprocess.Process) -> None:
        """See a process that ended, or must, and all it started, to the end."""
        kill_group(process.pid)
        await process.wait()
        self.watcher.gone(process.pid)
        if self._output is not None:
            await asyncio.wait({self._output}, timeout=1)  # a stray reader must not hold us up

    def _failure(self, how: str) -> str:
        if not self.spec.quiet:
            return f"{self.name} {how}; the reason is above."
        said = "\n".join(f"    {line}" for line in self.last) or "    (it said nothing)"
        return f"{self.name} {how}. The last it said:\n{said}"


def kill_group(pid: int) -> None:
    """Kill a child with all it started."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def ending(code: int | None) -> str:
    """How a process ended, for people."""
    if code is not None and code < 0:
        return f"was killed by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"
