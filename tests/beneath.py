"""Servers beneath the game: autobahn on this loop, and Kogame's runner with another application."""

import asyncio
import contextlib
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from typing import Any

from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from twisted.internet.asyncioreactor import AsyncioSelectorReactor

from kogame import intake
from kogame.turns import Turns
from tests.processes import ROOT, answers_at, free_port, wait

HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
MASK = b"\x01\x02\x03\x04"


class Plain(WebSocketServerProtocol):  # type: ignore[misc]  # autobahn is untyped
    """Keeps what comes."""

    def onOpen(self) -> None:
        self.factory.opened.put_nowait(self)

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        self.factory.heard.append((payload, isBinary))

    def onPing(self, payload: bytes) -> None:
        self.factory.pinged.append(payload)

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        self.factory.closed.append(code)


class Beneath:
    """A listening factory, and its sockets as they open."""

    def __init__(self, protocol: type[Plain]) -> None:
        self.reactor = AsyncioSelectorReactor(asyncio.get_running_loop())
        self.factory = WebSocketServerFactory(reactor=self.reactor)
        self.factory.protocol = protocol
        self.factory.setProtocolOptions(  # no timers: they would be those of another reactor
            openHandshakeTimeout=0, closeHandshakeTimeout=0, failByDrop=False
        )
        self.factory.setProtocolOptions(maxMessagePayloadSize=4096, maxFramePayloadSize=4096)
        self.factory.opened = asyncio.Queue()
        self.factory.heard, self.factory.pinged, self.factory.closed = [], [], []
        loop = asyncio.get_running_loop()
        self.factory.long_way = Turns(loop.call_soon, intake.AT_ONCE)
        self.port = self.reactor.listenTCP(0, self.factory, interface="127.0.0.1")
        self._clients: list[socket.socket] = []

    @property
    def heard(self) -> list[tuple[bytes, bool]]:
        """The messages that came, and whether they were binary."""
        heard: list[tuple[bytes, bool]] = self.factory.heard
        return heard

    async def open(self, receive_bytes: int = 0) -> tuple[socket.socket, Any]:
        """A client's raw socket, and the protocol that serves it."""
        async with asyncio.timeout(5):
            return await self._open(receive_bytes)

    async def _open(self, receive_bytes: int) -> tuple[socket.socket, Any]:
        loop = asyncio.get_running_loop()
        client = socket.socket()
        self._clients.append(client)
        client.setblocking(False)
        if receive_bytes:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await loop.sock_connect(client, ("127.0.0.1", self.port.getHost().port))
        await loop.sock_sendall(client, HANDSHAKE)
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            answer += await loop.sock_recv(client, 4096)
        assert answer.startswith(b"HTTP/1.1 101")
        protocol = await self.factory.opened.get()
        await passes(lambda: not protocol.transport._tempDataLen)
        return client, protocol

    async def close(self) -> None:
        """Close everything, and wait until the loop has seen it."""
        for client in self._clients:
            client.close()
        await passes(lambda: len(self.factory.closed) == len(self._clients))
        self.port.stopListening()
        await asyncio.sleep(0)
        for left in self.reactor.removeAll():
            left.connectionLost(None)


@contextlib.asynccontextmanager
async def beneath(protocol: type[Plain] = Plain) -> AsyncIterator[Beneath]:
    """A server of this protocol while it is needed."""
    server = Beneath(protocol)
    try:
        yield server
    finally:
        await server.close()


async def passes(so: Callable[[], Any], seconds: float = 5) -> None:
    """Let the loop turn until a condition holds."""
    async with asyncio.timeout(seconds):
        while not so():
            await asyncio.sleep(0)


async def read(client: socket.socket, size: int) -> bytes:
    """So many bytes, or fewer when the other side ends."""
    data = b""
    async with asyncio.timeout(5):
        while len(data) < size:
            some = await asyncio.get_running_loop().sock_recv(client, size - len(data))
            if not some:
                break
            data += some
    return data


def client_frame(payload: bytes, first: int = 0x82, *, masked: bool = True) -> bytes:
    """A frame as a browser sends it; `first` is its first byte: FIN, RSV and opcode."""
    size = len(payload)
    length = bytes((size,)) if size < 126 else b"\x7e" + size.to_bytes(2, "big")
    if not masked:
        return bytes((first,)) + length + payload
    body = bytes(byte ^ MASK[n % 4] for n, byte in enumerate(payload))
    return bytes((first, length[0] | 0x80)) + length[1:] + MASK + body


@contextlib.asynccontextmanager
async def runner(code: str) -> AsyncIterator[tuple[int, subprocess.Popen[str]]]:
    """The port and process of a program that serves on the port in its first argument."""
    port = free_port()
    process = await asyncio.to_thread(_started, code, port)
    try:
        yield port, process
    finally:
        process.kill()
        process.communicate()


def _started(code: str, port: int) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(port)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    wait(lambda: process.poll() is not None or answers_at(port), 30, "the server's start")
    assert process.poll() is None, process.communicate()
    return process
