"""A crowd that comes in at once: `python -m tests.bench.arrivals` takes orders as `crowd` does."""

import json
import select
import socket
import time
from typing import Any
from uuid import uuid4

from tests.bench.crowd import HANDSHAKE, PING_EVERY, POLL, Client, Data, client_frame, obey
from tests.bench.players import Players, among
from tests.player import cookie

LATE_SECONDS = 10.0  # after the last has knocked, until who has seen nothing is given up


class Arrivals(Players):
    """Clients that connect on a schedule, without waiting for each other."""

    def __init__(self) -> None:
        super().__init__()
        self.opened: dict[Client, float] = {}  # when the server let it in
        self.waits: list[float] = []  # s from then to the first picture
        self.left = 0  # who has seen none yet

    def arrive(self, port: int, count: int, path: str, hello: str, seconds: float) -> Any:
        """So many come within so many seconds, each with a wish to play; how long they waited."""
        begun, self.left, come = time.monotonic(), count, 0
        words = {"path": path, "host": f"127.0.0.1:{port}"}
        while self.left and (now := time.monotonic()) < begun + seconds + LATE_SECONDS:
            while come < count and begun + come * seconds / count <= now:
                sock = socket.create_connection(("127.0.0.1", port))
                sock.sendall(HANDSHAKE.format(**words, cookie=cookie(uuid4())).encode())
                sock.setblocking(False)
                client = self.clients[sock.fileno()] = Client(sock)
                self.epoll.register(sock.fileno(), select.EPOLLIN)
                client.seq, come = come, come + 1
            for fd, _ in self.epoll.poll(POLL):
                client = self.clients[fd]
                if client in self.opened:
                    self.read(client)
                else:
                    self._let_in(client, bytes.fromhex(hello))
            self.ping(time.monotonic())
        waits = among([wait * 1000 for wait in self.waits])
        return {"waits": waits, "unseen": self.left, "open": len(self.clients)}

    def _let_in(self, client: Client, hello: bytes) -> None:
        client.rest += client.sock.recv(4096)
        head, end, rest = client.rest.partition(b"\r\n\r\n")
        if end:
            assert head.startswith(b"HTTP/1.1 101"), head
            self.opened[client] = time.monotonic()
            client.rest = rest
            wish = json.dumps({"name": f"New{client.seq}", "colour": 1}).encode()
            client.sock.sendall(client_frame(hello) + client_frame(b"\x02" + wish))
            self.pings.append((time.monotonic() + PING_EVERY, client))

    def message(self, client: Client, data: Data, at: int, end: int, now: float) -> None:
        """Take one message; the first picture ends a wait."""
        if data[at] == 0x82 and not client.tick:
            self.waits.append(now - self.opened[client])
            self.left -= 1
        super().message(client, data, at, end, now)


if __name__ == "__main__":
    obey(Arrivals())
