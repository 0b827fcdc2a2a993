"""What a match of Snek consists of: players, their snakes, and the state that holds them all."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from game.rules.contract import (
    NOBODY,
    ROOM,
    SCORES,
    Event,
    Field,
    Pilot,
    Row,
    Table,
    TableSpec,
    Visible,
    Width,
)
from game.rules.rng import Rng
from game.rules.snek.board import make_board, make_grid
from game.rules.snek.cells import Cells
from game.rules.snek.living import Living, Player, Snake
from game.rules.snek.tuning import ROCK, SEED, TIME_SECONDS

SEED_MAX: Final = (1 << 64) - 1  # larger seeds are cut to their low 64 bits
NUMBERS: Final = (Field("score", "I"), Field("length", "H"), Field("kills", "H"))


@dataclass(slots=True)
class Death:
    """A death decided this tick, carried out when everyone has moved."""

    snake: Snake
    cause: int
    by: int = NOBODY


@dataclass(slots=True)
class Step:
    """What the stages of one tick hand to each other."""

    actions: Sequence[tuple[int, int, Row]]
    deaths: list[Death] = field(default_factory=list)
    fed: list[Snake] = field(default_factory=list)  # their heads are on food
    scored: dict[int, Snake] = field(default_factory=dict)  # by seat: a number to show changed
    events: list[Event] = field(default_factory=list)


class State:
    """The whole state of a match; the stages are functions on it."""

    def __init__(self, seed: int, options: Mapping[str, Any]) -> None:
        self.seed = seed & SEED_MAX
        self.options = options
        self.rate: int = options["rate"]  # ticks/s
        self.board = make_board(options["width"], options["height"], options["wrap"])
        self.rng = Rng(self.seed)
        self.tick = 0
        self.lives = 0  # begun in this match
        self.seeds = 0  # pieces of food that are seeds
        self.players: dict[int, Player] = {}  # by seat, in the order in which they joined
        self.snakes: dict[int, Snake] = {}  # the living, by seat, in the order of their spawns
        # The living by seat, apart by when they are paid for their time: [born % pay period].
        self.paid: list[dict[int, Snake]] = [{} for _ in range(self.ticks(TIME_SECONDS))]
        self.waiting: dict[int, int] = {}  # seat -> tick from which it may spawn, first come first
        self.edible = bytearray(self.board.cells + 1)  # 1 where food lies
        self.food: dict[int, int] = {}  # cell -> colour
        self.leavers: list[int] = []  # seats whose lives end in the next step
        self.steered: set[int] = set()  # seats that the game steers: bots', and of the absent
        self.turning: dict[int, Snake] = {}  # by seat: who has turns waiting
        self.grid = make_grid(options)
        self.large = bool(options["side"])  # in regions: nobody sees it all
        self.moved: dict[int, int] = {}  # seat -> view, of those whose view changed
        # Until which tick whose protection is shown, in the order in which they end.
        self.shielded: deque[tuple[int, Snake]] = deque()
        self.cells = Cells(self.grid)
        self.owner = self.cells.owner  # who is where: 0 no one, a seat, or ROCK
        self.owner[self.board.wall] = ROCK
        self.living = Living(self.cells)
        self.tables: dict[str, Visible] = {}
        key: Width = "B" if self.large else "H"
        self.rocks = self._table(TableSpec("rocks", key))
        # A player's colour 0 to 7, or SEED.
        self.meals = self._table(TableSpec("food", key, (Field("colour", "B"),)))
        self.tables["cells"] = self.cells
        shield = (Field("until", "I"), Field("life", "I"))
        self.shields = self._table(TableSpec("shields", "H", shield))
        self.scores = self._table(TableSpec(SCORES, "H", NUMBERS, "room"))
        self.mine = self._table(TableSpec("mine", "H", NUMBERS, "seat"))
        self.crowd = self._table(TableSpec("crowd", "H", (Field("heads", "B"),), "room"))
        # Where everybody's numbers are: on a large board, everyone is told their own.
        self.numbers = self.mine if self.large else self.scores

    def _table(self, spec: TableSpec) -> Table:
        self.tables[spec.name] = table = Table(spec)
        return table

    def ticks(self, seconds: float) -> int:
        """So many seconds of this match, in ticks."""
        return round(seconds * self.rate)

    def where(self, cell: int) -> int:
        """The region in which something that happens at a cell can be seen."""
        return self.grid.region[cell] if self.large else ROOM

    def lay_rock(self, cell: int) -> None:
        """Put a rock on a free cell."""
        self.owner[cell] = ROCK
        self.rocks.set(self.grid.region[cell], self.grid.local[cell])

    def lay_food(self, cell: int, colour: int) -> None:
        """Put food on a free cell."""
        self.food[cell] = colour
        self.edible[cell] = 1
        self.seeds += colour == SEED
        self.meals.set(self.grid.region[cell], self.grid.local[cell], (colour,))

    def take_food(self, cell: int) -> int:
        """Take the food off a cell and return its colour."""
        colour = self.food.pop(cell)
        self.edible[cell] = 0
        self.seeds -= colour == SEED
        self.meals.remove(self.grid.region[cell], self.grid.local[cell])
        return colour

    def place(self, snake: Snake, body: Sequence[int], ways: Sequence[int]) -> None:
        """Put a new snake on its cells, tail first; by which direction each was entered."""
        self.cells.put(snake.seat, body, ways)
        self.living.add(snake, body, ways[-1])
        snake.length = len(body)
        snake.player.snake = self.snakes[snake.seat] = snake
        self.paid[snake.born % len(self.paid)][snake.seat] = snake

    def remove(self, snake: Snake) -> None:
        """Take a snake out whose cells have been left."""
        snake.player.snake = None
        del self.snakes[snake.seat]
        del self.paid[snake.born % len(self.paid)][snake.seat]
        self.turning.pop(snake.seat, None)
        self.living.remove(snake)

    def show_shield(self, snake: Snake) -> None:
        """Let everyone near see that a snake is protected."""
        snake.shield = self.grid.region[snake.head]
        self.shields.set(snake.shield, snake.seat, (snake.safe_until, snake.life))
        self.shielded.append((snake.safe_until, snake))

    def drop_shield(self, snake: Snake) -> None:
        """Show no protection of a snake any more."""
        if snake.shield >= 0:
            self.shields.remove(snake.shield, snake.seat)
            snake.shield = -1

    def look(self, player: Player, cell: int) -> None:
        """Move a player's camera over a cell."""
        view = self.grid.view[cell]
        if view != player.view:
            player.view = self.moved[player.seat] = view

    def seat(self, player: Player) -> None:
        """Take a new player in."""
        self.players[player.seat] = player
        self.hand_over(player, player.pilot)

    def hand_over(self, player: Player, pilot: Pilot) -> None:
        """Let a player's snake be steered by somebody else."""
        player.pilot = pilot
        if pilot is Pilot.PERSON:
            self.steered.discard(player.seat)
        else:
            self.steered.add(player.seat)

    def forget(self, player: Player) -> None:
        """Remove a player who has no snake (any more)."""
        del self.players[player.seat]
        self.steered.discard(player.seat)
        self.waiting.pop(player.seat, None)
        self.numbers.remove(ROOM, player.seat)
