"""The ground: cells numbered row by row, and which cell lies next to which."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np

from game.rules.contract import BadOptions
from game.rules.grid import SIDE, WAYS, Grid, Numbers, cut, whole
from game.rules.snek.tuning import (
    CELLS_MAX,
    CELLS_PER_ROCK,
    RATE,
    RATE_MAX,
    RATE_MIN,
    SIDE_MAX,
    SIDE_MIN,
    WHOLE_CELLS,
)

DEFAULTS: Final[dict[str, Any]] = {
    "width": 44,
    "height": 32,
    "wrap": False,
    "rocks": 8,
    "rate": RATE,
    "side": None,  # of a region: 0 for a board in one, SIDE, or None to choose by its size
}


@dataclass(frozen=True, slots=True)
class Board:
    """A board's shape; cell = y * width + x, and `wall` is one more cell, where every way ends."""

    width: int
    height: int
    wrap: bool
    cells: int
    wall: int
    beside: Numbers  # by cell << 2 | direction: the next cell, or the wall
    near: tuple["memoryview[int]", ...]  # [direction][cell]: the same, in the same memory

    @property
    def middle(self) -> int:
        """The cell in the middle."""
        return self.height // 2 * self.width + self.width // 2

    def away(self, a: int, b: int) -> int:
        """Steps between two cells, around the edge where the board wraps."""
        dx = abs(a % self.width - b % self.width)
        dy = abs(a // self.width - b // self.width)
        if self.wrap:
            dx = min(dx, self.width - dx)
            dy = min(dy, self.height - dy)
        return dx + dy


def make_grid(options: Mapping[str, Any]) -> Grid:
    """How the board of these (checked) options is cut."""
    width, height = options["width"], options["height"]
    return cut(width, height, options["wrap"]) if options["side"] else whole(width, height)


@lru_cache(maxsize=32)  # rooms share the few shapes in use; the largest takes 4 MB
def make_board(width: int, height: int, wrap: bool) -> Board:
    """The board of this shape."""
    cells = wall = width * height
    beside = np.full((cells + 1, 4), wall, np.int32)
    edges = np.s_[0, :], np.s_[:, -1], np.s_[-1, :], np.s_[:, 0]  # by the direction that leads over
    for direction, (down, along) in enumerate(WAYS):
        to = np.roll(np.arange(cells).reshape(height, width), (-down, -along), (0, 1))
        if not wrap:
            to[edges[direction]] = wall
        beside[:-1, direction] = to.ravel()
    near = tuple(beside.ravel().data[direction::4] for direction in range(4))
    return Board(width, height, wrap, cells, wall, beside.ravel(), near)


def check_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options, completed; raises BadOptions with a sentence for the person who asked."""
    unknown = [str(name) for name in options if name not in DEFAULTS]
    if unknown:
        known = ", ".join(DEFAULTS)
        raise BadOptions(f"Snek has no option called “{unknown[0]}”; it knows {known}.")
    full = {**DEFAULTS, **options}
    for name in ("width", "height", "rocks"):
        if type(full[name]) is not int:
            raise BadOptions(f"The board's {name} should be a whole number.")
    if type(full["wrap"]) is not bool:
        raise BadOptions("Whether the board wraps should be true or false.")
    width, height, rocks = full["width"], full["height"], full["rocks"]
    for name, side in (("width", width), ("height", height)):
        if not SIDE_MIN <= side <= SIDE_MAX:
            raise BadOptions(
                f"The board's {name} should be between {SIDE_MIN} and {SIDE_MAX} cells."
            )
    if width * height > CELLS_MAX:
        raise BadOptions(
            f"A board of {width} x {height} is too large: please stay within {CELLS_MAX:,} cells."
        )
    if type(full["rate"]) is not int or not RATE_MIN <= full["rate"] <= RATE_MAX:
        raise BadOptions(f"The rate should be {RATE_MIN} to {RATE_MAX} ticks a second.")
    if full["side"] is None:
        full["side"] = SIDE if width * height > WHOLE_CELLS else 0
    if full["side"] not in (0, SIDE) or (not full["side"] and width * height > 0xFFFF):
        raise BadOptions(f"A board is cut into regions of {SIDE} cells, or not at all when small.")
    most = width * height // CELLS_PER_ROCK
    if not 0 <= rocks <= most:
        raise BadOptions(f"A board of {width} x {height} has room for 0 to {most} rocks.")
    return full
