"""What is played: every game is a module of pure rules, and GAMES is the one list of them."""

from game.rules.contract import Game
from game.rules.snek import Snek

GAMES: dict[str, type[Game]] = {"snek": Snek}
