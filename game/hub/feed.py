"""One room as this web process follows it: what is known of it, and the sockets that look on."""

import time
from collections import deque
from collections.abc import Iterator
from functools import partial

from game import metrics, protocol
from game.hub.audience import ROW, Audience, Row
from game.hub.frames import Frames
from game.hub.out import Out
from game.hub.socket import UNSEEN_SECONDS, Socket
from game.protocol import Command, RoomTick
from game.sinks import server_frame

SLOW_SECONDS = 5.0  # s without such progress after which the socket of one who is behind is closed
BEHIND_SECONDS = 1.0  # s it is given to catch up first: perhaps this process stood still
KEYED_EVERY = 0.5  # s between keyframes for one client, whatever it asks for or misses
LOOK_EVERY = 0.25  # s between moves of the camera of one who watches
SLICE = ROW  # sockets served without a pause: a row, or as many of several
SWEEP_EVERY = 0.5  # s between looks for those whose pings have stopped; they may for UNSEEN_SECONDS


class Feed:
    """What the hub keeps of a room; `take` is called with every committed tick, in order."""

    def __init__(self, room: str) -> None:
        self.room = room
        self.sockets: dict[str, Socket] = {}
        self.followed = False  # whether its frames are subscribed to
        self.engine = ""  # its id; "" while nobody is known to hold the room
        self.unsent: list[Command] = []  # while no engine is known
        self.waiting: deque[RoomTick] = deque()  # that came, and are to be taken
        self.due = False  # whether the hub knows of them
        self.frames = Frames()
        self.last_frame = time.monotonic()
        self.keys_asked = 0.0
        self.waiting_told = False
        self._audience = Audience()
        self._out = Out()
        self._swept = 0.0  # when those who confirm nothing were last looked for
        self._wishes: dict[Socket, None] = {}  # who watches and asked for another view
        self._checked: dict[Socket, None] = {}  # who compares what it holds with the engine's rows

    # --- Sockets -----------------------------------------------------------------------------
    def add(self, socket: Socket) -> None:
        """A socket comes in; until it has a seat or asks for another, its view is the middle."""
        self.sockets[socket.conn] = socket
        self._audience.add(socket, self.frames.middle())

    def remove(self, socket: Socket) -> None:
        """A socket is gone."""
        del self.sockets[socket.conn]
        self._audience.remove(socket)
        socket.sink.let_go()
        self._wishes.pop(socket, None)
        self._checked.pop(socket, None)

    def look(self, socket: Socket, view: int) -> None:
        """One who watches asks for a view; the last wish counts, some times a second."""
        if socket.watches():
            socket.wish = view
            self._wishes[socket] = None

    def check(self, socket: Socket) -> None:
        """One who looks for faults asks what its regions must look like, each at its turn."""
        self._checked[socket] = None

    # --- A tick --------------------------------------------------------------------------------
    def take(self, tick: RoomTick, *, more: bool = False) -> Iterator[None]:
        """Apply a tick and fan it out, with pauses in which sockets may come, go and speak.

        Where more have come already, this process is late: a tick waits for the next, without a
        pause, and both go out in one write. That is half the work, and nobody is shown less.
        """
        if not self.frames.newer(tick):
            return
        self.last_frame, self.waiting_told = time.monotonic(), False
        followed = self.frames.learn(tick)
        acted = self._hear(tick)
        if not followed:
            for socket in self.sockets.values():
                self._lose_track(socket)
        self._move(tick)
        self._check()
        if self.last_frame - self._swept > SWEEP_EVERY:
            self._sweep()
        if more:
            metrics.count("web.ticks_joined")
            self._audience.hold(tick.tick, self.frames.of)
        else:
            for socket in acted:  # it waits for this; the others do not know
                self._serve_first(socket)
            self._out.go(self._finish)
            yield from self._serve_all()
        for conn, code in tick.close.items():
            if conn in self.sockets:
                self.sockets[conn].close(code)

    def _hear(self, tick: RoomTick) -> list[Socket]:
        """Keep what is said to one socket, or to all, until it is written; who was answered."""
        acted = []
        for conn, messages in tick.personal.items():
            socket = self.sockets.get(conn)
            if socket is not None:
                self._audience.tell(socket, messages)
                if _note_answers(socket, messages):
                    acted.append(socket)
        if tick.notices:
            for socket in self.sockets.values():
                self._audience.tell(socket, tick.notices)
        return acted

    def _move(self, tick: RoomTick) -> None:
        """Turn cameras."""
        if tick.views:  # those who came before the views were known get one
            for waiting in [one for one in self._audience.apart() if one.view < 0]:
                self._audience.turn(waiting, self.frames.middle())
        for conn, view in tick.looks.items():
            socket = self.sockets.get(conn)
            if socket is not None and socket.view != view:
                self._audience.turn(socket, view)
        for guest in list(self._wishes):
            if self.last_frame - guest.looked < LOOK_EVERY:
                continue
            del self._wishes[guest]
            known = guest.wish < len(self.frames.views)
            if guest.watches() and known and guest.wish != guest.view:
                guest.looked = self.last_frame
                self._audience.turn(guest, guest.wish)

    def _check(self) -> None:
        """Let those who asked compare the regions whose turn it is, once they have this tick."""
        sums: dict[int, bytes] = {}
        for socket in self._checked:
            if socket.synced:
                if socket.view not in sums:
                    sums[socket.view] = self.frames.sums(socket.view)
                self._audience.tell(socket, [sums[socket.view]])

    def _sweep(self) -> None:
        """Set those apart whose pings confirm nothing any more."""
        self._swept = self.last_frame
        for socket in self.sockets.values():
            if self.last_frame - socket.marked > UNSEEN_SECONDS:
                self._audience.set_apart(socket)

    # --- Fan-out -------------------------------------------------------------------------------
    def _serve_all(self) -> Iterator[None]:
        """Give everybody this tick, with a pause after each slice.

        Views are taken in their order on the board: who moves on to the next gets its ticks at
        nearly the same distance.
        """
        served = 0
        for view, group in sorted(self._audience.groups.items()):
            for row in tuple(group.rows):
                if not row.sends or row.tick == self.frames.tick:
                    continue
                if served + len(row.sends) > SLICE:
                    self._out.go(self._finish)
                    served = 0
                    yield
                served += len(row.sends)
                self._serve_row(row, view)
            for socket in list(group.apart):
                if served >= SLICE:
                    self._out.go(self._finish)
                    served = 0
                    yield
                if socket in group.apart:  # it may have gone in a pause
                    served += 1
                    self._serve_apart(socket)
        self._out.go(self._finish)
        self._audience.tidy()

    def _serve_row(self, row: Row, view: int) -> None:
        """Give all who stand in a row this tick; it has not been sent to any of them."""
        frame = server_frame(self.frames.of(row.before, view))
        held, sends = row.held, row.sends
        row.before, row.tick, row.held = view, self.frames.tick, []
        if row.own:
            own, row.own = row.own, {}
            for socket, messages in own.items():
                said = [*held, *messages]
                self._out.put(socket, sends[socket], _with(said, frame), len(said) + 1)
            sends = {socket: send for socket, send in sends.items() if socket not in own}
        self._out.put_all(sends, _with(held, frame), len(held) + 1)

    def _serve_first(self, socket: Socket) -> None:
        """Give one who acted this tick before the others."""
        row = socket.row
        if row is None:
            if socket.synced and not socket.is_behind(self.last_frame):
                self._serve(socket)
        elif row.tick != self.frames.tick:
            messages = [*row.held, *row.own.pop(socket)]
            data = _with(messages, server_frame(self.frames.of(row.before, socket.view)))
            send = row.sends[socket]
            self._audience.advance(socket, row, self.frames.tick)
            self._out.put(socket, send, data, len(messages) + 1)

    def _finish(self, socket: Socket, rest: bytes) -> None:
        """The kernel did not take all: the transport goes on, and no frame may overtake it."""
        self._audience.set_apart(socket)
        socket.sink.finish(rest)

    def _serve_apart(self, socket: Socket) -> None:
        """Give one socket this tick, and a place in a row if it is like the others now."""
        tick = self.frames.tick
        if socket.sent != tick:  # else it was served first, or brought up to date in a pause
            self._serve(socket)
        if socket.synced and socket.sent == tick and not socket.pending:
            send = socket.sink.straight(partial(self._audience.set_apart, socket))
            if send is not None:
                self._audience.line_up(socket, send, tick)

    def _serve(self, socket: Socket) -> None:
        """Give one that stands apart a tick: in one write, or nothing while it is behind."""
        if socket.is_behind(self.last_frame):
            self._hold_back(socket)
        elif socket.synced:
            socket.write([*socket.pending, self.frames.of(socket.shown, socket.view)])
            self._written(socket)
        elif self.last_frame - socket.keyed > KEYED_EVERY:
            self.bring_up_to_date(socket)

    def _written(self, socket: Socket) -> None:
        socket.pending.clear()
        socket.sent, socket.shown = self.frames.tick, socket.view
        socket.behind_since = None

    def resync(self, socket: Socket) -> None:
        """A client missed a tick: bring it up to date now, or as soon as it may be."""
        metrics.count("web.resyncs")
        self._lose_track(socket)
        now = time.monotonic()
        if now - socket.keyed > KEYED_EVERY and not socket.is_behind(now):
            self.bring_up_to_date(socket)

    def _lose_track(self, socket: Socket) -> None:
        """A socket needs everything there is to see before it can follow again."""
        self._audience.set_apart(socket)
        socket.synced = False

    def _hold_back(self, socket: Socket) -> None:
        metrics.count("web.skipped_frames")
        socket.synced = False
        socket.behind_since = socket.behind_since or self.last_frame
        behind = self.last_frame - socket.behind_since
        if behind > BEHIND_SECONDS and self.last_frame - socket.marked > SLOW_SECONDS:
            socket.close(protocol.TOO_SLOW)

    def bring_up_to_date(self, socket: Socket) -> None:
        """Send a socket everything there is to see, if that is known here."""
        if not self.frames.views:
            return
        self._audience.set_apart(socket)  # the tick that is going out is in it
        messages = [] if socket.welcomed else [self.frames.welcome]
        socket.write([*messages, *socket.pending, self.frames.everything(socket.view)])
        socket.welcomed = socket.synced = True
        socket.keyed = time.monotonic()
        self._written(socket)

    def slow(self) -> int:
        """Sockets that are behind now."""
        return sum(socket.behind_since is not None for socket in self._audience.apart())


def _with(messages: list[bytes], frame: bytes) -> bytes:
    """Messages and a frame as they go out, in one piece."""
    return b"".join([*map(server_frame, messages), frame])


def _note_answers(socket: Socket, messages: list[bytes]) -> bool:
    """Learn from what the room says whether a wish to play was answered; is this an answer?"""
    answered = False
    for message in messages:
        if protocol.is_acked(message):
            answered = True
        elif protocol.is_seated(message):
            answered, socket.seated, socket.join = True, True, None
        elif protocol.is_error(message):
            answered, socket.join = True, None
            if message == protocol.error(protocol.NAME_TAKEN):
                metrics.count("web.names_refused")
    return answered
