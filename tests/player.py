"""A player without a browser: speaks the wire, keeps the tables, for tests and benchmarks.

Written from the description of the wire, not from `game.protocol`, so that an error there shows.
"""

import asyncio
import contextlib
import json
import struct
import time
from collections import deque
from typing import Any
from uuid import UUID, uuid4
from zlib import crc32

from django.core import signing
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

ROOM = 0xFFFF
WIDTHS = {"B": 1, "H": 2, "I": 4}


def cookie(player: UUID) -> str:
    """The guest cookie of a player, as the site would have set it."""
    return "kogame_guest=" + signing.dumps(player.hex, salt="kogame.guest")


class State:
    """What a page knows: tables by region, the roster, epoch and tick."""

    def __init__(self) -> None:
        self.welcome: dict[str, Any] = {}
        self.epoch = self.tick = 0
        self.known = False
        self.tables: dict[str, dict[int, dict[int, tuple[int, ...]]]] = {}
        self.roster: dict[int, list[Any]] = {}
        self.gaps = 0
        self.checks = 0  # regions that were compared with the server's
        self.wrong: list[tuple[int, int, int]] = []  # epoch, tick, region: of those that differed
        self._sums: tuple[int, int, dict[int, int]] = 0, 0, {}

    def sums(self, data: bytes) -> None:
        """Keep what regions must look like, until their tick has come."""
        _, epoch, tick = struct.unpack_from("<BII", data)
        self._sums = epoch, tick, dict(struct.iter_unpack("<HI", data[9:]))

    def fingerprint(self, region: int) -> int:
        """The sum over what is held of a region."""
        total = 0
        for index, spec in enumerate(self.welcome["tables"]):
            row = struct.Struct("<B" + spec["key"] + "".join(w for _, w in spec["fields"]))
            rows = self.tables.get(spec["name"], {}).get(region, {})
            total += sum(crc32(row.pack(index, key, *fields)) for key, fields in rows.items())
        if region == ROOM:
            for seat, name, colour, pilot in self.roster.values():
                total += crc32(struct.pack("<BHBB", 255, seat, colour, pilot) + name.encode())
        return total & 0xFFFFFFFF

    def _compare(self) -> None:
        epoch, tick, sums = self._sums
        if (epoch, tick) == (self.epoch, self.tick):
            self._sums = 0, 0, {}
            self.checks += len(sums)
            self.wrong += [
                (epoch, tick, region)
                for region, sum in sums.items()
                if self.fingerprint(region) != sum
            ]

    def frame(self, data: bytes) -> list[list[Any]]:
        """Apply a frame; returns its public events."""
        _, epoch, tick, flags = struct.unpack_from("<BIIB", data)
        if flags & 1:
            if (epoch, tick) < (self.epoch, self.tick) and self.known:
                return []
            self.tables, self.roster, self.known = {}, {}, True
        elif not self.known or (epoch, tick) <= (self.epoch, self.tick):
            return []
        elif epoch != self.epoch or tick != self.tick + 1:
            self.gaps += 1
            self.known = False
            return []
        self.epoch, self.tick = epoch, tick
        events: list[list[Any]] = []
        at = 10
        while at < len(data):
            kind = data[at]
            region, at = varint(data, at + 1)
            size, at = varint(data, at)
            events += self._part(kind, region, data[at : at + size])
            at += size
        assert at == len(data), "a part reaches beyond its frame"
        self._compare()
        return events

    def _part(self, kind: int, region: int, body: bytes) -> list[list[Any]]:
        if kind in (4, 5):
            for rows in self.tables.values():
                rows.pop(region, None)
        if kind & 0x80:
            self._tables(region, kind & 0x7F, body)
        elif kind == 4:
            self._tables(region, body[0], body[1:])
        elif kind == 2:
            part = json.loads(body)
            self.roster |= {row[0]: row for row in part["seats"]}
            for seat in part["gone"]:
                self.roster.pop(seat, None)
        return list(json.loads(body)) if kind == 3 else []

    def _tables(self, region: int, mask: int, body: bytes) -> None:
        at = 0
        for index, spec in enumerate(self.welcome["tables"]):
            if not mask >> index & 1:
                continue
            rows = self.tables.setdefault(spec["name"], {}).setdefault(region, {})
            gone, at = self._keys(spec, body, at)
            for key in gone:
                rows.pop(key, None)
            if spec["across"]:
                at = self._steps(spec, rows, body, at)
            row = struct.Struct("<" + spec["key"] + "".join(w for _, w in spec["fields"]))
            count, at = varint(body, at)
            for _ in range(count):
                key, *values = row.unpack_from(body, at)
                at += row.size
                rows[key] = tuple(values)
        assert at == len(body), "a part has bytes that nobody read"

    def _keys(self, spec: dict[str, Any], body: bytes, at: int) -> tuple[tuple[int, ...], int]:
        count, at = varint(body, at)
        keys = struct.unpack_from(f"<{count}{spec['key']}", body, at)
        return keys, at + count * WIDTHS[spec["key"]]

    def _steps(self, spec: dict[str, Any], rows: Any, body: bytes, at: int) -> int:
        keys, at = self._keys(spec, body, at)
        across = spec["across"]
        for number, key in enumerate(keys):
            way = body[at + number // 4] >> number % 4 * 2 & 3
            first, *others = rows[key]
            rows[key + (-across, 1, across, -1)[way]] = (first & ~3 | way, *others)
        return at + -(-len(keys) // 4)

    def body(self, seat: int) -> list[int]:
        """The cells in sight of a snake, tail to head, when its board is in one region."""
        rows = self.tables.get("cells", {}).get(0, {})
        width, height = (self.welcome["options"][side] for side in ("width", "height"))
        own = {cell: body & 3 for cell, (body,) in rows.items() if body >> 2 == seat}
        before = {cell: neighbour(cell, way ^ 2, width, height) for cell, way in own.items()}
        after = {behind: cell for cell, behind in before.items() if behind in own}
        heads = [cell for cell in own if cell not in after]
        chain = heads[:1] or list(own)[:1]  # a ring has no beginning that can be seen
        while chain and len(chain) < len(own) and before[chain[-1]] in own:
            chain.append(before[chain[-1]])
        return chain[::-1]


def neighbour(cell: int, way: int, width: int, height: int) -> int:
    """The cell beside a cell, around the edge: 0 up, 1 right, 2 down, 3 left."""
    x, y = cell % width, cell // width
    dx, dy = ((0, -1), (1, 0), (0, 1), (-1, 0))[way]
    return (y + dy) % height * width + (x + dx) % width


def varint(data: bytes, at: int) -> tuple[int, int]:
    """A number of unknown width (LEB128), and where it ends."""
    number = shift = 0
    while True:
        number |= (data[at] & 0x7F) << shift
        shift, at = shift + 7, at + 1
        if not data[at - 1] & 0x80:
            return number, at


class Player:
    """One connection to a room; `follow` reads until something is so."""

    def __init__(self, base: str, room: str, player: UUID | None = None) -> None:
        self.id = player or uuid4()
        self.base, self.room = base, room
        self.state = State()
        self.seat = 0
        self.resumed = False
        self.seq = self.acked = 0
        self.notes: dict[int, dict[str, Any]] = {}
        self.saved: list[dict[str, Any]] = []
        self.own: dict[str, tuple[int, ...]] = {}  # by table: my newest row
        self.errors: list[int] = []
        self.notices: list[str] = []
        self.events: deque[list[Any]] = deque(maxlen=1000)
        self.closed = 0
        self.frame_times: deque[float] = deque(maxlen=100_000)
        self.frame_bytes = 0
        self.socket: ClientConnection
        self._pinging: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "Player":
        host = self.base.removeprefix("http://")
        self.socket = await connect(
            f"ws://{host}/ws/room/{self.room}/",
            additional_headers={"Cookie": cookie(self.id)},
            origin=self.base,  # type: ignore[arg-type]
            compression=None,
            ping_interval=None,
            max_size=None,
        )
        await self.socket.send(bytes((1, 2)))
        self._pinging = asyncio.create_task(self._ping())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._pinging:
            self._pinging.cancel()
        await self.socket.close()

    async def _ping(self) -> None:
        while True:
            await asyncio.sleep(2)
            clock = int(time.monotonic() * 1000) & 0xFFFFFFFF
            await self.socket.send(struct.pack("<BII", 6, clock, self.state.tick))

    async def join(self, name: str = "Ada", colour: int = 0) -> None:
        """Ask for a seat, and wait for the answer."""
        wish = {"name": name, "colour": colour}
        seat, errors = self.seat, len(self.errors)
        self.seat = 0
        await self.socket.send(b"\x02" + json.dumps(wish).encode())
        await self.until(lambda: self.seat or len(self.errors) > errors)
        self.seat = self.seat or seat

    async def act(self, code: int, *fields: int) -> None:
        """Send an action with one-byte fields."""
        self.seq = self.seq % 0xFFFF + 1
        head = struct.pack("<BHIB", 3, self.seq, self.state.tick, code)
        await self.socket.send(head + bytes(fields))

    async def check(self) -> None:
        """Ask for the sums of regions; `state` compares them."""
        await self.socket.send(b"\x09")

    async def look(self, view: int) -> None:
        """Look at a view, without a seat."""
        await self.socket.send(struct.pack("<BH", 8, view))

    async def turn(self, direction: int) -> None:
        """Turn: 0 up, 1 right, 2 down, 3 left."""
        await self.act(1, direction)

    def receive(self, data: bytes) -> None:
        """Take one message."""
        kind = data[0]
        if kind == 0x81:
            self.state.welcome = json.loads(data[1:])
        elif kind == 0x82:
            self.frame_times.append(time.monotonic())
            self.frame_bytes += len(data)
            self.events.extend(self.state.frame(data))
        elif kind == 0x83:
            (number,) = struct.unpack_from("<H", data, 1)
            self.notes.setdefault(number, json.loads(data[3:]))
        elif kind == 0x84:
            _, self.seat, self.acked, self.resumed = struct.unpack("<BHH?", data)
            self.seq = max(self.seq, self.acked)
        elif kind == 0x85:
            (self.acked,) = struct.unpack_from("<H", data, 1)
        elif kind == 0x87:
            self.errors.append(struct.unpack_from("<H", data, 1)[0])
        elif kind == 0x89:
            spec = self.state.welcome["tables"][data[1]]
            layout = "<" + "".join(width for _, width in spec["fields"])
            self.own[spec["name"]] = struct.unpack_from(layout, data, 2)
        elif kind == 0x8A:
            self.state.sums(data)
        elif kind == 0x8B:
            self.notices.append(data[1:].decode())
        elif kind == 0x88:
            self.saved.append(json.loads(data[1:]))

    async def step(self) -> None:
        """Take the next message; notes are acknowledged. Sets `closed` when the socket is."""
        try:
            data = await self.socket.recv()
        except ConnectionClosed:
            self.closed = self.socket.close_code or 1006
            raise
        assert isinstance(data, bytes)
        self.receive(data)
        if data[0] == 0x83:
            await self.socket.send(b"\x05" + data[1:3])

    async def until(self, so: Any, seconds: float = 10.0) -> None:
        """Read until a condition holds; TimeoutError after `seconds`."""
        async with asyncio.timeout(seconds):
            while not so():
                await self.step()

    async def until_closed(self, seconds: float = 10.0) -> int:
        """Read until the server closes; returns the close code."""
        with contextlib.suppress(ConnectionClosed):
            await self.until(lambda: False, seconds)
        return self.closed
