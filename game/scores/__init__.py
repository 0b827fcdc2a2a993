"""The sole owner of scores: takes finished lives from the outbox, keeps them, derives, answers."""

from game.scores import announce, clean
from game.scores.boards import (
    BOARD_ROWS,
    Best,
    PlayerPage,
    Row,
    board,
    board_size,
    life_places,
    places,
    player,
    standing,
)
from game.scores.clean import remove
from game.scores.outbox import BAD, BAD_COUNT
from game.scores.periods import MEASURES, PERIODS
from game.scores.persist import BATCH, Batch, persist
from game.scores.standings import check, check_matches

__all__ = [
    "BAD",
    "BAD_COUNT",
    "BATCH",
    "BOARD_ROWS",
    "MEASURES",
    "PERIODS",
    "Batch",
    "Best",
    "PlayerPage",
    "Row",
    "announce",
    "board",
    "board_size",
    "check",
    "check_matches",
    "clean",
    "life_places",
    "persist",
    "places",
    "player",
    "remove",
    "standing",
]
