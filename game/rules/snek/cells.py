"""The cells that snakes lie on: whose each is, where its body goes on, and what of it changed."""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import pairwise
from typing import Final, TypeVar

import numpy as np

from game.rules.contract import Change, Field, Row, TableSpec, Width
from game.rules.grid import FAR, LOCAL, REGION, REGIONS, TURNS, Grid, Numbers

MOST: Final = 0x3FFF  # the highest seat: two bits of a row's sixteen are for the direction
VACANT: Final = 4  # in the place of a direction: no snake is here
NOWHERE: Final = -1  # no cell
BODY: Final = 16  # bits of a body, as it stands in a row
BODIES: Final = 0xFFFF  # the highest body
# Numbers as numpy's: an operation with Python's takes twice as long, which small rooms would feel.
NONE, ONE, WAY, RARE = np.array(0), np.array(1), np.array(3), np.array(TURNS, np.int32)
MAKE_CHANGE: Final = partial(tuple.__new__, Change)  # a third of what a call of Change takes

T = TypeVar("T")


def step_spec(grid: Grid) -> TableSpec:
    """The table's declaration; body = seat << 2 | the direction in which the cell was entered."""
    key: Width = "B" if len(grid.cells) > 1 else "H"
    return TableSpec("cells", key, (Field("body", "H"),), across=grid.across)


class Cells:
    """A table of the contract (see Visible) that keeps no rows, only what changed.

    A body is a chain over the board: `onward` says by cell which one comes next towards the head,
    and `way` in which direction it was entered. What is shown follows from `way` and `owner` (by
    cell: 0, a seat, or ROCK). A tick touches a body at its two ends alone, however long it is.

    Arrays and bytes hold it all, for who asks for one cell; numpy looks at the same memory, for
    what a tick does with all snakes at once.
    """

    def __init__(self, grid: Grid) -> None:
        self.spec = step_spec(grid)
        count = len(grid.place) + 1  # cells; the last is the wall
        self.owner = array("h", bytes(2 * count))
        self.onward = array("q", bytes(8 * count))
        self.way = bytearray([VACANT]) * count
        self._owner = np.frombuffer(self.owner, np.int16)
        self._onward = np.frombuffer(self.onward, np.int64)
        self._way = np.frombuffer(self.way, np.uint8)
        self._place = np.frombuffer(grid.place, np.int32)
        self._grid = grid
        self._begin()

    def _begin(self) -> None:
        """Hold nothing to tell; it is put in the order of regions when it is taken."""
        self._gone = array("i")  # places
        self._steps = array("i")  # as in Grid
        self._rows = array("q")  # place << 16 | body

    def held_by(self, owner: int) -> list[int]:
        """The cells that are a seat's, or rock, in their order."""
        held: list[int] = (self._owner == owner).nonzero()[0].tolist()
        return held

    def entered(self) -> tuple[list[int], list[int]]:
        """The cells that snakes lie on, each as its distance from the last, and their directions.

        Distances, counted from NOWHERE, nearly always fit in a byte, and numbers of cells in five.
        """
        cells = (self._way != VACANT).nonzero()[0]
        gaps = cells.copy()
        gaps[1:] -= cells[:-1]
        gaps[:1] -= NOWHERE
        return gaps.tolist(), self._way[cells].tolist()

    def chain(self, tail: int, head: int) -> list[int]:
        """The cells of a body, tail first."""
        onward, cells = self.onward, [tail]
        while tail != head:
            tail = onward[tail]
            cells.append(tail)
        return cells

    def put(self, seat: int, body: Sequence[int], ways: Iterable[int]) -> None:
        """A body has appeared: its cells, tail first, and the direction of entry of each."""
        for cell, after in pairwise(body):
            self.onward[cell] = after
        for cell, way in zip(body, ways, strict=True):
            self.owner[cell] = seat
            self.way[cell] = way
            self._rows.append(self._grid.place[cell] << BODY | seat << 2 | way)

    def leave(self, cells: Iterable[int]) -> None:
        """Somebody has left these cells."""
        for cell in cells:
            self.owner[cell] = 0
            self.way[cell] = VACANT
            self._gone.append(self._grid.place[cell])

    def pull(self, tails: Numbers, grow: Numbers) -> None:
        """Tails go on, in columns; who still has cells to grow does that instead."""
        np.subtract(grow, ONE, out=grow)
        goes = (grow < NONE).nonzero()[0]
        grow[goes] = 0
        left = tails[goes]
        self._owner[left] = 0
        self._way[left] = VACANT
        self._gone.frombytes(self._place[left].tobytes())
        tails[goes] = self._onward[left]

    def push(
        self, seats: Numbers, heads: Numbers, aims: Numbers, targets: Numbers
    ) -> list[tuple[int, int]]:
        """Heads go on, in columns; who has its own head as target stays.

        Answers (seat, cell) of those whose view is another now.
        """
        goes = (targets != heads).nonzero()[0]
        seats, aims, targets = seats[goes], aims[goes], targets[goes]
        self._owner[targets] = seats
        self._onward[heads[goes]] = targets
        self._way[targets] = aims & WAY
        steps = self._grid.steps[aims]
        rare = (steps >= RARE).nonzero()[0]
        if not len(rare):
            self._steps.frombytes(steps.tobytes())
            return []
        self._steps.frombytes(steps[steps < FAR].tobytes())
        seats, targets, steps = seats[rare], targets[rare], steps[rare]
        far = steps >= FAR
        bodies = seats[far].astype(np.int64) << 2 | steps[far] & WAY
        rows = self._place[targets[far]].astype(np.int64) << BODY | bodies
        self._rows.frombytes(rows.tobytes())
        turns = (steps & TURNS).nonzero()[0]
        return list(zip(seats[turns].tolist(), targets[turns].tolist(), strict=True))

    def wanted_twice(self, cells: Numbers) -> Numbers:
        """Where in a column of free cells those stand that are in it more than once."""
        onward, order = self._onward, np.arange(len(cells))
        onward[cells] = order  # nothing goes on from a free cell: here each leaves its mark
        lost: Numbers = (onward[cells] != order).nonzero()[0]
        if len(lost):
            onward[cells[lost]] = NOWHERE
            lost = (onward[cells] == NOWHERE).nonzero()[0]
        return lost

    def rows(self, region: int) -> list[tuple[int, Row]]:
        """Every row of a region."""
        cells = np.frombuffer(self._grid.cells[region], np.int64)
        cells = cells[(self._way[cells] != VACANT).nonzero()[0]]
        keys = self._place[cells].astype(np.uint16)
        bodies = self._owner[cells].astype(np.int32) << 2 | self._way[cells]
        return list(zip(keys.tolist(), zip(bodies.tolist(), strict=True), strict=True))

    def regions(self) -> Iterator[int]:
        """Every region of the board."""
        return iter(range(len(self._grid.cells)))

    def take_changes(self) -> dict[int, Change]:
        """What changed since the last call, by region."""
        gone, steps, rows = self._gone, self._steps, self._rows
        self._begin()
        if len(self._grid.cells) == 1:
            keys = [step >> 2 & LOCAL for step in steps]
            told = [(row >> BODY & LOCAL, (row & BODIES,)) for row in rows]
            change = Change(gone, told, keys, [step & 3 for step in steps])
            return {0: change} if any(change) else {}
        left, left_bounds = self._by_region(np.asarray(gone), REGION)
        went, went_bounds = self._by_region(np.asarray(steps), REGION + 2)
        seen, seen_bounds = self._by_region(np.asarray(rows), REGION + BODY)
        shown = zip((seen >> BODY & LOCAL).tolist(), zip((seen & BODIES).tolist()), strict=True)
        columns = zip(
            cut(bytes_of(left), left_bounds),
            cut(list(shown), seen_bounds),
            cut(bytes_of(went >> 2), went_bounds),
            cut(bytes_of(went & 3), went_bounds),
            strict=True,
        )
        changes = enumerate(map(MAKE_CHANGE, columns))
        return {region: change for region, change in changes if any(change)}

    def _by_region(self, entries: Numbers, bits: int) -> tuple[Numbers, list[int]]:
        """Entries in the order of regions, which stand above some bits, and where each begins."""
        region = (entries >> bits & REGIONS).astype(np.uint16)  # a stable sort in one pass
        ends = np.bincount(region, minlength=len(self._grid.cells)).cumsum()
        return entries[region.argsort(kind="stable")], [0, *ends.tolist()]


def bytes_of(column: Numbers) -> bytes:
    """The lowest byte of each number."""
    return column.astype(np.uint8).tobytes()


def cut(column: Sequence[T], bounds: Sequence[int]) -> list[Sequence[T]]:
    """The parts of a column between these bounds."""
    return [column[start:end] for start, end in pairwise(bounds)]
