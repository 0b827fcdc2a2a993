"""Checkpoints of the previous version, brought up to this one: `saves` checks what comes out.

Version 1 had a dict for each player and snake, and said of every cell which seat lies on it.
"""

from collections.abc import Collection, Iterable, Mapping
from itertools import pairwise
from typing import Any, Final

from game.rules.columns import Columns
from game.rules.snek.board import Board, check_options, make_board
from game.rules.snek.cells import NOWHERE

PREVIOUS: Final = 1
PLAYERS: Final = Columns("seat", "colour", "pilot", "goal", "until", "prey", "view")
SNAKES: Final = Columns("seat", "life", "born", "safe_until", "shield", "heading", "grow")


def upgrade(data: Mapping[str, Any]) -> dict[str, Any]:
    """The same match as version 2 saves it; an exception of any common kind means damage."""
    bodies: dict[int, list[int]] = {}  # by seat, tail first
    for cell, seat in data["cells"]:
        bodies.setdefault(seat, []).append(cell)
    return {
        **data,
        "version": 2,
        "food": {
            "cells": [cell for cell, _ in data["food"]],
            "colours": [colour for _, colour in data["food"]],
        },
        "cells": upgrade_cells(data, bodies),
        "scores": upgrade_rows(data["scores"]),
        "best": upgrade_rows(data["best"]),
        "crowd": upgrade_rows(data["crowd"]),
        "players": PLAYERS.gather(data["players"]),
        "snakes": upgrade_snakes(data["snakes"], bodies),
        "turns": [[snake["seat"], *snake["queue"]] for snake in data["snakes"] if snake["queue"]],
    }


def upgrade_rows(rows: Iterable[list[int]]) -> list[list[Any]]:
    """Rows of a table, which had their key as their first number."""
    return [[key, row] for key, *row in rows]


def upgrade_snakes(
    entries: Collection[Mapping[str, Any]], bodies: Mapping[int, list[int]]
) -> dict[str, list[Any]]:
    """The heads and lengths were to be counted from the cells."""
    return {
        **SNAKES.gather(entries),
        "head": [bodies[entry["seat"]][-1] for entry in entries],
        "length": [len(bodies[entry["seat"]]) + entry["grow"] for entry in entries],
    }


def upgrade_cells(data: Mapping[str, Any], bodies: Mapping[int, list[int]]) -> dict[str, list[Any]]:
    """A body's directions followed from its cells, but for its tail's."""
    options = check_options(data["options"])
    board = make_board(options["width"], options["height"], options["wrap"])
    came = {entry["seat"]: entry["came"] for entry in data["snakes"]}
    entered: list[tuple[int, int]] = []  # (cell, way); a cell of two snakes stays in it twice
    for seat, body in bodies.items():
        ways = [came[seat], *(way(board, a, b) for a, b in pairwise(body))]
        entered += zip(body, ways, strict=True)
    entered.sort()
    cells = [NOWHERE, *(cell for cell, _ in entered)]
    return {"gaps": [b - a for a, b in pairwise(cells)], "ways": [way for _, way in entered]}


def way(board: Board, a: int, b: int) -> int:
    """The direction from a cell to the one beside it."""
    for direction, beside in enumerate(board.near):
        if beside[a] == b:
            return direction
    raise ValueError("a body is torn")
