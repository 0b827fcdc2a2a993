"""A board cut into regions, and which of them a camera over a cell sees: for any game on cells."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.integer[Any]]
SIDE: Final = 16  # cells of a region's side: a cell's number within it is one byte
REACH: Final = 32  # cells each way from where views meet: 24 in sight (20 and a margin of 4), and
# 8 that the camera may move before it sees the next regions
REGION: Final = 16  # bits of a place below its region's number
REGIONS: Final = 0x7FF  # regions at most: so many numbers fit between these bits and TURNS
LOCAL: Final = 0xFFFF  # the lowest bits of a place: the cell's number within its region
TURNS: Final = 1 << 29  # bit of a step that leads into another view
WAYS: Final = ((-1, 0), (0, 1), (1, 0), (0, -1))  # rows and columns of a step, by direction
FAR: Final = 1 << 30  # bit of a step that leads into another region, or around the edge


@dataclass(frozen=True, slots=True)
class Grid:
    """Where every cell of a board belongs; `views` and `view` are as in the Game contract."""

    across: int  # cells to a row of a region
    region: "array[int]"  # by cell
    local: "array[int]"  # by cell: its number within its region
    place: "array[int]"  # by cell: region << REGION | local
    steps: Numbers  # by cell << 2 | direction: place << 2 | direction, TURNS, FAR
    cells: Sequence["array[int]"]  # by region
    views: Sequence[tuple[int, ...]]  # by view: the regions it shows
    view: "array[int]"  # by cell: the view of a camera over it


@lru_cache(maxsize=32)  # rooms share the few shapes in use
def whole(width: int, height: int) -> Grid:
    """A board in one region, which everybody sees."""
    cells = width * height
    nought, all_ = array("H", bytes(2 * cells)), range(cells)
    place, local = array("i", all_), array("H", all_)
    steps = _steps(width, place, nought, width)
    return Grid(width, nought, local, place, steps, [array("q", all_)], ((0,),), nought)


@lru_cache(maxsize=32)  # as above; a board of 512 by 512 takes some 9 MB
def cut(width: int, height: int, wrap: bool) -> Grid:
    """A board in regions of SIDE by SIDE, row by row; those at the far edges may be smaller.

    Raises ValueError where that makes more than REGIONS.
    """
    columns = -(-width // SIDE)
    if columns * -(-height // SIDE) > REGIONS:
        raise ValueError(f"a board of {width} x {height} has too many regions")
    y, x = np.divmod(np.arange(width * height), width)
    region, local = y // SIDE * columns + x // SIDE, y % SIDE * SIDE + x % SIDE
    by_region = np.split(region.argsort(kind="stable"), np.bincount(region).cumsum()[:-1])
    seen_columns, seen_rows = _seen(width, wrap), _seen(height, wrap)
    views = tuple(
        tuple(row * columns + column for row in down for column in along)
        for down in seen_rows
        for along in seen_columns
    )
    half = SIDE // 2
    view = _array("H", (y + half) // SIDE * len(seen_columns) + (x + half) // SIDE)
    place = _array("i", region << REGION | local)
    return Grid(
        across=SIDE,
        region=_array("H", region),
        local=_array("H", local),
        place=place,
        steps=_steps(width, place, view, SIDE),
        cells=[_array("q", cells) for cells in by_region],
        views=views,
        view=view,
    )


def _array(code: str, numbers: Numbers) -> "array[int]":
    """Numbers for who asks for one at a time, and wants it to be Python's."""
    return array(code, numbers.astype(code).tobytes())


def _steps(width: int, place: "array[int]", view: "array[int]", across: int) -> Numbers:
    """See Grid; the edges all lead around, and nobody asks where that cannot be."""
    from_ = np.asarray(place).reshape(-1, width)
    seen = np.asarray(view).reshape(-1, width)
    steps = np.empty((len(place), 4), np.int32)
    for direction, (down, along) in enumerate(WAYS):
        to = np.roll(from_, (-down, -along), (0, 1))
        # The cells of one region are `across` to a row: no other step changes a place by so much.
        far = to - from_ != down * across + along
        turns = seen != np.roll(seen, (-down, -along), (0, 1))
        told = from_ << 2 | direction | far * np.int32(FAR) | turns * np.int32(TURNS)
        steps[:, direction] = told.ravel()
    return steps.ravel()


def _seen(length: int, wrap: bool) -> list[list[int]]:
    """For each place where a camera can be along one side: the columns (or rows) in its reach."""
    seen = []
    for middle in range(0, (length - 1 + SIDE // 2) // SIDE * SIDE + 1, SIDE):
        reach = range(middle - REACH, middle + REACH)
        inside = [x % length for x in reach] if wrap else [x for x in reach if 0 <= x < length]
        seen.append(list(dict.fromkeys(x // SIDE for x in inside)))
    return seen
