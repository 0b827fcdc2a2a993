"""What came for a room's next tick: bounded, so that nobody can fill it for the others."""

from collections import Counter
from typing import Final

from game import protocol
from game.protocol import Ack, Act, Drop, Input, Join, Kick, Leave
from game.room.seats import Seats

INPUTS_PER_CONN: Final = 8  # of one connection in a tick: two ticks' worth of the fastest typist
JOINS_PER_SEAT: Final = 2  # wishes to play in a tick, times capacity; those who wait say it again


class Inbox:
    """Inputs in the order in which they came.

    Whoever plays has an allowance of their own: however many ask to come in, no turn is lost.
    """

    def __init__(self, seats: Seats, capacity: int) -> None:
        self.joins_bound = JOINS_PER_SEAT * capacity
        self._seats = seats
        self._begin()

    def _begin(self) -> None:
        self._inputs: list[Input] = []
        self._offered: Counter[str] = Counter()  # by connection
        self._dropped: set[str] = set()  # connections whose end is in here
        self._joins_left = self.joins_bound

    def __len__(self) -> int:
        return len(self._inputs)

    def take(self) -> list[Input]:
        """All that came since the last time."""
        inputs = self._inputs
        self._begin()
        return inputs

    def offer(self, command: Input, *, no_new_lives: bool) -> int:
        """Take an input; returns 0, or the code of why it is refused."""
        match command:
            case Join():
                if not self._joins_left:
                    return protocol.TOO_MANY
            case Act() | Ack() | Leave() | Drop():
                offered = self._offered[command.conn]
                if not offered and command.conn not in self._seats.by_conn:
                    return protocol.NOT_SEATED
                if offered >= INPUTS_PER_CONN and isinstance(command, Act | Ack):
                    return protocol.TOO_MANY
                if isinstance(command, Drop):
                    if command.conn in self._dropped:
                        return 0  # known; it may be said again for as long as the room is paused
                    self._dropped.add(command.conn)
        if no_new_lives and self._begins_life(command):
            return protocol.SCORES_BACKLOG
        if isinstance(command, Join):
            self._joins_left -= 1
        if not isinstance(command, Kick):
            self._offered[command.conn] += 1
        self._inputs.append(command)
        return 0

    def _begins_life(self, command: Input) -> bool:
        if isinstance(command, Join):
            return command.player not in self._seats.by_player
        if isinstance(command, Act):
            seat = self._seats.by_conn.get(command.conn)
            return seat is not None and not seat.life
        return False
