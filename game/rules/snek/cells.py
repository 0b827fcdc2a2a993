"""The cells that snakes lie on: whose each is, where its body goes on, and what of it changed."""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import compress, pairwise
from typing import Final

from game.rules.contract import Change, Field, Row, TableSpec, Width
from game.rules.grid import LOCAL, REGION, Grid

MOST: Final = 0x3FFF  # the highest seat: two bits of a row's sixteen are for the direction


def step_spec(grid: Grid) -> TableSpec:
    """The table's declaration; body = seat << 2 | the direction in which the cell was entered."""
    key: Width = "B" if len(grid.cells) > 1 else "H"
    return TableSpec("cells", key, (Field("body", "H"),), across=grid.across)


class Cells:
    """A table of the contract (see Visible) that keeps no rows, only what changed.

    A body is a chain over the board: `onward` says by cell which one comes next towards the head,
    and `way` in which direction it was entered. What is shown follows from `way` and `owner` (by
    cell: 0, a seat, or ROCK). A tick touches a body at its two ends alone, however long it is.
    """

    def __init__(self, grid: Grid) -> None:
        self.spec = step_spec(grid)
        count = len(grid.place) + 1  # cells; the last is the wall
        # Columns side by side in memory: who comes to a cell waits for it once, not four times.
        block = memoryview(array("i", [0]) * (4 * count))
        self.owner, self.onward, self.way, self.place = (block[column::4] for column in range(4))
        self.place[:-1] = array("i", grid.place)
        self._grid = grid
        self._deltas = (-grid.across, 1, grid.across, -1)  # of local numbers, by direction
        self._begin()

    def _begin(self) -> None:
        """Hold nothing to tell; it is put in the order of regions when it is taken."""
        self._gone: list[int] = []  # places
        self._steps: list[int] = []  # place << 2 | direction
        self._rows: list[tuple[int, int, Row]] = []  # region, key, row

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
            self._show(seat, cell, way)

    def leave(self, cells: Iterable[int]) -> None:
        """Somebody has left these cells."""
        for cell in cells:
            self.owner[cell] = 0
            self._gone.append(self.place[cell])

    def pull(self, tails: "array[int]", grow: "array[int]") -> None:
        """Tails go on, in columns; who still has cells to grow does that instead."""
        owner, onward, place, gone = self.owner, self.onward, self.place, self._gone
        for slot, (tail, more) in enumerate(zip(tails, grow, strict=True)):
            if more:
                grow[slot] = more - 1
            else:
                owner[tail] = 0
                gone.append(place[tail])
                tails[slot] = onward[tail]

    def push(
        self,
        seats: Iterable[int],
        heads: Iterable[int],
        targets: Iterable[int],
        ways: Iterable[int],
    ) -> list[tuple[int, int]]:
        """Heads go on, in columns; who has its own head as target stays.

        Answers (seat, cell) of those whose view is another now.
        """
        owner, onward, entered = self.owner, self.onward, self.way
        place, deltas, steps = self.place, self._deltas, self._steps
        looks = []
        for seat, head, cell, way in zip(seats, heads, targets, ways, strict=True):
            if cell == head:
                continue
            owner[cell] = seat
            onward[head] = cell
            entered[cell] = way
            start = place[head]
            if place[cell] - start == deltas[way]:
                steps.append(start << 2 | way)
            elif self._cross(seat, head, cell, way):
                looks.append((seat, cell))
        return looks

    def _cross(self, seat: int, head: int, cell: int, way: int) -> bool:
        """Tell of a step into another region or view, or around the edge: whether the view is."""
        region, local, view = self._grid.region, self._grid.local, self._grid.view
        if region[head] == region[cell] and local[cell] - local[head] == self._deltas[way]:
            self._steps.append(self.place[head] << 2 | way)
        else:
            self._show(seat, cell, way)
        return view[head] != view[cell]

    def _show(self, seat: int, cell: int, way: int) -> None:
        row = (seat << 2 | way,)
        self._rows.append((self._grid.region[cell], self._grid.local[cell], row))

    def rows(self, region: int) -> list[tuple[int, Row]]:
        """Every row of a region."""
        owner, way, local = self.owner, self.way, self._grid.local
        cells = self._grid.cells[region]
        taken = compress(cells, map(owner.__getitem__, cells))
        return [(local[c], (owner[c] << 2 | way[c],)) for c in taken if owner[c] > 0]

    def regions(self) -> Iterator[int]:
        """Every region of the board."""
        return iter(range(len(self._grid.cells)))

    def take_changes(self) -> dict[int, Change]:
        """What changed since the last call, by region."""
        gone: list[list[int]] = [[] for _ in self._grid.cells]
        rows: list[list[tuple[int, Row]]] = [[] for _ in self._grid.cells]
        steps: list[list[int]] = [[] for _ in self._grid.cells]
        ways: list[list[int]] = [[] for _ in self._grid.cells]
        for place in self._gone:
            gone[place >> REGION].append(place & LOCAL)
        for region, key, row in self._rows:
            rows[region].append((key, row))
        for step in self._steps:
            region = step >> REGION + 2
            steps[region].append(step >> 2 & LOCAL)
            ways[region].append(step & 3)
        self._begin()
        changes = enumerate(map(Change, gone, rows, steps, ways))
        return {region: change for region, change in changes if any(change)}
