"""Players and their snakes; what every tick asks of every snake stands in columns."""

import sys
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Final

import numpy as np

from game.rules.contract import Pilot
from game.rules.grid import Numbers
from game.rules.snek.board import Board
from game.rules.snek.cells import MOST, NOWHERE, Cells
from game.rules.snek.tuning import POINTS_KILL

TWO: Final = np.array(2)  # bits of a direction; see Cells on numbers
NO_SLOT: Final = sys.maxsize  # of the dead: to ask for their heads is an IndexError


@dataclass(slots=True, eq=False)
class Player:
    """Someone in a seat, alive or not; goal, until and prey are a bot's plans."""

    seat: int
    colour: int
    pilot: Pilot
    snake: "Snake | None" = None
    leaving: bool = False
    goal: int = -1  # the cell it heads for, or -1
    until: int = 0  # the tick at which it thinks again
    prey: int = 0  # the seat it tries to cut off, or 0
    view: int = 0  # where its camera is


class Living:
    """The living in columns: of each, the entry in a snake's slot is about this snake.

    Every tick asks the same of every snake. A walk over thousands of objects would wait for the
    memory at each; a column lies in one piece, and numpy takes all its entries in one operation.
    For that it borrows the array's memory, which must not be kept: a borrowed array cannot grow.
    What a tick asks of few stays in Snake.

    Slots say nothing: where an order matters, it is that of the lives.
    """

    def __init__(self, cells: Cells) -> None:
        self.cells = cells  # on which they lie
        self.snakes: list[Snake] = []
        self.seats = array("h")
        self.heads = array("q")  # cells
        self.tails = array("q")  # cells
        self.headings = array("q")  # directions in which they want to go next
        self.grow = array("q")  # cells still to grow; until it is 0, the tail stays
        self.safe_until = array("q")  # the tick that ends their protection
        # These only mean something within a step.
        self.aims: Numbers = np.zeros(0, np.int64)  # head << 2 | heading
        self.targets = array("q")  # cells about to be entered
        self.holds = bytearray()  # 1 for who holds still

    def add(self, snake: "Snake", body: Sequence[int], heading: int) -> None:
        """Give a snake a slot; the cells of its body come tail first."""
        snake.slot = len(self.snakes)
        self.snakes.append(snake)
        self.seats.append(snake.seat)
        self.heads.append(body[-1])
        self.tails.append(body[0])
        self.headings.append(heading)
        self.grow.append(0)
        self.safe_until.append(0)
        self.targets.append(NOWHERE)

    def remove(self, snake: "Snake") -> None:
        """Take a snake out; the last one moves into its slot."""
        slot = snake.slot
        columns = (self.seats, self.heads, self.tails, self.headings, self.grow)
        for column in (*columns, self.safe_until, self.targets):
            column[slot] = column[-1]
            column.pop()
        last = self.snakes[slot] = self.snakes[-1]
        self.snakes.pop()
        last.slot = slot
        snake.slot = NO_SLOT

    def aim(self, board: Board) -> None:
        """Make what lies before each the target; nobody holds still yet."""
        self.aims = np.asarray(self.heads) << TWO | np.asarray(self.headings)
        self.targets = array("q", board.beside[self.aims].astype(np.int64).tobytes())
        self.holds = bytearray(len(self.snakes))

    def slots_in(self, seats: Numbers) -> Numbers:
        """The slots of the snakes in these seats; of what is no seat, any slot."""
        own = np.asarray(self.seats)
        slots = np.zeros(MOST + 1, np.int16)
        slots[own] = np.arange(len(own))
        found: Numbers = slots[seats]
        return found

    def pick(self, slots: Iterable[int]) -> list["Snake"]:
        """Those in these slots, in the order of their lives."""
        return sorted(map(self.snakes.__getitem__, slots), key=attrgetter("life"))


class Snake:
    """One life on the board; its properties stand in Living and in Cells."""

    __slots__ = (
        "born",
        "kills",
        "length",
        "life",
        "living",
        "player",
        "queue",
        "score",
        "seat",
        "shield",
        "slot",
    )

    def __init__(self, living: Living, player: Player, *, life: int, born: int) -> None:
        self.living = living
        self.slot = NO_SLOT  # in living
        self.player = player
        self.seat = player.seat
        self.queue: list[int] = []  # turns still to come
        self.length = 0  # cells it has earned: those on the board and those still to grow
        self.life = life
        self.born = born  # tick
        self.shield = -1  # the region in which its protection is shown, or -1
        self.score = 0
        self.kills = 0

    @property
    def head(self) -> int:
        """The cell of its head."""
        return self.living.heads[self.slot]

    @property
    def tail(self) -> int:
        """The cell of its tail."""
        return self.living.tails[self.slot]

    @property
    def body(self) -> list[int]:
        """Its cells, tail first, found by a walk along them."""
        return self.living.cells.chain(self.tail, self.head)

    @property
    def heading(self) -> int:
        """Where it wants to go next."""
        return self.living.headings[self.slot]

    @heading.setter
    def heading(self, direction: int) -> None:
        self.living.headings[self.slot] = direction

    @property
    def safe_until(self) -> int:
        """The tick that ends its protection."""
        return self.living.safe_until[self.slot]

    @safe_until.setter
    def safe_until(self, tick: int) -> None:
        self.living.safe_until[self.slot] = tick

    @property
    def holds(self) -> bool:
        """Whether it holds still; only means something within a step."""
        return bool(self.living.holds[self.slot])

    @property
    def moved(self) -> int:
        """Where it last went; turning back from it is impossible."""
        return self.living.cells.way[self.head]

    @property
    def target(self) -> int:
        """The cell it is about to enter; only means something within a step."""
        return self.living.targets[self.slot]

    @property
    def grow(self) -> int:
        """Cells still to grow."""
        return self.living.grow[self.slot]

    @property
    def size(self) -> int:
        """How many cells it lies on."""
        return self.length - self.grow

    def feed(self, cells: int) -> None:
        """Let it grow by so many cells, one in each of the next ticks."""
        self.length += cells
        self.living.grow[self.slot] += cells

    def credit_kill(self) -> None:
        """Count somebody's death for it."""
        self.kills += 1
        self.score += POINTS_KILL
