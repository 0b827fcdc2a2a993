"""The cells that snakes lie on: who, entered how, and what of it changed."""

from array import array
from collections.abc import Iterable, Iterator
from typing import Final

from game.rules.contract import Change, Field, Row, TableSpec, Width
from game.rules.grid import Grid

MOST: Final = 0x3FFF  # the highest seat: two bits of a row's sixteen are for the direction


def step_spec(grid: Grid) -> TableSpec:
    """The table's declaration; body = seat << 2 | the direction in which the cell was entered."""
    key: Width = "B" if len(grid.cells) > 1 else "H"
    return TableSpec("cells", key, (Field("body", "H"),), across=grid.across)


class Cells:
    """A table of the contract (see Visible) that keeps no rows, only what changed.

    What is there follows from `owner` (by cell: 0, a seat, or ROCK), which the stages keep, and
    from `way` (by cell: the direction in which it was entered), which is kept here.
    """

    def __init__(self, grid: Grid, owner: "array[int]") -> None:
        self.spec = step_spec(grid)
        self.owner = owner
        self.way = bytearray(len(owner))
        self._grid = grid
        self._deltas = (-grid.across, 1, grid.across, -1)  # of local numbers, by direction
        regions = range(len(grid.cells))
        self._gone: list[list[int]] = [[] for _ in regions]
        self._steps: list[list[tuple[int, int]]] = [[] for _ in regions]
        self._rows: list[list[tuple[int, Row]]] = [[] for _ in regions]

    def leave(self, cells: Iterable[int]) -> None:
        """Somebody has left these cells."""
        region, local, gone = self._grid.region, self._grid.local, self._gone
        for cell in cells:
            gone[region[cell]].append(local[cell])

    def step(self, moves: Iterable[tuple[int, int, int, int]]) -> list[tuple[int, int]]:
        """Heads have gone on: (from, to, seat, direction); answers (seat, to) of new views."""
        region, local, way, deltas = self._grid.region, self._grid.local, self.way, self._deltas
        steps, rows, view = self._steps, self._rows, self._grid.view
        looked = []
        for before, cell, seat, direction in moves:
            way[cell] = direction
            where, start = region[cell], local[before]
            if region[before] == where and local[cell] - start == deltas[direction]:
                steps[where].append((start, direction))
            else:  # over a border, or around the edge of the board
                rows[where].append((local[cell], (seat << 2 | direction,)))
            if view[cell] != view[before]:
                looked.append((seat, cell))
        return looked

    def put(self, seat: int, body: Iterable[tuple[int, int]]) -> None:
        """A body has appeared: (cell, direction in which it was entered) of each, tail first."""
        for cell, direction in body:
            self.way[cell] = direction
            row = (self._grid.local[cell], (seat << 2 | direction,))
            self._rows[self._grid.region[cell]].append(row)

    def rows(self, region: int) -> Iterator[tuple[int, Row]]:
        """Every row of a region."""
        owner, way, local = self.owner, self.way, self._grid.local
        for cell in self._grid.cells[region]:
            if owner[cell] > 0:
                yield local[cell], (owner[cell] << 2 | way[cell],)

    def regions(self) -> Iterator[int]:
        """Every region of the board."""
        return iter(range(len(self._gone)))

    def take_changes(self) -> dict[int, Change]:
        """What changed since the last call, by region."""
        changes = {}
        for region, parts in enumerate(zip(self._gone, self._rows, self._steps, strict=True)):
            gone, rows, steps = parts
            if gone or rows or steps:
                changes[region] = Change(gone, rows, steps)
                self._gone[region], self._rows[region], self._steps[region] = [], [], []
        return changes
