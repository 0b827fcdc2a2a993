"""Thousands of WebSocket clients in one cheap process: raw sockets, one epoll, a minimal parser.

`python -m tests.bench.crowd` takes orders as lines of JSON and answers each with one.
"""

import gc
import json
import select
import socket
import struct
import sys
import time
from collections import Counter, deque
from typing import Any
from uuid import uuid4

from tests.player import cookie

PING_EVERY = 2.0  # s between a page's pings, which tell the server that it keeps up
POLL = 0.005  # s of one wait: the most by which a ping or an input leaves late
GROUP = 50  # handshakes at once: the server answers each within its time-out
# s between looks at the sockets. Without a rest, nearly every frame would wake this process, and
# its sender would pay: a tenth of a web process' time, which clients elsewhere do not cost it.
REST = 0.001
READ_BYTES = 16384  # of one read: more than nearly any frame here
GAP_MS = 5_000  # gaps are counted by the millisecond, up to this one
SIZE_MOST = READ_BYTES  # frames by the byte
Data = bytes | bytearray
CONNECT_SECONDS = 60.0  # until thousands have been let in
TICK = struct.Struct("<IB")  # in a frame: its tick and flags, behind its type and epoch
MASK = b"\x5a\xc3\x17\x88"  # any will do; a server must unmask with whatever is sent
HANDSHAKE = (
    "GET {path} HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\nCookie: {cookie}\r\n"
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


def client_frame(payload: bytes) -> bytes:
    """One masked binary message of less than 126 bytes."""
    key = (MASK * (len(payload) // 4 + 1))[: len(payload)]
    masked = bytes(a ^ b for a, b in zip(payload, key, strict=True))
    return bytes((0x82, 0x80 | len(payload))) + MASK + masked


class Client:
    """One socket, and the last tick it saw."""

    __slots__ = ("at", "kinds", "rest", "seq", "sock", "tick")

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.rest = b""  # the beginning of a frame whose end has not come
        self.tick = self.seq = 0
        self.at = 0.0  # when that tick came
        self.kinds: set[int] = set()  # types of message that came


class Crowd:
    """The clients of this process, and what they saw since it was last asked."""

    def __init__(self) -> None:
        self.epoll = select.epoll()
        self.buffer = bytearray(READ_BYTES)
        self.clients: dict[int, Client] = {}
        self.pings: deque[tuple[float, Client]] = deque()
        self.lost: Counter[int] = Counter()  # sockets, by close code: since the beginning
        self.reset()

    def reset(self) -> None:
        """Begin to count anew."""
        self.frames = self.missed = self.keyframes = self.sent = self.bytes = 0
        self.gaps = [0] * (GAP_MS + 1)
        self.sizes = [0] * (SIZE_MOST + 1)

    # --- Connections -------------------------------------------------------------------------
    def connect(self, port: int, count: int, path: str, hello: str) -> dict[str, Any]:
        """Open so many sockets; with a path, as WebSockets that say hello."""
        waiting: list[Client] = []
        for number in range(count):
            client = Client(socket.create_connection(("127.0.0.1", port)))
            if path:
                words = {"path": path, "host": f"127.0.0.1:{port}", "cookie": cookie(uuid4())}
                client.sock.sendall(HANDSHAKE.format(**words).encode())
                waiting.append(client)
            client.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.clients[client.sock.fileno()] = client
            self.epoll.register(client.sock.fileno(), select.EPOLLIN)
            if len(waiting) == GROUP or (waiting and number == count - 1):
                for one in waiting:
                    self._opened(one, bytes.fromhex(hello))
                    if hello:
                        self.pings.append((time.monotonic() + PING_EVERY, one))
                waiting = []
                self._tend(0)  # who neither reads nor pings for some seconds is closed
        step = PING_EVERY / max(1, len(self.pings))
        now = time.monotonic()  # from here on evenly, whoever pinged first before the others
        self.pings = deque((now + n * step, c) for n, (_, c) in enumerate(self.pings))
        return {"open": len(self.clients)}

    def _opened(self, client: Client, hello: bytes) -> None:
        client.sock.settimeout(CONNECT_SECONDS)
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += client.sock.recv(READ_BYTES)
        assert answer.startswith(b"HTTP/1.1 101"), answer
        client.rest = answer.partition(b"\r\n\r\n")[2]
        client.sock.setblocking(False)
        if hello:
            client.sock.send(client_frame(hello))

    def leave(self, count: int) -> dict[str, Any]:
        """So many close at once."""
        for client in list(self.clients.values())[:count]:
            self._lose(client)
        return {"open": len(self.clients)}

    def close(self) -> dict[str, Any]:
        """Close all."""
        for client in self.clients.values():
            client.sock.close()
        self.clients, self.pings = {}, deque()
        return {}

    # --- Reading -----------------------------------------------------------------------------
    def read(self, client: Client) -> None:
        """Take what the server sent to a client."""
        data = self.buffer
        try:
            size = client.sock.recv_into(data)
        except BlockingIOError:
            return
        except OSError:
            size = 0
        if not size:
            self._lose(client)
            return
        now = time.monotonic()
        self.bytes += size
        if not client.rest and size > 130 and data[1] == 126 and size - 4 == data[2] << 8 | data[3]:
            self.message(client, data, 4, size, now)  # one message and no more, as nearly always
            return
        self._read_all(client, client.rest + bytes(data[:size]), now)

    def _read_all(self, client: Client, data: bytes, now: float) -> None:
        """Take several messages, the last of which may not be whole yet."""
        at, size = 0, len(data)
        while size - at >= 2:
            length, head = data[at + 1], 2
            if length == 126:
                length, head = int.from_bytes(data[at + 2 : at + 4], "big"), 4
            elif length == 127:
                length, head = int.from_bytes(data[at + 2 : at + 10], "big"), 10
            if size - at < head + length:
                break
            if data[at] == 0x82:
                self.message(client, data, at + head, at + head + length, now)
            elif data[at] == 0x88:
                self._lose(client, int.from_bytes(data[at + head : at + head + 2], "big"))
                return
            at += head + length
        client.rest = data[at:]

    def message(self, client: Client, data: Data, at: int, end: int, now: float) -> None:
        """Take one message of the server: data[at:end], which came at a time."""
        if data[at] != 0x82:
            client.kinds.add(data[at])
            self.told(client, data, at, now)
            return
        tick, flags = TICK.unpack_from(data, at + 5)
        if flags & 1:
            self.keyframes += 1
        else:
            if client.tick:
                self.frames += 1
                self.missed += tick != client.tick + 1
                self.gaps[min(GAP_MS, int((now - client.at) * 1000))] += 1
            self.sizes[min(SIZE_MOST, end - at)] += 1
        client.tick, client.at = tick, now

    def told(self, client: Client, data: Data, at: int, now: float) -> None:
        """Take a message that is no frame."""

    def _lose(self, client: Client, code: int = 1006) -> None:
        self.lost[code] += 1
        self.epoll.unregister(client.sock.fileno())
        del self.clients[client.sock.fileno()]
        client.sock.close()

    # --- Running -----------------------------------------------------------------------------
    def measure(self, seconds: float, senders: int, rate: float) -> dict[str, Any]:
        """Read for a while, the first `senders` acting `rate` times a second; what was seen."""
        self.reset()
        cpu, begun = time.process_time(), time.monotonic()
        end = begun + seconds
        first = list(self.clients.values())[: senders if rate else 0]
        inputs = deque((begun + n / (rate * senders), c) for n, c in enumerate(first))
        while (now := time.monotonic()) < end:
            self._tend(POLL)
            while inputs and inputs[0][0] <= now:
                due, client = inputs.popleft()
                if self.send(client, self.action(client)):
                    self.sent += 1
                    inputs.append((due + 1 / rate, client))
        spent = (time.process_time() - cpu) / (time.monotonic() - begun)
        return {"cpu": spent, "open": len(self.clients), **self.seen()}

    def _tend(self, seconds: float) -> None:
        """Read what comes within so many seconds, and ping."""
        time.sleep(REST)
        find = self.clients.get
        for fd, _ in self.epoll.poll(seconds, len(self.clients) + 1):
            client = find(fd)
            if client:
                self.read(client)
        self.ping(time.monotonic())

    def ping(self, now: float) -> None:
        """Ping for whom it is time."""
        while self.pings and self.pings[0][0] <= now:
            due, client = self.pings.popleft()
            if self.send(client, struct.pack("<BII", 6, 1, client.tick)):
                self.pings.append((due + PING_EVERY, client))

    def action(self, client: Client) -> bytes:
        """What a client that acts sends next: a turn."""
        client.seq = client.seq % 0xFFFF + 1
        return struct.pack("<BHIBB", 3, client.seq, client.tick, 1, client.seq % 4)

    def seen(self) -> dict[str, Any]:
        """What was seen since it was last asked."""
        keys = ("frames", "missed", "keyframes", "lost", "sent", "bytes")
        seated = sum(0x84 in client.kinds for client in self.clients.values())
        spreads = {"gaps": spread(self.gaps), "sizes": spread(self.sizes)}  # ms, and bytes
        return {"seated": seated, **spreads, **{k: getattr(self, k) for k in keys}}

    def send(self, client: Client, payload: bytes) -> bool:
        """Send a message; says whether the socket took it."""
        if client.sock.fileno() < 0:
            return False
        try:
            client.sock.send(client_frame(payload))
        except OSError:
            return False
        return True

    def join(self, count: int) -> dict[str, Any]:
        """The first clients ask for seats."""
        for number, client in enumerate(list(self.clients.values())[:count]):
            self.send(client, b"\x02" + json.dumps({"name": f"C{number}", "colour": 1}).encode())
        return {}


def spread(numbers: list[int]) -> list[int]:
    """p50, p99 and max of values, counted in the place of each."""
    total, seen, found = sum(numbers), 0, []
    for value, number in enumerate(numbers):
        seen += number
        while len(found) < 2 and number and seen >= total * (0.5, 0.99)[len(found)]:
            found.append(value)
    last = max((value for value, number in enumerate(numbers) if number), default=0)
    return [*found, last] if total else [0, 0, 0]


def obey(crowd: Crowd) -> None:
    """Take orders until the end of the input."""
    gc.disable()  # a pause of this process would be measured as one of the server's
    for line in sys.stdin:
        order = json.loads(line)
        print(json.dumps(getattr(crowd, order.pop("do"))(**order)), flush=True)


if __name__ == "__main__":
    obey(Crowd())
