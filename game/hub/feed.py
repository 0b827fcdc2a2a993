"""One room as this web process follows it: each region as last keyed, the deltas since, sockets."""

import time
from collections.abc import Iterable, Iterator

from game import metrics, protocol
from game.hub.socket import UNSEEN_SECONDS, Socket
from game.protocol import Command, RoomTick
from game.sinks import server_frame

SINCE_BOUND = 256  # deltas kept behind a region's keyframe, which comes every second
SLOW_SECONDS = 5.0  # s without such progress after which the socket of one who is behind is closed
BEHIND_SECONDS = 1.0  # s it is given to catch up first: perhaps this process stood still
KEYED_EVERY = 0.5  # s between keyframes for one client, whatever it asks for or misses
LOOK_EVERY = 0.25  # s between moves of the camera of one who watches
SLICE = 400  # sockets served without a pause, some 5 ms, for which inputs wait on top of the tick


class Feed:
    """What the hub keeps of a room; `take` is called with every committed tick."""

    def __init__(self, room: str) -> None:
        self.room = room
        self.sockets: dict[str, Socket] = {}
        self.followed = False  # whether its frames are subscribed to
        self.engine = ""  # its id; "" while nobody is known to hold the room
        self.unsent: list[Command] = []  # while no engine is known
        self.epoch = 0
        self.tick = 0
        self.welcome = b""
        self.views: list[list[int]] = []  # empty while regions are not known: sockets wait
        self.regions: dict[int, list[bytes]] = {}  # its keyframe, then the deltas since
        self.last_frame = time.monotonic()
        self.keys_asked = 0.0
        self.waiting_told = False
        self._groups: dict[int, dict[Socket, None]] = {}  # by view: who gets the same bytes
        self._wishes: dict[Socket, None] = {}  # who watches and asked for another view
        self._checked: dict[Socket, None] = {}  # who compares what it holds with the engine's rows
        self._changed: dict[int, bytes] = {}  # by region: what this tick changed
        self._built: dict[tuple[int, int], bytes] = {}  # frames of this tick: (from view, to view)

    # --- Sockets -----------------------------------------------------------------------------
    def add(self, socket: Socket) -> None:
        """A socket comes in; until it has a seat or asks for another, its view is the middle."""
        self.sockets[socket.conn] = socket
        self._turn(socket, self._middle())

    def remove(self, socket: Socket) -> None:
        """A socket is gone."""
        del self.sockets[socket.conn]
        socket.sent = self.tick  # should this tick be going out, it is none of its business
        del self._groups[socket.view][socket]
        self._wishes.pop(socket, None)
        self._checked.pop(socket, None)

    def _middle(self) -> int:
        return len(self.views) // 2 if self.views else -1

    def _turn(self, socket: Socket, view: int) -> None:
        """Let a socket have another view from now on."""
        self._groups.get(socket.view, {}).pop(socket, None)
        socket.view = view
        self._groups.setdefault(view, {})[socket] = None

    def look(self, socket: Socket, view: int) -> None:
        """One who watches asks for a view; the last wish counts, some times a second."""
        if socket.watches():
            socket.wish = view
            self._wishes[socket] = None

    def check(self, socket: Socket) -> None:
        """One who looks for faults asks what its regions must look like, each at its turn."""
        self._checked[socket] = None

    # --- A tick --------------------------------------------------------------------------------
    def take(self, tick: RoomTick) -> Iterator[None]:
        """Apply a tick and fan it out, with pauses in which sockets may come, go and speak."""
        if (tick.epoch, tick.tick) <= (self.epoch, self.tick):
            return  # of an owner that was replaced, or seen before
        followed = tick.epoch == self.epoch and tick.tick == self.tick + 1
        self.epoch, self.tick = tick.epoch, tick.tick
        self.last_frame, self.waiting_told = time.monotonic(), False
        self._built.clear()
        self._changed = tick.parts
        self._learn(tick, followed)
        heard = self._hear(tick)
        if not followed or not self.views:
            for socket in self.sockets.values():
                socket.synced = False
        moved = self._move(tick)
        if self._checked:
            self._check(tick)
        for socket in heard:  # who acted waits for it; the others do not know
            if socket.synced and not socket.is_behind(self.last_frame):
                self._serve(socket, moved.get(socket, socket.view))
        yield from self._serve_all(moved)
        for conn, code in tick.close.items():
            if conn in self.sockets:
                self.sockets[conn].close(code)

    def _learn(self, tick: RoomTick, followed: bool) -> None:
        """Keep what a newcomer, or somebody who moves, will need."""
        if tick.views:
            self.views, self.welcome = tick.views, tick.welcome
            self.regions = {region: [key] for region, key in tick.keys.items()}
            for socket in list(self._groups.get(-1, ())):
                self._turn(socket, self._middle())
            return
        if not followed:
            self.views, self.regions = [], {}
        if not self.views:
            return
        for region, part in tick.parts.items():
            self.regions[region].append(part)
        for region, key in tick.keys.items():
            self.regions[region] = [key]
        if max(map(len, self.regions.values())) > SINCE_BOUND:
            self.views, self.regions = [], {}

    def _hear(self, tick: RoomTick) -> list[Socket]:
        """Keep what is said to one socket, or to all, until it is written; who was named."""
        heard = []
        for conn, messages in tick.personal.items():
            socket = self.sockets.get(conn)
            if socket is not None:
                _note_answer(socket, messages)
                socket.keep(messages)
                heard.append(socket)
        if tick.notices:
            for socket in self.sockets.values():
                socket.keep(tick.notices)
        return heard

    def _move(self, tick: RoomTick) -> dict[Socket, int]:
        """Turn cameras; answers whose view changed, and what it was."""
        moved: dict[Socket, int] = {}
        for conn, view in tick.looks.items():
            socket = self.sockets.get(conn)
            if socket is not None and socket.view != view:
                moved[socket] = socket.view
                self._turn(socket, view)
        for socket in list(self._wishes):
            if self.last_frame - socket.looked < LOOK_EVERY:
                continue
            del self._wishes[socket]
            if socket.watches() and socket.wish < len(self.views) and socket.wish != socket.view:
                socket.looked = self.last_frame
                moved[socket] = socket.view
                self._turn(socket, socket.wish)
        return moved

    def _check(self, tick: RoomTick) -> None:
        """Let those who asked compare the regions whose turn it is, once they have this tick."""
        sums: dict[int, bytes] = {}
        for socket in self._checked:
            if not socket.synced:
                continue
            if socket.view not in sums:
                regions = {protocol.ROOM, *self.views[socket.view]}.intersection(tick.keys)
                prints = {r: protocol.fingerprint(tick.keys[r], self.welcome) for r in regions}
                sums[socket.view] = protocol.sums(tick.epoch, tick.tick, prints)
            socket.pending.append(sums[socket.view])

    def _serve_all(self, moved: dict[Socket, int]) -> Iterator[None]:
        """Give everybody this tick, with a pause after each slice."""
        served = 0
        for view, group in list(self._groups.items()):
            if not group:
                del self._groups[view]
                continue
            sockets = list(group)
            for first in range(0, len(sockets), SLICE):
                if served >= SLICE:
                    served = 0
                    yield
                self._serve_group(view, sockets[first : first + SLICE], moved)
                served += len(sockets[first : first + SLICE])

    def _serve_group(self, view: int, group: list[Socket], moved: dict[Socket, int]) -> None:
        """Give all who have a view this tick: the same bytes to nearly all of them."""
        payload = self._frame(view, view) if self.views else b""
        frame, pushed, size = server_frame(payload), 0, 0
        for socket in group:
            if socket.sent == self.tick:
                continue  # served first, or brought up to date in a pause
            plain = (
                socket.synced
                and not socket.pending
                and socket not in moved
                and self.last_frame - socket.marked <= UNSEEN_SECONDS
            )
            if plain and (taken := socket.sink.push(frame, payload)):
                socket.sent, socket.behind_since = self.tick, None
                pushed, size = pushed + 1, size + taken
            else:
                self._serve(socket, moved.get(socket, view))
        metrics.count("web.messages_out", pushed)
        metrics.count("web.bytes_out", size)

    def _serve(self, socket: Socket, before: int) -> None:
        """Give one socket its part of a tick: in one write, or nothing while it is behind."""
        if socket.is_behind(self.last_frame):
            self._hold_back(socket)
        elif socket.synced:
            frame = self._frame(before, socket.view)
            socket.write([*socket.pending, frame] if socket.pending else (frame,))
            socket.pending.clear()
            socket.sent = self.tick
            socket.behind_since = None
        elif self.last_frame - socket.keyed > KEYED_EVERY:
            self.bring_up_to_date(socket)

    # --- Frames --------------------------------------------------------------------------------
    def _frame(self, before: int, view: int) -> bytes:
        """This tick for all who had one view and have another, or the same."""
        built = self._built.get((before, view))
        if built is None:
            built = protocol.frame(self.epoch, self.tick, self._parts(before, view))
            self._built[before, view] = built
        return built

    def _parts(self, before: int, view: int) -> Iterable[bytes]:
        changed = self._changed
        yield changed.get(protocol.ROOM, b"")
        if before == view:
            yield from (changed[region] for region in self.views[view] if region in changed)
            return
        known = set(self.views[before])
        yield from map(protocol.forget_part, sorted(known.difference(self.views[view])))
        for region in self.views[view]:
            if region in known:
                yield changed.get(region, b"")
            else:
                yield from self.regions[region]

    def _everything(self, view: int) -> bytes:
        """The keyframe of a view, as of the newest tick."""
        built = self._built.get((-1, view))
        if built is None:
            parts = [
                part
                for region in (protocol.ROOM, *self.views[view])
                for part in self.regions[region]
            ]
            built = protocol.frame(self.epoch, self.tick, parts, keyframe=True)
            self._built[-1, view] = built
        return built

    def resync(self, socket: Socket) -> None:
        """A client missed a tick: bring it up to date now, or as soon as it may be."""
        metrics.count("web.resyncs")
        socket.synced = False
        now = time.monotonic()
        if now - socket.keyed > KEYED_EVERY and not socket.is_behind(now):
            self.bring_up_to_date(socket)

    def _hold_back(self, socket: Socket) -> None:
        metrics.count("web.skipped_frames")
        socket.synced = False
        socket.behind_since = socket.behind_since or self.last_frame
        behind = self.last_frame - socket.behind_since
        if behind > BEHIND_SECONDS and self.last_frame - socket.marked > SLOW_SECONDS:
            socket.close(protocol.TOO_SLOW)

    def bring_up_to_date(self, socket: Socket) -> None:
        """Send a socket everything there is to see, if that is known here."""
        if not self.views:
            return
        messages = [] if socket.welcomed else [self.welcome]
        socket.write([*messages, *socket.pending, self._everything(socket.view)])
        socket.pending.clear()
        socket.welcomed = socket.synced = True
        socket.keyed = time.monotonic()
        socket.sent, socket.behind_since = self.tick, None

    def slow(self) -> int:
        """Sockets that are behind now."""
        return sum(socket.behind_since is not None for socket in self.sockets.values())


def _note_answer(socket: Socket, messages: list[bytes]) -> None:
    """Learn from what the room says to a socket whether its wish to play was answered."""
    for message in messages:
        if protocol.is_seated(message):
            socket.seated, socket.join = True, None
        elif protocol.is_error(message):
            socket.join = None
            if message == protocol.error(protocol.NAME_TAKEN):
                metrics.count("web.names_refused")
