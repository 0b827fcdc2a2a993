"""A room in the hands of an engine: its epoch, its clock, who looks at it, what is unanswered."""

import math
from dataclasses import dataclass, field
from typing import Any, ClassVar

from game import protocol
from game.engine.balance import ROOM_LOAD
from game.protocol import Command, Drop, Here, Keys, Notice, RoomTick
from game.room import Room, Tick
from game.rules.contract import ROOM, SCORES, Pilot


@dataclass(eq=False, slots=True)
class Hosted:
    """Plain bookkeeping around a Room; times are of the monotonic clock, in seconds."""

    FORGIVEN: ClassVar[float] = 1.0  # s of lateness after which missed ticks are let go
    KEYS_EVERY: ClassVar[float] = 1.0  # s; each region anew, so that a join needs few deltas
    CHECKPOINT_EVERY: ClassVar[float] = 5.0  # s; a recovery replays at most this much
    UNANSWERED_MOST: ClassVar[int] = 5  # ticks; half a second at 10/s, then the room pauses
    WEB_SILENCE: ClassVar[float] = 6.0  # s; three missed reports of a web process
    COST_TICKS: ClassVar[int] = 50  # over which a room's cost is smoothed: seconds of play
    ASK_AROUND: ClassVar[float] = 1.0  # s; web processes see a new epoch and report within 0.3
    IDLE_TICK: ClassVar[float] = 1.0  # s between ticks of a game that steps only when players act
    NOTICES_MOST: ClassVar[int] = 3  # in a tick: more at once nobody could read
    REMEMBERED: ClassVar[float] = 10.0  # s that a room is named for an overrun: time to read it

    room: Room
    epoch: int
    ticking: bool = False
    ticket: int = 0  # of its one valid place on the clock
    base: float = 0.0
    unanswered: int = 0
    keys_wanted: bool = True  # all of them; the first tick of an epoch always has them
    opened_at: float = float("-inf")
    kept_at: float = 0.0  # time of the last checkpoint
    renewed_at: float = 0.0  # when Redis last confirmed a write, which renewed the lease
    webs: dict[str, tuple[int, float]] = field(default_factory=dict)  # sockets, last heard
    replies: dict[str, list[bytes]] = field(default_factory=dict)  # refusals, for the next tick
    notices: list[bytes] = field(default_factory=list)  # of operators, for the next tick
    empty_since: float | None = None
    over_since: float | None = None
    last_seconds: float = 0.0  # what the last step took
    ticks: int = 0  # made here
    cost: float = 0.0  # seconds of the processor that a tick takes, smoothed
    overruns: int = 0  # steps that took longer than the interval
    overran_at: float = -math.inf  # when the last of them ended
    overran_by: float = 0.0  # what it took, in seconds
    regions: int = 0  # how many the game has

    def __post_init__(self) -> None:
        self.regions = 1 + max(region for view in self.room.game.views for region in view)

    @property
    def id(self) -> str:
        """The room's id."""
        return self.room.settings.id

    @property
    def interval(self) -> float:
        """Seconds from one tick to the next."""
        rate = self.room.game.rate
        return 1 / rate if rate else self.IDLE_TICK

    def rebase(self, now: float) -> None:
        """Begin the clock anew, the next tick due one interval from now."""
        self.base = now - self.room.tick * self.interval

    def due(self) -> float:
        """When the next tick is due."""
        return self.base + (self.room.tick + 1) * self.interval

    def turn(self, now: float) -> float:
        """When its next turn is: behind all who wait now, and after a rest if it overran."""
        return max(self.due(), now + self.last_seconds * self.overran())

    def stepped(self, began: float, ended: float) -> None:
        """A step took this long."""
        self.last_seconds = ended - began
        if self.overran():
            self.overruns += 1
            self.overran_at, self.overran_by = ended, self.last_seconds

    def overran(self) -> bool:
        """Whether the last step took longer than it may."""
        return self.last_seconds > self.interval

    def falls_behind(self, now: float) -> bool:
        """Whether a whole tick was missed; far behind, the clock begins anew."""
        late = now - self.due()
        if late > self.FORGIVEN:
            self.rebase(now - self.interval)
        return late > self.interval

    def note_cost(self, seconds: float) -> None:
        """Take in what a tick cost of the processor; the first tells all anew, and says nothing."""
        if self.ticks:
            self.cost += (seconds - self.cost) / min(self.ticks, self.COST_TICKS)
        self.ticks += 1

    def load(self) -> float:
        """What the room costs, as a part of a core."""
        return ROOM_LOAD + (self.cost / self.interval if self.ticking else 0.0)

    def paused(self) -> bool:
        """Whether the room waits for Redis to confirm its last ticks."""
        return self.unanswered >= self.UNANSWERED_MOST

    def pressing(self) -> bool:
        """Whether a game without a clock has something to do."""
        return bool(self.room.inbox) or self.keys_wanted

    # --- Who is there ------------------------------------------------------------------------
    def adopt(self, now: float) -> None:
        """After a recovery: take it that whoever was there still is, until they are silent."""
        self.opened_at = now
        for seat in self.room.seats.values():
            if seat.conn:
                self.webs.setdefault(_web(seat.conn), (1, now))

    def sockets(self) -> int:
        """Sockets that look at this room, as the web processes last said."""
        return sum(sockets for sockets, _ in self.webs.values())

    def wanted(self, now: float) -> bool:
        """Whether anybody would notice if the room stood still, or may yet say so."""
        if self.sockets() > 0 or self.room.people() > 0 or self.room.inbox:
            return True
        return now - self.opened_at < self.ASK_AROUND

    def _hear(self, here: Here, now: float) -> None:
        """Note who is on a web process; a seat whose connection it no longer has is dropped."""
        self.webs[here.web] = (here.sockets, now)
        if not here.sockets:
            del self.webs[here.web]
        seated = set(here.seated)
        for seat in self.room.seats.values():
            if seat.conn and seat.conn not in seated and _web(seat.conn) == here.web:
                self.room.offer(Drop(seat.conn))

    def forget_silent(self, now: float) -> None:
        """Treat the connections of a web process that fell silent as dropped."""
        for web, (_, heard) in list(self.webs.items()):
            if now - heard > self.WEB_SILENCE:
                del self.webs[web]
                for seat in self.room.seats.values():
                    if seat.conn and _web(seat.conn) == web:
                        self.room.offer(Drop(seat.conn))

    # --- In and out --------------------------------------------------------------------------
    def take(self, command: Command, now: float) -> int:
        """Accept a command; returns 0, or the code of why it was refused."""
        match command:
            case Keys():
                self.keys_wanted = True
            case Here():
                self._hear(command, now)
            case Notice():
                return self._announce(command)
            case protocol.Close():
                pass  # the engine's to do
            case _:
                refused, bound = self.room.offer(command), self.room.inbox.joins_bound
                if refused == protocol.SCORES_BACKLOG and len(self.replies) < bound:
                    self.replies[command.conn] = [protocol.error(refused)]  # type: ignore[union-attr]
                return refused
        return 0

    def _announce(self, notice: Notice) -> int:
        """Show it with the next tick; a room that sleeps has nobody to read it."""
        if len(self.notices) >= self.NOTICES_MOST:
            return protocol.TOO_MANY
        if self.ticking:
            self.notices.append(protocol.notice(notice.text))
        return 0

    def message(self, tick: Tick) -> RoomTick:
        """A tick as every web process in the room gets it."""
        room, whole = self.room, self.keys_wanted
        self.keys_wanted = False
        for conn, messages in self.replies.items():
            for message in messages:
                tick.tell(conn, message)
        self.replies.clear()
        notices, self.notices = self.notices, []
        if whole:
            room.repeat(tick)
        return RoomTick(
            epoch=self.epoch,
            tick=room.tick,
            parts=room.delta(tick),
            keys=room.keys(self._keys_due(whole)),
            looks=tick.looks,
            views=[list(view) for view in room.game.views] if whole else [],
            welcome=room.welcome() if whole else b"",
            personal=tick.personal,
            close=tick.close,
            notices=notices,
        )

    def _keys_due(self, whole: bool) -> list[int]:
        """The regions whose turn it is to be told anew: all, or a few in each tick."""
        regions = [*range(self.regions), ROOM]
        if whole:
            return regions
        period = max(1, round(self.KEYS_EVERY / self.interval))
        return regions[self.room.tick % period :: period]

    # --- Told to others ----------------------------------------------------------------------
    def _known(self) -> dict[str, Any]:
        """What every list of rooms says of it."""
        settings, people = self.room.settings, self.room.people()
        return {
            "id": settings.id,
            "title": settings.title,
            "game": settings.game,
            "private": settings.private,
            "people": people,
            "bots": len(self.room.seats) - people,
        }

    def line(self) -> dict[str, Any]:
        """The room in the lobby's list."""
        options = self.room.game.options
        return self._known() | {
            "capacity": self.room.settings.capacity,
            **{key: options.get(key) for key in ("width", "height", "wrap", "rocks")},
        }

    def report(self, now: float) -> dict[str, Any]:
        """The room on the operator's page."""
        scores = self.room.game.tables.get(SCORES)
        points = dict(scores.rows(ROOM)) if scores else {}
        overran = self.overran_by if now - self.overran_at < self.REMEMBERED else 0.0
        return self._known() | {
            "watchers": max(0, self.sockets() - self._present()),
            "tick": self.room.tick,
            "tick_ms": round(self.last_seconds * 1000, 3),
            "tick_may_ms": round(self.interval * 1000, 3),
            "overruns": self.overruns,
            "overran_ms": round(overran * 1000, 3),
            "asleep": not self.ticking,
            "seats": [
                [s.number, s.name, int(s.pilot), s.player, *points.get(s.number, (0,))[:1]]
                for s in self.room.seats.values()
            ],
        }

    def _present(self) -> int:
        return sum(seat.pilot is Pilot.PERSON for seat in self.room.seats.values())


def _web(conn: str) -> str:
    """The web process that a connection is on: ids are "<web>:<number>"."""
    return conn.partition(":")[0]
