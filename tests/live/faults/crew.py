"""Hundreds of players in one cheap process, who come back as a page does and notice what is wrong.

`python -m tests.live.faults.crew` plays until its input ends; it takes orders as lines of JSON at
any time, and answers each with one.
"""

import contextlib
import gc
import json
import os
import random
import select
import socket
import struct
import subprocess
import sys
import time
from collections import Counter, deque
from typing import Any
from uuid import uuid4

from tests.bench.crowd import GAP_MS, HANDSHAKE, PING_EVERY, READ_BYTES, Client, Data
from tests.bench.players import ACKED, NOTE, Players, among
from tests.player import cookie

WELCOME, FRAME, SEATED, ERROR = 0x81, 0x82, 0x84, 0x87
POLL = 0.01  # s of one wait
TURN_EVERY = 2.0  # s between the turns of one player
RESTARTING = 4012
FINAL = {4004, 4009, 4011}  # closed with these, a page does not come back
FIRST_RETRY, EAGER_RETRY = 0.4, 1.2  # s between tries, as in frontend/src/socket.ts


class Member(Client):
    """One player, through all the sockets that they have one after the other."""

    __slots__ = (
        "away",
        "epoch",
        "failures",
        "id",
        "lost",
        "newest",
        "opening",
        "returned",
        "room",
        "seat",
    )

    def __init__(self, room: str) -> None:
        super().__init__(socket.socket())
        self.room, self.id = room, uuid4()
        self.epoch = self.seat = self.newest = self.failures = 0
        self.opening, self.returned = True, False
        self.away = 0.0  # since when it has no seat, or 0
        self.lost = 0  # the seat that it had


class Members(Players):
    """The players of this process, and what they saw since they were last asked."""

    def __init__(self) -> None:
        super().__init__()
        self.members: list[Member] = []
        self.lives: dict[str, str] = {}  # every life that somebody saw end: id → cause
        self.due: deque[tuple[float, Member]] = deque()  # when each pings and turns next
        self.back: list[tuple[float, Member]] = []  # when each tries again
        self.port = 0

    def reset(self) -> None:
        """Begin to count anew."""
        super().reset()
        self.acked = self.undone = self.old = self.other_seat = self.same_seat = 0
        self.marked: set[Member] = set()  # who was alive when that was asked, and not yet back
        self.fell: dict[Member, str] = {}  # of them, who died since, and of what
        self.codes: Counter[int] = Counter()
        self.errors: Counter[int] = Counter()
        self.returns: list[float] = []  # s from the loss of a socket to the seat
        self.worst: dict[str, float] = {}  # by room: the longest time without a frame, s

    # --- Connections -------------------------------------------------------------------------
    def enter(self, port: int, rooms: list[str], each: int) -> dict[str, Any]:
        """So many players come into each room."""
        self.port, now = port, time.monotonic()
        new = [Member(room) for room in rooms for _ in range(each)]
        self.members += new
        for number, member in enumerate(new):
            self.due.append((now + number * PING_EVERY / len(new), member))
            self._open(member)
        return {}

    def _open(self, member: Member) -> None:
        member.rest, member.opening, member.at, member.tick = b"", True, 0.0, 0
        member.kinds = set()
        try:
            member.sock = socket.create_connection(("127.0.0.1", self.port), timeout=2)
        except OSError:
            self._again(member, 1006)
            return
        host = f"127.0.0.1:{self.port}"
        path = f"/ws/room/{member.room}/"
        words = HANDSHAKE.format(path=path, host=host, cookie=cookie(member.id))
        member.sock.sendall(words.encode())
        member.sock.setblocking(False)
        self.clients[member.sock.fileno()] = member
        self.epoll.register(member.sock.fileno(), select.EPOLLIN)

    def _lose(self, client: Client, code: int = 1006) -> None:
        super()._lose(client, code)
        assert isinstance(client, Member)
        self.codes[code] += 1
        if client.seat:
            client.away, client.lost, client.seat = time.monotonic(), client.seat, 0
        if code not in FINAL:
            self._again(client, code)

    def _again(self, member: Member, code: int) -> None:
        """Try again later, spread at random as pages do."""
        member.failures += 1
        wait = min(FIRST_RETRY * 2.0 ** (member.failures - 1), EAGER_RETRY)
        wait *= self.random.uniform(0.5, 1)
        if code == RESTARTING:
            wait = self.random.uniform(0.1, 1.1)
        self.back.append((time.monotonic() + wait, member))

    def drop(self, share: float) -> dict[str, Any]:
        """So large a part of all lose their sockets without a goodbye."""
        held = [client for client in self.clients.values() if isinstance(client, Member)]
        for member in self.random.sample(held, round(share * len(held))):
            self._lose(member)
        return {}

    def read(self, client: Client) -> None:
        """Take what the server sent; first of all its answer to the handshake."""
        assert isinstance(client, Member)
        if not client.opening:
            super().read(client)
            return
        try:
            data = client.sock.recv(READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        client.rest += data
        if b"\r\n\r\n" in client.rest and client.rest.startswith(b"HTTP/1.1 101"):
            client.opening, client.failures, client.rest = False, 0, b""
            self.send(client, b"\x01\x02")
        elif not data or b"\r\n\r\n" in client.rest:
            self._lose(client)

    # --- What is said ------------------------------------------------------------------------
    def message(self, client: Client, data: Data, at: int, end: int, now: float) -> None:
        """Take one message of the server."""
        assert isinstance(client, Member)
        kind = data[at]
        if kind == FRAME:
            self._frame(client, data, at, now)
        elif kind == WELCOME:
            name = f"P{self.members.index(client)}"
            self.send(client, b"\x02" + json.dumps({"name": name, "colour": 1}).encode())
        elif kind == SEATED:
            self._seated(client, *struct.unpack_from("<HHB", data, at + 1), now)
        elif kind == NOTE:
            self._note(client, data[at:end])
        elif kind == ACKED:
            self.acked += 1
        elif kind == ERROR:
            self.errors[struct.unpack_from("<H", data, at + 1)[0]] += 1

    def _frame(self, member: Member, data: Data, at: int, now: float) -> None:
        """No tick comes twice, or is taken back; no epoch comes after a later one."""
        _, epoch, tick, flags = struct.unpack_from("<BIIB", data, at)
        self.frames += 1
        self.keyframes += flags & 1
        self.old += epoch < member.epoch
        if member.tick:  # not the first of a socket
            self.undone += tick < member.newest if flags & 1 else tick <= member.newest
            self.worst[member.room] = max(self.worst.get(member.room, 0.0), now - member.at)
            self.gaps[min(GAP_MS, round((now - member.at) * 1000))] += 1
        member.epoch = max(epoch, member.epoch)
        member.newest = max(tick, member.newest)
        if member.seat and member.returned:  # what happened meanwhile came before this frame
            self.marked.discard(member)
        member.tick, member.at = tick, now

    def _seated(self, member: Member, seat: int, seq: int, resumed: int, now: float) -> None:
        if member.away:
            self.returns.append(now - member.away)
            same = bool(resumed) and seat == member.lost
            member.returned = True
            self.same_seat += same
            self.other_seat += not same
            member.away = 0.0
        member.seat, member.seq = seat, seq

    def _note(self, member: Member, data: Data) -> None:
        told = json.loads(data[3:])
        if told["life"] not in self.lives:
            self.lives[told["life"]] = told["cause"]
            if member in self.marked:
                self.fell.setdefault(member, told["cause"])
        self.dead.add(member)
        self.send(member, b"\x05" + data[1:3])

    # --- Orders ------------------------------------------------------------------------------
    def figures(self) -> dict[str, Any]:
        """What was seen since the last reset."""
        counts = ("acked", "frames", "keyframes", "undone", "old", "same_seat", "other_seat")
        return {name: getattr(self, name) for name in counts} | {
            "open": sum(not member.opening for member in self.clients.values()),  # type: ignore[attr-defined]
            "seated": sum(member.seat > 0 for member in self.members),
            "codes": dict(self.codes),
            "errors": dict(self.errors),
            "returns": among(self.returns),
            "fell": dict(Counter(self.fell.values())),
            "gaps": self.gaps,
            "worst": max(self.worst.values(), default=0.0),
        }

    def fresh(self) -> dict[str, Any]:
        """Begin to count anew."""
        self.reset()
        return {}

    def mark(self) -> dict[str, Any]:
        """Note who is alive; `fell` tells of them."""
        self.fell = {}
        self.marked = {m for m in self.members if m.seat and m not in self.dead and m.newest}
        for member in self.members:
            member.returned = False
        return {"alive": len(self.marked)}

    def ended(self) -> dict[str, Any]:
        """Every life that somebody saw end."""
        return {"lives": list(self.lives)}

    # --- Running -----------------------------------------------------------------------------
    def play(self) -> None:
        """Play, and take orders, until the end of the input."""
        orders = b""
        self.epoll.register(0, select.EPOLLIN)
        while True:
            for fd, _ in self.epoll.poll(POLL):
                if fd in self.clients:
                    self.read(self.clients[fd])
                elif fd == 0:
                    data = os.read(0, READ_BYTES)
                    if not data:
                        return
                    *lines, orders = (orders + data).split(b"\n")
                    for line in lines:
                        order = json.loads(line)
                        print(json.dumps(getattr(self, order.pop("do"))(**order)), flush=True)
            self._what_is_due(time.monotonic())

    def _what_is_due(self, now: float) -> None:
        while self.due and self.due[0][0] <= now:
            _, member = self.due.popleft()
            self.due.append((now + TURN_EVERY, member))
            if not member.opening and member.sock.fileno() >= 0:
                self.send(member, struct.pack("<BII", 6, 1, member.tick))
                if member.seat:
                    self.send(member, self.action(member))
        ready = [member for at, member in self.back if at <= now]
        self.back = [(at, member) for at, member in self.back if at > now]
        for member in ready:
            self._open(member)


class Crew:
    """A crew in a process of its own, for a test; `with` ends it."""

    def __enter__(self) -> "Crew":
        command = [sys.executable, "-m", "tests.live.faults.crew"]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=os.environ
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(BrokenPipeError):
                pipe.close()  # type: ignore[union-attr]

    def __call__(self, order: str, **given: Any) -> dict[str, Any]:
        """Give an order, and return the answer."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps({"do": order, **given}).encode() + b"\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the crew has died"
        return dict(json.loads(line))


if __name__ == "__main__":
    gc.disable()  # a pause of this process would be measured as one of the server's
    random.seed(1)
    Members().play()
