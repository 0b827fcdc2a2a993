"""GAMES is the one list of games; it stands apart so that the contract alone loads none."""

from game.rules.contract import Game
from game.rules.snek import Snek

GAMES: dict[str, type[Game]] = {"snek": Snek}
