"""A board cut into regions, and which of them a camera over a cell sees: for any game on cells."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

SIDE: Final = 16  # cells of a region's side: a cell's number within it is one byte
REACH: Final = 32  # cells each way from where views meet: 24 in sight (20 and a margin of 4), and
# 8 that the camera may move before it sees the next regions
REGION: Final = 18  # bits of a place below its region's number
LOCAL: Final = 0xFFFF  # the lowest bits of a place: the cell's number within its region


@dataclass(frozen=True, slots=True)
class Grid:
    """Where every cell of a board belongs; `views` and `view` are as in the Game contract."""

    across: int  # cells to a row of a region
    region: Sequence[int]  # by cell
    local: Sequence[int]  # by cell: its number within its region
    place: Sequence[int]  # by cell: region << REGION | local, and between them bits of the view
    cells: Sequence[Sequence[int]]  # by region
    views: Sequence[tuple[int, ...]]  # by view: the regions it shows
    view: Sequence[int]  # by cell: the view of a camera over it


@lru_cache(maxsize=32)  # rooms share the few shapes in use
def whole(width: int, height: int) -> Grid:
    """A board in one region, which everybody sees."""
    cells = width * height
    nought, all_ = bytes(cells), range(cells)
    return Grid(width, nought, all_, all_, [all_], ((0,),), nought)


@lru_cache(maxsize=32)  # as above; a board of 512 by 512 takes some 4 MB
def cut(width: int, height: int, wrap: bool) -> Grid:
    """A board in regions of SIDE by SIDE, row by row; those at the far edges may be smaller."""
    columns, rows = -(-width // SIDE), -(-height // SIDE)
    places = [(y, x) for y in range(height) for x in range(width)]
    region = array("H", [y // SIDE * columns + x // SIDE for y, x in places])
    local = bytes(y % SIDE * SIDE + x % SIDE for y, x in places)
    cells: list[list[int]] = [[] for _ in range(columns * rows)]
    for cell, where in enumerate(region):
        cells[where].append(cell)
    seen_columns, seen_rows = _seen(width, wrap), _seen(height, wrap)
    views = tuple(
        tuple(row * columns + column for row in down for column in along)
        for down in seen_rows
        for along in seen_columns
    )
    half = SIDE // 2
    view = [(y + half) // SIDE * len(seen_columns) + (x + half) // SIDE for y, x in places]
    # A step to the next cell changes its place by as much as its local, unless it leads into
    # another region or view: one subtraction answers all three questions.
    place = array("I", map(_place, region, local, places))
    return Grid(SIDE, region, local, place, cells, views, array("H", view))


def _place(region: int, local: int, at: tuple[int, int]) -> int:
    """See Grid; the bits of the view say whether its row and its column are odd."""
    y, x = at
    odd = ((y + SIDE // 2) // SIDE & 1) << 1 | (x + SIDE // 2) // SIDE & 1
    return region << REGION | odd << 16 | local


def _seen(length: int, wrap: bool) -> list[list[int]]:
    """For each place where a camera can be along one side: the columns (or rows) in its reach."""
    seen = []
    for middle in range(0, (length - 1 + SIDE // 2) // SIDE * SIDE + 1, SIDE):
        reach = range(middle - REACH, middle + REACH)
        inside = [x % length for x in reach] if wrap else [x for x in reach if 0 <= x < length]
        seen.append(list(dict.fromkeys(x // SIDE for x in inside)))
    return seen
