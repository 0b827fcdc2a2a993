"""A network of a test's own between clients and a service: cut, frozen, delayed or narrowed."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import SplitResult, urlsplit

CHUNK = 65_536  # bytes read at once
UNDER_WAY = 32  # chunks held each way while they are delayed; then the sender waits, as on a line
CONNECT_SECONDS = 2.0  # s until a service that does not take a connection counts as refusing it
CALL_SECONDS = 5.0  # s that laying, cutting or mending may take
PORTS = {"http": 80, "redis": 6379, "amqp": 5672, "postgres": 5432, "postgresql": 5432}


class Proxy:
    """Passes bytes on from a port of this machine; a `with` block lays it, in a thread of its own.

    A service is named by its URL (`http://`, `redis://`, `amqp://`, `postgres://`, or
    `unix:///path` for a Redis). Of several, connections go to each in turn, past those that refuse.
    """

    def __init__(self, *to: str) -> None:
        self.delay = 0.0  # s that every byte takes longer, each way
        self.rate = 0  # bytes a second that pass of each connection, each way; 0: all
        self.joined = 0  # connections so far
        self._to = [urlsplit(service) for service in to]
        self._port = 0
        self._whole = True
        self._ends: set[asyncio.StreamWriter] = set()
        self._passing: set[asyncio.Task[None]] = set()
        self._moving = asyncio.Event()  # not set: bytes stand still where they are
        self._loop: asyncio.AbstractEventLoop

    # --- What a test does --------------------------------------------------------------------
    @property
    def url(self) -> str:
        """The first service's URL, by way of this proxy."""
        to, place = self._to[0], f"127.0.0.1:{self._port}"
        if to.scheme == "unix":
            return f"redis://{place}/0"
        login, at, _ = to.netloc.rpartition("@")
        return to._replace(netloc=f"{login}{at}{place}").geturl()

    @property
    def open(self) -> int:
        """Connections that pass through it now."""
        return len(self._ends) // 2

    def __enter__(self) -> "Proxy":
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._thread.start()
        self._do(self._lay)
        return self

    def __exit__(self, *_: object) -> None:
        self._do(self._take_up)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(CALL_SECONDS)
        self._loop.close()

    def cut(self) -> None:
        """End every connection without a goodbye, and let no new one through."""
        self._do(self._cut)

    def mend(self, *to: str) -> None:
        """Let connections through again, from the same port; they may lead somewhere else."""
        if to:
            self._to = [urlsplit(service) for service in to]
        self._whole = True

    def freeze(self) -> None:
        """Be a black hole: connections stay, and new ones are taken, but no byte arrives."""
        self._loop.call_soon_threadsafe(self._moving.clear)

    def thaw(self) -> None:
        """Let bytes move again; none was lost, as TCP would send them again."""
        self._loop.call_soon_threadsafe(self._moving.set)

    # --- In its thread -----------------------------------------------------------------------
    def _do(self, what: Callable[[], Awaitable[None]]) -> None:
        async def bounded() -> None:
            async with asyncio.timeout(CALL_SECONDS):
                await what()

        asyncio.run_coroutine_threadsafe(bounded(), self._loop).result(2 * CALL_SECONDS)

    async def _lay(self) -> None:
        self._moving.set()
        self._server = await asyncio.start_server(self._join, "127.0.0.1", 0, backlog=1024)
        self._port = self._server.sockets[0].getsockname()[1]

    async def _cut(self) -> None:
        self._whole = False
        for end in list(self._ends):
            end.transport.abort()

    async def _take_up(self) -> None:
        self._server.close()
        await self._cut()
        await finish(list(self._passing))
        joins = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.gather(*joins, return_exceptions=True)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far = await self._reach() if self._whole else None
        if far is None or not self._whole:
            for end in (writer, *far[1:]) if far else (writer,):
                end.transport.abort()
            return
        self.joined += 1
        there, back = far
        ends = {writer, back}
        self._ends |= ends
        ways = [self._pass(reader, back), self._pass(there, writer)]
        tasks = [asyncio.create_task(way) for way in ways]
        self._passing.update(tasks)
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:  # one end has gone: so has the other, once it has what was under way to it
            self._passing.difference_update(tasks)
            self._ends -= ends
            for end in ends:
                end.close()
            await finish(tasks)

    async def _reach(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        """A connection to the next service that takes one."""
        for _ in range(len(self._to)):
            to = self._to.pop(0)
            self._to.append(to)
            try:
                async with asyncio.timeout(CONNECT_SECONDS):
                    return await connection(to)
            except OSError:  # its time-out is one, too
                continue
        return None

    async def _pass(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        line: Line = asyncio.Queue(UNDER_WAY)
        ways = [self._depart(source, line), self._arrive(line, target)]
        tasks = [asyncio.create_task(way) for way in ways]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            await finish(tasks)

    async def _depart(self, source: asyncio.StreamReader, line: "Line") -> None:
        while data := await source.read(self._portion()):
            await line.put((self._loop.time() + self.delay, data))
        await line.put((0.0, b""))

    async def _arrive(self, line: "Line", target: asyncio.StreamWriter) -> None:
        while True:
            due, data = await line.get()
            if not data:
                return
            await asyncio.sleep(max(0.0, due - self._loop.time()))
            await self._moving.wait()
            target.write(data)
            await target.drain()
            if self.rate:
                await asyncio.sleep(len(data) / self.rate)

    def _portion(self) -> int:
        return max(1, min(CHUNK, self.rate // 20)) if self.rate else CHUNK


Line = asyncio.Queue[tuple[float, bytes]]  # bytes under way, and when each is due


async def finish(tasks: list[asyncio.Task[None]]) -> None:
    """End tasks; that a connection broke meanwhile is what a proxy is for."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def connection(to: SplitResult) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect to a service by its URL; raises OSError."""
    if to.scheme == "unix":
        return await asyncio.open_unix_connection(to.path)
    port: Any = to.port or PORTS[to.scheme]
    return await asyncio.open_connection(to.hostname, port)
