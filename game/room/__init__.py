"""One room: a game, the people and bots in its seats, a bounded inbox and a tick number.

Pure like the rules: no clock, no I/O. What `step` does follows from the inputs alone, so replaying
the journal over a checkpoint gives the same room to the last bit.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from game import protocol
from game.protocol import Ack, Act, Drop, Input, Join, Kick, Leave
from game.room import picture
from game.room.inbox import Inbox
from game.room.parts import Seat, Settings, Tick
from game.room.saves import STATE_VERSION, Newer, bring_up, load_seats, save_seats
from game.room.seats import Seats
from game.rules.contract import (
    NOBODY,
    ROOM,
    Change,
    Died,
    Finished,
    Game,
    Pilot,
    Row,
    Spawned,
    Visible,
)
from game.rules.games import GAMES

__all__ = ["STATE_FORMAT", "Newer", "Room", "Seat", "Settings", "Tick"]

# One number for all that an engine can read: higher with each version of the room's or a game's
# state, and with each game.
STATE_FORMAT = STATE_VERSION + sum(game.VERSION for game in GAMES.values())
NOTES_PER_SEAT = 16  # unacknowledged notes kept; a page that missed more deaths has been away long
MAX_SEAT = 16_000  # seat numbers count up to here and begin again: games pack them in 14 bits
SEQ_SPAN = 1 << 16  # action numbers wrap at 16 bits


class Room:
    """A running room; `offer` takes inputs, `step` advances it by one tick."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.tick = 0
        self.over = False
        self.backlog = False  # the outbox is full: no new life may begin
        self.seats = Seats()
        self.last_seat = 0
        self.game: Game = GAMES[settings.game](settings.seed, settings.options)
        self._prepare()

    def _prepare(self) -> None:
        self.inbox = Inbox(self.seats, self.settings.capacity)
        self.actions = {action.code: action for action in self.game.ACTIONS}
        self.hold = protocol.HOLD_SECONDS * max(1, self.game.rate)  # ticks
        self._fresh: list[Seat] = []  # whose connection came in this tick
        self._leaving: dict[int, Seat] = {}

    # --- Inputs ----------------------------------------------------------------------------
    def offer(self, command: Input) -> int:
        """Take an input for the next tick; returns 0, or the code of why it is refused."""
        return self.inbox.offer(command, no_new_lives=self.backlog)

    def people(self) -> int:
        """Seats held by people, present or absent."""
        return self.seats.people

    # --- One tick --------------------------------------------------------------------------
    def step(self) -> Tick:
        """Advance by one tick with what came since the last."""
        return self.replay(self.inbox.take())

    def replay(self, inputs: list[Input]) -> Tick:
        """Advance by one tick with exactly these inputs."""
        self.tick += 1
        tick = Tick(self.tick, inputs)
        actions: list[tuple[int, int, Row]] = []
        for command in inputs:
            match command:
                case Join():
                    self._join(tick, command)
                case Act():
                    self._act(tick, command, actions)
                case Ack():
                    self._ack(command)
                case Drop():
                    self._drop(tick, command)
                case Leave():
                    seat = self.seats.by_conn.get(command.conn)
                    if seat is not None:
                        self._vacate(tick, seat)
                case Kick():
                    self._kick(tick, command)
        self._expire(tick)
        self._fill(tick)
        if not self.over and (self.game.rate or actions or tick.roster):
            for event in self.game.step(actions):
                self._report(tick, event)
        self._leaving.clear()
        self._repeat_notes(tick)
        self._collect_changes(tick)
        self._look(tick)
        self._fresh.clear()
        return tick

    def _join(self, tick: Tick, join: Join) -> None:
        seat = self.seats.by_player.get(join.player)
        same = [other for other in self.seats.named(join.name) if other is not seat]
        taken = any(other.pilot is not Pilot.BOT for other in same)
        if seat is not None:
            self._resume(tick, seat, join, None if same else join.name)
        elif taken:
            tick.tell(join.conn, protocol.error(protocol.NAME_TAKEN))
        elif self.people() >= self.settings.capacity or self.over:
            tick.tell(join.conn, protocol.error(protocol.ROOM_FULL))
        else:
            for bot in same:  # a bot gives its name up to a person
                self._vacate(tick, bot)
            colour = self.seats.colour(join.colour, self.last_seat)
            seat = self._sit(tick, join.player, join.name, colour, Pilot.PERSON)
            self._connect(seat, join.conn)
            tick.tell(join.conn, protocol.seated(seat.number, seat.seq, resumed=False))

    def _resume(self, tick: Tick, seat: Seat, join: Join, name: str | None) -> None:
        if seat.conn and seat.conn != join.conn:
            tick.close[seat.conn] = protocol.REPLACED
        self._connect(seat, join.conn)
        if name:
            self.seats.rename(seat, name)
        self._steer(tick, seat, Pilot.PERSON)
        tick.tell(join.conn, protocol.seated(seat.number, seat.seq, resumed=True))
        for number, content in seat.notes:
            tick.tell(join.conn, protocol.note(number, content))

    def _connect(self, seat: Seat, conn: str) -> None:
        self.seats.connect(seat, conn)
        self._fresh.append(seat)

    def _sit(self, tick: Tick, player: str, name: str, colour: int, pilot: Pilot) -> Seat:
        number = self.last_seat
        while number == self.last_seat or number in self.seats or number in self._leaving:
            number = number % MAX_SEAT + 1
        self.last_seat = number
        seat = Seat(number, player, name, colour, pilot)
        self.seats.add(seat)
        self.game.join(seat.number, colour, pilot)
        tick.roster[seat.number] = seat.row()
        return seat

    def _vacate(self, tick: Tick, seat: Seat) -> None:
        self._leaving[seat.number] = seat
        self.seats.vacate(seat)
        self.game.leave(seat.number)
        tick.roster[seat.number] = None

    def _steer(self, tick: Tick, seat: Seat, pilot: Pilot) -> None:
        self.seats.hand_over(seat, pilot)
        self.game.steer(seat.number, pilot)
        tick.roster[seat.number] = seat.row()

    def _drop(self, tick: Tick, drop: Drop) -> None:
        seat = self.seats.by_conn.get(drop.conn)
        if seat is not None:
            self.seats.connect(seat, "")
            seat.absent_since = self.tick
            self._steer(tick, seat, Pilot.ABSENT)

    def _kick(self, tick: Tick, kick: Kick) -> None:
        seat = self.seats.get(kick.seat)
        if seat is not None:
            if seat.conn:
                tick.close[seat.conn] = protocol.REMOVED
            self._vacate(tick, seat)

    def _act(self, tick: Tick, act: Act, actions: list[tuple[int, int, Row]]) -> None:
        seat = self.seats.by_conn.get(act.conn)
        spec = self.actions.get(act.code)
        if seat is None or spec is None:
            tick.refused += 1
            return
        if not 0 < (act.seq - seat.seq) % SEQ_SPAN < SEQ_SPAN // 2:
            return  # sent again after a hand-over, and taken before
        seat.seq = act.seq
        tick.tell(act.conn, protocol.acked(act.seq))
        if self.game.rate and self.tick - act.tick > self.game.rate:
            tick.stale += 1  # more than a second old: it was meant for a board long gone
            return
        try:
            actions.append((seat.number, act.code, protocol.action_fields(spec, act.fields)))
        except protocol.Malformed:
            tick.refused += 1

    def _ack(self, ack: Ack) -> None:
        seat = self.seats.by_conn.get(ack.conn)
        if seat is not None and seat.notes:
            seat.notes = [
                n for n in seat.notes if 0 < (n[0] - ack.number) % SEQ_SPAN < SEQ_SPAN // 2
            ]

    def _expire(self, tick: Tick) -> None:
        if not any(self._is_overdue(seat) for seat in self.seats.absent.values()):
            return
        for seat in [seat for seat in self.seats.values() if self._is_overdue(seat)]:
            self._vacate(tick, seat)

    def _is_overdue(self, seat: Seat) -> bool:
        return seat.pilot is Pilot.ABSENT and self.tick - seat.absent_since >= self.hold

    # --- Bots ------------------------------------------------------------------------------
    def _fill(self, tick: Tick) -> None:
        """Let bots in until the room is lively, and out as people come."""
        missing = self.settings.fill - len(self.seats)
        if missing == 0 or (missing < 0 and not self.seats.bots):
            return  # nearly always: the look at every seat below is for the others
        bots = [seat for seat in self.seats.values() if seat.pilot is Pilot.BOT]
        bots.sort(
            key=lambda bot: self.seats.crowded(bot.colour)
        )  # out first: who looks like another
        while bots and len(self.seats) > self.settings.fill:
            self._vacate(tick, bots.pop())
        while len(self.seats) < self.settings.fill and not self.over:
            name = self.seats.bot_name(self.settings.seed, self.last_seat + 1)
            self._sit(tick, "", name, self.seats.bot_colour(self.last_seat), Pilot.BOT)

    # --- What happened ---------------------------------------------------------------------
    def _report(self, tick: Tick, event: Spawned | Died | Finished) -> None:
        match event:
            case Spawned(number, life):
                if number in self.seats:
                    self.seats[number].life = life
            case Died():
                self._died(tick, event)
            case Finished():
                self.over = True

    def _died(self, tick: Tick, died: Died) -> None:
        seat = self.seats.get(died.seat) or self._leaving[died.seat]
        seat.life = 0
        cause = self.game.CAUSES[died.cause]
        by = self.seats.get(died.by) or self._leaving.get(died.by)
        news = ["died", died.seat, cause, died.by, died.score, died.length, died.kills]
        tick.events.setdefault(died.region, []).append(news)
        if seat.pilot is Pilot.BOT:
            return
        life = {
            "life": f"{self.settings.match}-{died.life}",
            "cause": cause,
            "score": died.score,
            "length": died.length,
            "kills": died.kills,
            "seconds": round(died.ticks / max(1, self.game.rate), 1),
        }
        by_name = by.name if by else ""
        tick.lives.append(
            life
            | {"match": self.settings.match, "room": self.settings.id, "by": by_name}
            | {"game": self.settings.game, "player": seat.player}
            | {"name": seat.name, "colour": seat.colour}
        )
        if seat.number in self.seats:
            seat.note_number = seat.note_number % (SEQ_SPAN - 1) + 1
            content = {"kind": "died", "by": died.by if by else NOBODY, "byName": by_name} | life
            seat.notes = [*seat.notes, [seat.note_number, content]][-NOTES_PER_SEAT:]
            tick.tell(seat.conn, protocol.note(seat.note_number, content))

    def _repeat_notes(self, tick: Tick) -> None:
        if self.tick % max(1, self.game.rate):
            return
        for seat in self.seats.values():
            if seat.notes and not tick.personal.get(seat.conn):
                for number, content in seat.notes:
                    tick.tell(seat.conn, protocol.note(number, content))

    def _collect_changes(self, tick: Tick) -> None:
        for index, table in enumerate(self.game.tables.values()):
            changes, spec = table.take_changes(), table.spec
            if spec.scope == "seat":
                self._tell_own(tick, index, table, changes)
            elif changes:
                tick.changes.append((index, spec, changes))

    def _tell_own(
        self, tick: Tick, index: int, table: Visible, changes: Mapping[int, Change]
    ) -> None:
        """Tell players the rows that only they may see: the new ones, and all to who just came."""
        rows = dict(changes[ROOM].rows) if ROOM in changes else {}
        if self._fresh:
            all_rows = dict(table.rows(ROOM))
            rows |= {s.number: all_rows[s.number] for s in self._fresh if s.number in all_rows}
        for number, row in rows.items():
            seat = self.seats.get(number)
            if seat is not None:
                tick.tell(seat.conn, protocol.own(index, table.spec, row))

    def _look(self, tick: Tick) -> None:
        """Say whose camera moved, and where that of newcomers is."""
        for number, view in self.game.take_moved().items():
            seat = self.seats.get(number)
            if seat is not None and seat.conn:
                tick.looks[seat.conn] = view
        for seat in self._fresh:
            if self.seats.get(seat.number) is seat and seat.conn:
                tick.looks[seat.conn] = self.game.view(seat.number)

    def repeat(self, tick: Tick) -> None:
        """Say again in this tick what each connection must know though a tick was lost."""
        tick.looks = {
            conn: self.game.view(seat.number) for conn, seat in self.seats.by_conn.items()
        }
        for index, table in enumerate(self.game.tables.values()):
            if table.spec.scope == "seat":
                rows = dict(table.rows(ROOM))
                for conn, seat in self.seats.by_conn.items():
                    if seat.number in rows:
                        tick.tell(conn, protocol.own(index, table.spec, rows[seat.number]))

    # --- As bytes ----------------------------------------------------------------------------
    def delta(self, tick: Tick) -> dict[int, bytes]:
        """What a tick changed, by region."""
        return picture.delta(tick)

    def keys(self, regions: Iterable[int]) -> dict[int, bytes]:
        """All that is to be seen of these regions after the last tick."""
        return picture.keys(self.game, regions, self.seats.values())

    def welcome(self) -> bytes:
        """What a page must know before the first frame."""
        return picture.welcome(self.game, self.settings)

    # --- Kept and brought back -------------------------------------------------------------
    def checkpoint(self) -> dict[str, Any]:
        """The whole hidden state as plain data, after the last tick."""
        return {
            "version": STATE_VERSION,
            "game_version": self.game.VERSION,
            "tick": self.tick,
            "over": self.over,
            "last_seat": self.last_seat,
            "seats": save_seats(self.seats.values()),
            "game": self.game.checkpoint(),
        }

    @classmethod
    def restore(cls, settings: Settings, data: Mapping[str, Any]) -> "Room":
        """The room as it was at checkpoint(); raises ValueError when that is damaged, or Newer.

        State of the previous version is brought up, and the game's by the game.
        """
        game = GAMES[settings.game]
        room = cls.__new__(cls)
        room.settings, room.backlog = settings, False
        try:
            data = bring_up(data, game.VERSION)
            room.tick, room.over = int(data["tick"]), bool(data["over"])
            room.last_seat = int(data["last_seat"])
            seats = load_seats(data["seats"])
        except (KeyError, TypeError) as error:
            raise ValueError(f"the checkpoint is damaged: {error!r}") from error
        room.seats = Seats(seats)
        room.game = game.restore(data["game"])
        for table in room.game.tables.values():
            table.take_changes()  # a restored room is told by keyframe
        room._prepare()
        return room
