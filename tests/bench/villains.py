"""Clients that behave badly: `python -m tests.bench.villains` takes orders as `crowd` does."""

import heapq
import itertools
import socket
import struct
import time
from typing import Any
from uuid import uuid4

from tests.bench.crowd import HANDSHAKE, Client, Crowd, client_frame, obey
from tests.player import cookie

BACK_AFTER = 1.0  # s until one that was closed comes again
LIMIT = 1 / 20  # s between messages of one who goes to the limit, and not beyond
SMALL_BUFFER = 4096  # bytes that the kernel keeps for one who does not read: a few frames
VIEWS = 1_000  # more than a board has, so that some that are asked for are none
HALF = 9  # bytes of a ping's frame that come in a first segment
# What there is, by name: how many, and the seconds between two acts of each.
KINDS: dict[str, tuple[int, float]] = {
    "roams every ms": (20, 0.001),
    "roams at the limit": (20, LIMIT),
    "half frames": (50, LIMIT),
    "stuck": (50, BACK_AFTER),
    "resyncs": (20, LIMIT),
    "floods": (20, LIMIT),
}


class Villains(Crowd):
    """Watchers of a room who each do one thing too much, and come back when they are closed."""

    def __init__(self) -> None:
        super().__init__()
        self.where = (0, "", b"")  # port, path, hello
        self.due: list[tuple[float, int, str, Client | None]] = []  # a heap
        self.order = itertools.count()  # no two of them are alike
        self.acts = self.returns = 0

    def come(self, port: int, path: str, hello: str, kinds: list[str]) -> dict[str, Any]:
        """All of some kinds come in."""
        self.where = (port, path, bytes.fromhex(hello))
        now = time.monotonic()
        for kind in kinds:
            count, every = KINDS[kind]
            for number in range(count):
                self._plan(now + every * number / count, kind, self._enter(kind))
        return {"open": len(self.clients)}

    def trouble(self, seconds: float) -> dict[str, Any]:
        """Each does what it does, for so long."""
        self.reset()
        self.acts = self.returns = 0
        cpu, begun = time.process_time(), time.monotonic()
        while (now := time.monotonic()) < begun + seconds:
            for fd, _ in self.epoll.poll(0.001):
                if fd in self.clients:
                    self.read(self.clients[fd])
            while self.due and self.due[0][0] <= now:
                due, _, kind, client = heapq.heappop(self.due)
                self._turn(max(due, now - 0.1), kind, client)
        spent = (time.process_time() - cpu) / (time.monotonic() - begun)
        return {"cpu": spent, "acts": self.acts, "returns": self.returns, "lost": self.lost}

    def _plan(self, at: float, kind: str, client: Client | None) -> None:
        heapq.heappush(self.due, (at, next(self.order), kind, client))

    def _turn(self, due: float, kind: str, client: Client | None) -> None:
        if client is None:
            self.returns += 1
            client = self._enter(kind)
        elif kind != "stuck" and (client.sock.fileno() < 0 or not self._act(kind, client)):
            self._plan(due + BACK_AFTER, kind, None)
            return
        self._plan(due + KINDS[kind][1], kind, client)

    def _enter(self, kind: str) -> Client:
        port, path, hello = self.where
        sock = socket.socket()
        if kind == "stuck":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)
        sock.connect(("127.0.0.1", port))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        words = {"path": path, "host": f"127.0.0.1:{port}", "cookie": cookie(uuid4())}
        sock.sendall(HANDSHAKE.format(**words).encode())
        client = self.clients[sock.fileno()] = Client(sock)
        self.epoll.register(sock.fileno(), 1 if kind != "stuck" else 0)
        self._opened(client, hello)
        return client

    def _act(self, kind: str, client: Client) -> bool:
        self.acts += 1
        client.seq = (client.seq + 1) % VIEWS
        if kind == "half frames":
            frame = client_frame(struct.pack("<BII", 6, 1, client.tick))
            return self._push(client, frame[:HALF] if client.seq % 2 else frame[HALF:])
        if kind == "resyncs":
            return self.send(client, b"\x04")
        if kind == "floods":
            return self.send(client, struct.pack("<BII", 6, 1, client.tick))
        return self.send(client, struct.pack("<BH", 8, client.seq * 37 % VIEWS))

    def _push(self, client: Client, data: bytes) -> bool:
        try:
            client.sock.send(data)
        except OSError:
            return False
        return True


if __name__ == "__main__":
    obey(Villains())
