"""The Game contract: what a developer writes to add a game, and the events a game answers with.

A game is pure: no clock, no I/O, no Django, no ordering taken from a set or a hash. The same seed
and the same calls give the same state in any process; tests, recovery and replays rest on that.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, ClassVar, Literal, NamedTuple, Protocol

Width = Literal["B", "H", "I"]  # an unsigned number of 1, 2 or 4 bytes, as struct spells it
Row = tuple[int, ...]
NOBODY = 0  # seats are numbered from 1, so that 0 can say "no one"
SCORES = "scores"  # a room table of this name, by seat, points first, is what lists show
ROOM = 0xFFFF  # the pseudo-region of tables that everyone in the room sees


class Pilot(IntEnum):
    """Who steers a seat."""

    PERSON = 0  # actions only
    ABSENT = 1  # a person who dropped: the game steers to survive, and nothing else
    BOT = 2  # the game plays


class Field(NamedTuple):
    """A visible number: its name and its width on the wire."""

    name: str
    width: Width


@dataclass(frozen=True, slots=True)
class Action:
    """Something a player may ask for: its code (1 to 255) and the numbers that go with it."""

    code: int
    name: str
    fields: tuple[Field, ...] = ()


class TableSpec(NamedTuple):
    """A table of visible rows: its key and fields, and who sees them.

    `scope` says who: those who look at a row's region, the whole room, or (keys are seats) the
    player in that seat alone. With `across`, keys are the cells of a region, so many to a row, and
    the low two bits of the first field are the direction in which a row's cell was entered: such a
    row can be told as a step from its neighbour, in little more than a byte.
    """

    name: str
    key: Width
    fields: tuple[Field, ...] = ()
    scope: Literal["region", "room", "seat"] = "region"
    across: int = 0


class Change(NamedTuple):
    """What happened to one table in one region this step: keys gone, then steps, then rows set.

    A step is a key and, in `ways`, a direction: the row there begets one in the neighbouring cell.
    The sequences hold Python's own numbers: lists, tuples, or bytes where each is below 256.
    """

    gone: Sequence[int]
    rows: Sequence[tuple[int, Row]]
    steps: Sequence[int] = ()
    ways: Sequence[int] = ()  # one for each step


class Table:
    """The visible rows of one table, by region, in the order in which each was last set."""

    __slots__ = ("_changed", "_rows", "spec")

    def __init__(self, spec: TableSpec) -> None:
        self.spec = spec
        self._rows: defaultdict[int, dict[int, Row]] = defaultdict(dict)
        self._changed: defaultdict[int, dict[int, Row | None]] = defaultdict(dict)

    def set(self, region: int, key: int, row: Row = ()) -> None:
        """Write a row; it becomes the region's newest, even when it was there before."""
        rows, changed = self._rows[region], self._changed[region]
        rows.pop(key, None)
        rows[key] = row
        changed.pop(key, None)
        changed[key] = row

    def set_all(self, region: int, written: Iterable[tuple[int, Row]]) -> None:
        """Write many rows in order: `set` without its cost per call."""
        rows, changed = self._rows[region], self._changed[region]
        for key, row in written:
            rows.pop(key, None)
            rows[key] = row
            changed.pop(key, None)
            changed[key] = row

    def remove(self, region: int, key: int) -> None:
        """Drop a row; dropping one that is not there changes nothing."""
        self.remove_all(region, (key,))

    def remove_all(self, region: int, keys: Iterable[int]) -> None:
        """Drop many rows in order: `remove` without its cost per call."""
        rows = self._rows.get(region, {})
        changed = self._changed[region]
        for key in keys:
            if rows.pop(key, None) is not None:
                changed.pop(key, None)
                changed[key] = None

    def rows(self, region: int) -> Iterator[tuple[int, Row]]:
        """Every row of a region, oldest first."""
        return iter(self._rows.get(region, {}).items())

    def regions(self) -> Iterator[int]:
        """Every region that has ever held a row."""
        return iter(self._rows)

    def take_changes(self) -> dict[int, Change]:
        """What changed since the last call, by region."""
        if not self._changed:
            return {}
        changed, self._changed = self._changed, defaultdict(dict)
        return {
            region: Change(
                tuple([key for key, row in keys.items() if row is None]),
                tuple([(key, row) for key, row in keys.items() if row is not None]),
            )
            for region, keys in changed.items()
            if keys
        }


class Visible(Protocol):
    """What a room reads of a game's tables, however they are kept."""

    spec: TableSpec

    def rows(self, region: int) -> Iterable[tuple[int, Row]]:
        """Every row of a region."""

    def regions(self) -> Iterable[int]:
        """Every region that may hold a row."""

    def take_changes(self) -> dict[int, Change]:
        """What changed since the last call, by region."""


@dataclass(frozen=True, slots=True)
class Spawned:
    """A life began: the seat, and the life's number in this match."""

    seat: int
    life: int


@dataclass(frozen=True, slots=True)
class Died:
    """A life ended, with all that a score table wants to know of it."""

    seat: int
    life: int
    cause: int  # an index into the game's CAUSES
    by: int  # the seat that brought it about, or NOBODY
    score: int
    length: int  # the longest it was (for games without lengths: 0)
    kills: int
    ticks: int  # how long it lasted
    region: int = ROOM  # where it could be seen


@dataclass(frozen=True, slots=True)
class Finished:
    """The match is over; seats from best to worst."""

    order: tuple[int, ...]


Event = Spawned | Died | Finished


class BadOptions(ValueError):
    """A room was asked for with options that this game refuses; the text says why, for people."""


class Game(Protocol):
    """What every game offers; `snek` is the flagship, `tests/rules/` has the smallest one."""

    NAME: ClassVar[str]
    VERSION: ClassVar[int]  # of the state: a checkpoint of another version is upgraded or refused
    CAPACITY: ClassVar[int]  # the most seats a room may have
    ACTIONS: ClassVar[tuple[Action, ...]]
    CAUSES: ClassVar[tuple[str, ...]]

    rate: int  # ticks per second; 0 steps only when a player acts
    options: Mapping[str, Any]  # complete and checked, as the page that draws it needs them
    tables: Mapping[str, Visible]  # at most seven, in the order of the wire
    views: Sequence[tuple[int, ...]]  # by number: the regions that it shows; one for small games

    def __init__(self, seed: int, options: Mapping[str, Any]) -> None:
        """Set up an empty match; raises BadOptions."""

    def join(self, seat: int, colour: int, pilot: Pilot = Pilot.PERSON) -> None:
        """Put a player in; where there are lives, one begins in the next step."""

    def leave(self, seat: int) -> None:
        """Take a player out; a running life ends in the next step, with cause "left"."""

    def steer(self, seat: int, pilot: Pilot) -> None:
        """Hand a seat over: to its person, or to the rule that stands in for one who dropped."""

    def step(self, actions: Sequence[tuple[int, int, Row]]) -> list[Event]:
        """Advance one tick by (seat, action code, fields), in the order in which they came."""

    def view(self, seat: int) -> int:
        """The view that a seat has of the game now."""

    def take_moved(self) -> Mapping[int, int]:
        """The seats whose view changed since the last call, with the new one."""

    def checkpoint(self) -> dict[str, Any]:
        """The whole hidden state as plain data: dict, list or tuple, str, int, bool, None."""

    @classmethod
    def restore(cls, data: Mapping[str, Any]) -> "Game":
        """The game as it was at checkpoint(), tables included; raises ValueError if damaged.

        Data of the previous VERSION is brought up to this one.
        """
