"""A room, an engine's bookkeeping, a hub's feed and pages that read it, with no network between."""

import itertools
import random
from collections.abc import Callable
from typing import Any

from game import protocol
from game.engine.hosted import Hosted
from game.hub.feed import Feed
from game.hub.socket import Socket
from game.protocol import Join, RoomTick
from game.room import Room, Settings
from game.rules.contract import ROOM
from game.sinks import server_frame
from tests.player import Player

BOARD = {"width": 200, "height": 150, "side": 16, "rate": 20}


class Reader:
    """A sink whose other end reads as a page would; it can stop reading for a while.

    One that is straight takes frames without being looked at, until it says that they must wait.
    """

    def __init__(self, *, straight: bool) -> None:
        self.page = Player("http://nowhere", "room")
        self.stuck = self.gone = False
        self.held = b""  # what waits in this process, in order
        self.looks = 0  # writes for which the hub looked at it
        self._way = self._take if straight else None
        self._on_wait: Callable[[], None] | None = None
        self._come = bytearray()  # what the page has, up to the middle of a frame

    def write(self, messages: Any) -> int:
        self.looks += 1
        data = b"".join(map(server_frame, messages))
        if self.stuck or self.held:
            self.finish(data)
        else:
            self._read(data)
        return len(data)

    def straight(self, on_wait: Callable[[], None]) -> Callable[[bytes], int] | None:
        if self.behind():
            return None
        self._on_wait = on_wait
        return self._way

    def _take(self, data: bytes) -> int:
        assert self._on_wait  # it has not said that bytes must wait since it was asked
        assert not self.held  # nothing overtakes
        taken = min(5, len(data)) if self.stuck else len(data)
        self._read(data[:taken])
        return taken

    def finish(self, rest: bytes) -> None:
        self.held += rest
        if self._on_wait:
            self._on_wait()
            self._on_wait = None

    def stick(self, stuck: bool) -> None:
        """Stop reading, or go on with what waits."""
        self.stuck = stuck
        if not stuck:
            held, self.held = self.held, b""
            self._read(held)

    def let_go(self) -> None:
        self._on_wait = None

    def behind(self) -> bool:
        return self.stuck or bool(self.held)

    def _read(self, data: bytes) -> None:
        assert not self.gone
        self._come += data
        while len(self._come) > 1:
            size, head = self._come[1], 2
            if size == 126:
                size, head = int.from_bytes(self._come[2:4], "big"), 4
            if len(self._come) < head + size:
                break
            message = bytes(self._come[head : head + size])
            del self._come[: head + size]
            tick = self.page.state.tick
            self.page.receive(message)
            if message[0] == 0x82 and not message[9] & 1:  # what changed, to follow on the last
                assert self.page.state.tick == tick + 1

    async def run(self) -> None: ...


class World:
    """A room, its bookkeeping in an engine, and a hub's feed of it, without a network between."""

    def __init__(self, seed: int, **options: Any) -> None:
        given = {"capacity": 200, "fill": 0, "options": BOARD | options}
        self.room = Room(Settings(id="r", match="m", game="snek", seed=seed, **given))
        self.hosted = Hosted(self.room, 1)
        self.feed = Feed("r")
        self.readers: dict[str, Reader] = {}
        self.sockets: dict[str, Socket] = {}
        self.sequence = itertools.count(1)
        self.pause: Callable[[], None] = lambda: None  # what happens while a tick goes out

    def open(self, conn: str, *, straight: bool = True) -> None:
        reader = Reader(straight=straight)
        self.readers[conn] = reader
        self.sockets[conn] = Socket(conn, conn, reader, lambda code: None)
        self.feed.add(self.sockets[conn])
        self.feed.bring_up_to_date(self.sockets[conn])

    def close(self, conn: str) -> None:
        self.feed.remove(self.sockets.pop(conn))
        self.readers.pop(conn).gone = True

    def join(self, conn: str) -> None:
        """Wish to play, as the hub does until it is answered."""
        self.sockets[conn].join = Join(conn, conn, conn, 1)
        self.room.offer(self.sockets[conn].join)

    def step(self) -> bytes:
        """One tick of the room, as it comes to a hub."""
        return protocol.encode(self.hosted.message(self.room.step()))

    def tick(self, *, lost: bool = False, more: bool = False) -> RoomTick:
        """One tick; a lost one never reaches the feed, which asks for keyframes then.

        Where more have come, it is not sent yet.
        """
        tick = protocol.decode_tick(self.step())
        if not lost:
            for socket in self.sockets.values():
                socket.keyed = socket.looked = 0.0  # a test's ticks take no time
            for reader in self.readers.values():
                reader.stick(reader.stuck)
            for _ in self.feed.take(tick, more=more):
                self.pause()
            self.hosted.keys_wanted = self.hosted.keys_wanted or not self.feed.frames.views
        return tick

    def truth(self, view: int) -> dict[str, dict[int, dict[int, tuple[int, ...]]]]:
        """The rows of every table that somebody with this view may know."""
        regions = {*self.room.game.views[view], ROOM}
        return {
            name: kept
            for name, table in self.room.game.tables.items()
            if table.spec.scope != "seat"
            and (
                kept := {
                    region: rows
                    for region in table.regions()
                    if region in regions and (rows := dict(table.rows(region)))
                }
            )
        }

    def check(self) -> None:
        """Every page that is up to date knows what is in its view, and nothing else."""
        for conn, reader in self.readers.items():
            socket, state = self.sockets[conn], reader.page.state
            if not socket.synced or reader.held:
                continue
            known = {
                name: kept
                for name, regions in state.tables.items()
                if (kept := {region: rows for region, rows in regions.items() if rows})
            }
            assert known == self.truth(socket.view), conn
            assert not state.wrong, conn
            assert state.roster.keys() == self.room.seats.keys()
            seat = next((s for s in self.room.seats.values() if s.conn == conn), None)
            if seat is not None and not socket.pending:
                assert socket.view == self.room.game.view(seat.number)
                assert reader.page.own["mine"] == self.own(seat.number)

    def own(self, seat: int) -> tuple[int, ...]:
        """The numbers that a seat's player must have been told."""
        return dict(self.room.game.tables["mine"].rows(ROOM))[seat]

    def disturb(self, dice: random.Random) -> None:
        """One who watches comes, another goes, and some ask for all there is to see."""
        self.open(f"new:{next(self.sequence)}")
        watchers = [conn for conn in self.sockets if conn.startswith("new:")]
        if len(watchers) > 4:
            self.close(dice.choice(watchers))
        for socket in dice.sample(list(self.sockets.values()), min(2, len(self.sockets))):
            self.feed.resync(socket)
        newcomer = dice.choice(list(self.sockets))  # as one that was served while it was attached
        if not self.readers[newcomer].behind():
            self.feed.bring_up_to_date(self.sockets[newcomer])
        for reader in dice.sample(list(self.readers.values()), min(2, len(self.readers))):
            reader.finish(server_frame(protocol.pong(1)))  # the server itself has something to say
            if dice.random() < 0.5:
                reader.stick(reader.stuck)  # and it is out before this socket's turn
