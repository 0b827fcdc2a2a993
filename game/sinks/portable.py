"""The way out that every ASGI server has."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from game.sinks.frames import BEHIND_BYTES

Send = Callable[[dict[str, Any]], Awaitable[None]]


class PortableSink:
    """Sends through ASGI from a task of its own, so that a server that waits holds up no one."""

    def __init__(self, send: Send, *, text: bool = False) -> None:
        self._send = send
        self._text = text
        self._queue: deque[bytes] = deque()
        self._size = 0
        self._some = asyncio.Event()
        self._closed = False

    def write(self, messages: Sequence[bytes]) -> int:
        """Queue messages; the caller stops while `behind`, which bounds the queue."""
        if self._closed:
            return 0
        size = sum(map(len, messages))
        self._queue.extend(messages)
        self._size += size
        self._some.set()
        return size

    def straight(self, on_wait: Callable[[], None]) -> None:
        """There is no way past the server."""

    def finish(self, rest: bytes) -> None:
        """Nothing is left over: the server takes messages whole."""

    def let_go(self) -> None:
        """It holds nothing of the connection."""

    def behind(self) -> bool:
        """Whether the server has not taken what was queued."""
        return self._size > BEHIND_BYTES

    async def run(self) -> None:
        """Hand the queue over until the socket is closed."""
        try:
            while True:
                await self._some.wait()
                self._some.clear()
                while self._queue:
                    message = self._queue[0]
                    content = {"text": message.decode()} if self._text else {"bytes": message}
                    await self._send({"type": "websocket.send", **content})
                    self._queue.popleft()
                    self._size -= len(message)
        finally:
            self._closed = True
