"""The seats of a room by number, and found as quickly by connection, player and name."""

from collections import Counter
from collections.abc import Iterable

from game import names
from game.room.parts import Seat
from game.rules.contract import Pilot

COLOURS = 8  # that people tell apart, colour-blind or not
BOT_NAMES = (
    *("Juniper", "Pebble", "Tamarind", "Moss", "Clover", "Bramble", "Saffron", "Thistle"),
    *("Marlow", "Hazel", "Pippin", "Sorrel", "Fennel", "Acorn", "Willow", "Comet"),
    *("Basil", "Poppy", "Quill", "Ember", "Nettle", "Olive", "Rowan", "Tansy"),
)


class Seats(dict[int, Seat]):
    """Seats by number, in the order in which they were taken; change them by the methods alone."""

    def __init__(self, seats: Iterable[Seat] = ()) -> None:
        super().__init__()
        self.by_conn: dict[str, Seat] = {}
        self.by_player: dict[str, Seat] = {}
        self.absent: dict[int, Seat] = {}  # by number
        self.bots = 0
        self._by_name: dict[str, list[Seat]] = {}  # by what names share that look alike
        self._worn: Counter[int] = Counter()  # colours of all
        self._worn_by_people: Counter[int] = Counter()
        for seat in seats:
            self.add(seat)

    @property
    def people(self) -> int:
        """Seats held by people, present or absent."""
        return len(self) - self.bots

    # --- Changes -----------------------------------------------------------------------------
    def add(self, seat: Seat) -> None:
        """Somebody sits down."""
        self[seat.number] = seat
        self._know_name(seat)
        self._worn[seat.colour] += 1
        if seat.pilot is Pilot.BOT:
            self.bots += 1
        else:
            self.by_player[seat.player] = seat
            self._worn_by_people[seat.colour] += 1
        if seat.conn:
            self.by_conn[seat.conn] = seat
        if seat.pilot is Pilot.ABSENT:
            self.absent[seat.number] = seat

    def vacate(self, seat: Seat) -> None:
        """Somebody stands up."""
        del self[seat.number]
        self._forget_name(seat)
        self._worn[seat.colour] -= 1
        if seat.pilot is Pilot.BOT:
            self.bots -= 1
        else:
            del self.by_player[seat.player]
            self._worn_by_people[seat.colour] -= 1
        self.by_conn.pop(seat.conn, None)
        self.absent.pop(seat.number, None)

    def hand_over(self, seat: Seat, pilot: Pilot) -> None:
        """Let somebody else steer for a person: nobody while they are away, then they again."""
        seat.pilot = pilot
        if pilot is Pilot.ABSENT:
            self.absent[seat.number] = seat
        else:
            self.absent.pop(seat.number, None)

    def connect(self, seat: Seat, conn: str) -> None:
        """Let a seat take its inputs from this connection ("" for none) and from no other."""
        self.by_conn.pop(seat.conn, None)
        seat.conn = conn
        if conn:
            self.by_conn[conn] = seat

    def rename(self, seat: Seat, name: str) -> None:
        """Give a seat another name."""
        self._forget_name(seat)
        seat.name = name
        self._know_name(seat)

    def _know_name(self, seat: Seat) -> None:
        for skeleton in names.skeletons(seat.name):
            self._by_name.setdefault(skeleton, []).append(seat)

    def _forget_name(self, seat: Seat) -> None:
        for skeleton in names.skeletons(seat.name):
            self._by_name[skeleton].remove(seat)
            if not self._by_name[skeleton]:
                del self._by_name[skeleton]

    # --- Names and colours -------------------------------------------------------------------
    def named(self, name: str) -> list[Seat]:
        """The seats whose name people would take for this one."""
        alike = (self._by_name.get(skeleton, ()) for skeleton in names.skeletons(name))
        return list({seat.number: seat for seats in alike for seat in seats}.values())

    def bot_name(self, seed: int, seat: int) -> str:
        """A name that nobody here has, for the bot who gets this seat."""
        start = (seed + seat) % len(BOT_NAMES)
        for name in BOT_NAMES[start:] + BOT_NAMES[:start]:
            if not self.named(name):
                return name
        return f"Bot {seat}"

    def crowded(self, colour: int) -> int:
        """How many wear a colour."""
        return self._worn[colour]

    def bot_colour(self, start: int) -> int:
        """The colour that the fewest wear."""
        return _rarest(self._worn, start)

    def colour(self, wish: int, start: int) -> int:
        """The colour a person asked for, unless another person wears it and a free one is left."""
        worn = self._worn_by_people
        taken = sum(count > 0 for count in worn.values())
        return _rarest(worn, start) if worn[wish] and taken < COLOURS else wish


def _rarest(worn: Counter[int], start: int) -> int:
    """The least worn colour; of several, the first from some start on."""
    return min(range(COLOURS), key=lambda colour: (worn[colour], (colour + start) % COLOURS))
