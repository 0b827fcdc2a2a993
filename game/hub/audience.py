"""Who of a room's sockets is sent the same bytes, and who must be looked at one by one.

With thousands of sockets, looking at each takes as long as handing its bytes to the kernel: what is
known of a socket lies in a dozen places of memory, cold since the last tick. So whoever is up to
date, with nothing in its way out, stands in a row; a row is sent to without a look at those who
stand in it. Whatever puts one in trouble sets it apart at that moment: it is looked at with each
tick, until it is like the others again.
"""

from collections.abc import Callable, Iterator

from game.hub.socket import Socket
from game.sinks import Straight

ROW = 400  # sockets of a row: sent to without a pause, some 3 ms, for which inputs wait


class Row:
    """Sockets that have one view, had one before, and were sent the same ticks."""

    __slots__ = ("before", "held", "own", "sends", "tick")

    def __init__(self, before: int, tick: int, held: list[bytes]) -> None:
        self.sends: dict[Socket, Straight] = {}  # the way out of each
        self.own: dict[Socket, list[bytes]] = {}  # what is said to some of them with the next tick
        self.held = held  # frames that go out before the next tick's, in the same write
        self.before = before  # the view that they had with the last tick they were sent, or hold
        self.tick = tick  # that one


class Group:
    """The sockets that have one view: in rows, and apart."""

    __slots__ = ("apart", "rows")

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.apart: dict[Socket, None] = {}

    def put(self, socket: Socket, send: Straight, before: int, tick: int, held: list[bytes]) -> Row:
        """Let one stand in a row with those who had the same view with the same ticks."""
        for row in self.rows:
            same = row.tick == tick and row.before == before and row.held == held
            if same and len(row.sends) < ROW:
                break
        else:
            row = Row(before, tick, held)
            self.rows.append(row)
        row.sends[socket] = send
        socket.row = row
        return row

    def join_rows(self) -> None:
        """Make few rows of many, once all have been sent the same tick."""
        rows = [row for row in self.rows if row.sends]
        self.rows = rows[:1]
        for row in rows[1:]:
            last = self.rows[-1]
            if len(last.sends) + len(row.sends) > ROW:
                self.rows.append(row)
                continue
            last.sends |= row.sends
            for socket in row.sends:
                socket.row = last


class Audience:
    """The sockets of a room by their view."""

    def __init__(self) -> None:
        self.groups: dict[int, Group] = {}

    def _group(self, view: int) -> Group:
        group = self.groups.get(view)
        if group is None:
            group = self.groups[view] = Group()
        return group

    def add(self, socket: Socket, view: int) -> None:
        """A socket comes in, or one that stands apart has another view."""
        socket.view = view
        self._group(view).apart[socket] = None

    def remove(self, socket: Socket) -> None:
        """A socket is gone."""
        self.set_apart(socket)
        del self.groups[socket.view].apart[socket]

    def set_apart(self, socket: Socket) -> None:
        """From now on a socket is looked at with each tick."""
        row = socket.row
        if row is None:
            return
        socket.row, socket.sent, socket.shown = None, row.tick, row.before
        del row.sends[socket]
        socket.keep([*row.held, *row.own.pop(socket, ())])
        self.groups[socket.view].apart[socket] = None

    def line_up(self, socket: Socket, send: Straight, tick: int) -> None:
        """One that stood apart was sent a tick, and needs no look for now."""
        group = self.groups[socket.view]
        del group.apart[socket]
        group.put(socket, send, socket.view, tick, [])

    def turn(self, socket: Socket, view: int) -> None:
        """A socket has another view from now on."""
        row = socket.row
        if row is None:
            del self.groups[socket.view].apart[socket]
            self.add(socket, view)
            return
        send, own = row.sends.pop(socket), row.own.pop(socket, None)
        socket.view = view
        row = self._group(view).put(socket, send, row.before, row.tick, row.held)
        if own:
            row.own[socket] = own

    def advance(self, socket: Socket, row: Row, tick: int) -> None:
        """One is sent a tick before the others of its row."""
        self.groups[socket.view].put(socket, row.sends.pop(socket), socket.view, tick, [])

    def tell(self, socket: Socket, messages: list[bytes]) -> None:
        """Have messages go out with the socket's next frame."""
        row = socket.row
        if row is None:
            socket.keep(messages)
        else:
            before = row.own.get(socket)
            row.own[socket] = messages if before is None else before + messages

    def hold(self, tick: int, frame: Callable[[int, int], bytes]) -> None:
        """Keep a tick for everybody until the next is sent: of each view before, and now, a frame.

        Who is to be told more than that stands apart from here on, so that its order is kept.
        """
        for view, group in self.groups.items():
            for row in group.rows:
                for socket in list(row.own):
                    self.set_apart(socket)
                if row.sends:
                    row.held = [*row.held, frame(row.before, view)]
                    row.before, row.tick = view, tick
            for socket in group.apart:
                if socket.synced:
                    socket.keep([frame(socket.shown, view)])
                    socket.sent, socket.shown = tick, view

    def apart(self) -> Iterator[Socket]:
        """Those who stand in no row."""
        for group in self.groups.values():
            yield from group.apart

    def tidy(self) -> None:
        """All have been sent the same tick: few rows remain, and no view that nobody has."""
        for view, group in list(self.groups.items()):
            if len(group.rows) > 1 or (group.rows and not group.rows[0].sends):
                group.join_rows()
            if not group.rows and not group.apart:
                del self.groups[view]
