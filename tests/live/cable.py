"""A network cable between a browser and the site, which a test can cut."""

import asyncio
from urllib.parse import urlsplit


class Cable:
    """Passes bytes on to an address; `async with` lays it."""

    def __init__(self, to: str) -> None:
        self._to = urlsplit(to)
        self._server: asyncio.Server | None = None
        self._port = 0
        self._ends: set[asyncio.StreamWriter] = set()
        self._passing: set[asyncio.Task[None]] = set()

    @property
    def address(self) -> str:
        """Where browsers go."""
        return f"http://127.0.0.1:{self._port}"

    async def __aenter__(self) -> "Cable":
        await self.mend()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.cut()
        await asyncio.gather(*self._passing, return_exceptions=True)

    def cut(self) -> None:
        """End every connection without a goodbye, and let no new one through."""
        if self._server is not None:
            self._server.close()
        for end in self._ends:
            end.transport.abort()

    async def mend(self, to: str = "") -> None:
        """Let connections through again, at the same address; they may lead somewhere else."""
        if to:
            self._to = urlsplit(to)
        self._server = await asyncio.start_server(self._join, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(self._to.hostname, self._to.port)
        for source, target in ((reader, back), (there, writer)):
            self._ends.add(target)
            task = asyncio.create_task(self._pass(source, target))
            self._passing.add(task)
            task.add_done_callback(self._passing.discard)

    async def _pass(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65_536):
                target.write(data)
                await target.drain()
        except OSError:
            pass  # cut: the other end hears of it below
        finally:
            target.close()
            self._ends.discard(target)
