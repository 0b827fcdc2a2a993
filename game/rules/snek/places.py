"""Where things begin: rocks, seeds, and the places in which lives start."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from game.rules.rng import Rng
from game.rules.snek.board import Board
from game.rules.snek.cells import VACANT
from game.rules.snek.state import State
from game.rules.snek.tuning import ROCK_GAP, SEED_TRIES, START_LENGTH

# How far from others a life starts: cells without snakes all around the head, cells without
# anything ahead of it, random places tried. The last round takes any place that is not a trap.
ROUNDS: Final = ((10, 8, 24), (7, 8, 24), (4, 6, 24), (2, 4, 48), (0, 2, 200))


def place_rocks(board: Board, count: int, rng: Rng) -> list[int]:
    """Cells for rocks, each with free cells all around, so that they never close a way."""
    taken = bytearray(board.cells)
    rocks: list[int] = []
    margin = 0 if board.wrap else ROCK_GAP
    for _ in range(count):
        start = rng.below(board.cells)
        for step in range(board.cells):
            cell = (start + step) % board.cells
            x, y = cell % board.width, cell // board.width
            inside = margin <= x < board.width - margin and margin <= y < board.height - margin
            if inside and not taken[cell]:
                rocks.append(cell)
                for near in square(board, cell, ROCK_GAP):
                    taken[near] = 1
                break
    return rocks


def square(board: Board, centre: int, radius: int) -> list[int]:
    """The cells within `radius` of a cell, straight or aslant, around the edge where it wraps."""
    x, y = centre % board.width, centre // board.width
    reach = range(-radius, radius + 1)
    return [
        (y + dy) % board.height * board.width + (x + dx) % board.width
        for dy in reach
        for dx in reach
        if board.wrap or (0 <= x + dx < board.width and 0 <= y + dy < board.height)
    ]


def find_seed_cell(state: State) -> int | None:
    """A random cell with nothing on it, or None when a few tries found none."""
    for _ in range(SEED_TRIES):
        cell = state.rng.below(state.board.cells)
        if not state.owner[cell] and not state.edible[cell]:
            return cell
    return None


@dataclass(frozen=True, slots=True)
class Start:
    """Where a life can start; `round` is the entry of ROUNDS that found it."""

    body: list[int]  # cells, tail first
    heading: int
    round: int


def find_start(state: State, round_: int = 0) -> Start | None:
    """Where the next life starts, or None without room; begins at a round known to be needed."""
    for number in range(round_, len(ROUNDS)):
        clear, ahead, tries = ROUNDS[number]
        for _ in range(tries):
            head = state.rng.below(state.board.cells)
            if state.owner[head]:
                continue
            any_way = state.rng.below(4) if state.board.wrap else 0
            if not lonely(state, head, clear):
                continue
            heading = any_way if state.board.wrap else heading_inwards(state.board, head)
            if way_is_free(state, head, heading, ahead):
                body = start_body(state, head, heading)
                if body:
                    return Start(body, heading, number)
    return None


def heading_inwards(board: Board, cell: int) -> int:
    """The direction away from the nearest wall."""
    x, y = cell % board.width, cell // board.width
    gaps = (y, board.width - 1 - x, board.height - 1 - y, x)  # in the order of the directions
    return gaps.index(min(gaps)) ^ 2


def start_body(state: State, head: int, heading: int) -> list[int]:
    """The cells of a new snake, tail first; empty if something is in the way."""
    back = state.board.near[heading ^ 2]
    body = [head]
    for _ in range(START_LENGTH - 1):
        head = back[head]
        if state.owner[head]:
            return []
        body.append(head)
    return body[::-1]


def way_is_free(state: State, head: int, heading: int, ahead: int) -> bool:
    """Whether no snake, rock or wall is within so many cells straight ahead."""
    forward = state.board.near[heading]
    cell = head
    for _ in range(ahead):
        cell = forward[cell]
        if state.owner[cell]:
            return False
    return True


def lonely(state: State, cell: int, radius: int) -> bool:
    """Whether no snake is in the square of this radius around a cell."""
    board, way = state.board, state.cells.way
    y, x = divmod(cell, board.width)
    top, bottom, left, right = y - radius, y + radius + 1, x - radius, x + radius + 1
    spans = [(max(left, 0), min(right, board.width))]
    rows: Iterable[int] = range(max(top, 0), min(bottom, board.height))
    if board.wrap:
        rows = [down % board.height for down in range(top, bottom)]
        if left < 0:
            spans.append((max(left + board.width, 0), board.width))
        if right > board.width:
            spans.append((0, min(right - board.width, board.width)))
    for a, b in spans:
        for down in rows:
            start = down * board.width
            if way.count(VACANT, start + a, start + b) < b - a:
                return False
    return True
