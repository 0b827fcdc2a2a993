"""What a match of Snek consists of: players, their snakes, and the state that holds them all."""

from array import array
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
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
from game.rules.snek.tuning import POINTS_KILL, ROCK, SEED

SEED_MAX: Final = (1 << 64) - 1  # larger seeds are cut to their low 64 bits
NUMBERS: Final = (Field("score", "I"), Field("length", "H"), Field("kills", "H"))


GOES, HOLDS, DIES = 0, 1, 2  # a snake's fate this tick


@dataclass(slots=True, eq=False)
class Player:
    """Someone in a seat, alive or not; goal, until and prey are a bot's plans."""

    seat: int
    colour: int
    pilot: Pilot
    snake: "Snake | None" = None
    leaving: bool = False
    goal: int = -1  # the cell it heads for, or -1
    until: int = 0  # the tick at which it thinks again
    prey: int = 0  # the seat it tries to cut off, or 0
    view: int = 0  # where its camera is


class Snake:
    """One life on the board."""

    __slots__ = (
        "body",
        "born",
        "fate",
        "grow",
        "heading",
        "kills",
        "life",
        "moved",
        "player",
        "queue",
        "safe_until",
        "score",
        "seat",
        "shield",
        "target",
    )

    def __init__(
        self,
        player: Player,
        body: Iterable[int],
        heading: int,
        *,
        life: int,
        born: int,
        safe: int,
    ) -> None:
        self.player = player
        self.seat = player.seat
        self.body = deque(body)  # cells, tail first
        self.heading = heading  # where it wants to go next
        self.moved = heading  # where it last went; turning back from it is impossible
        self.queue: list[int] = []  # turns still to come
        self.grow = 0  # cells still to grow
        self.life = life
        self.born = born  # tick
        self.safe_until = born + safe  # tick
        self.shield = -1  # the region in which its protection is shown, or -1
        self.score = 0
        self.kills = 0
        self.target = -1  # the cell it is about to enter; only means something within a step
        self.fate = GOES

    @property
    def length(self) -> int:
        """Cells it has earned: those on the board and those still to grow."""
        return len(self.body) + self.grow

    def credit_kill(self) -> None:
        """Count somebody's death for it."""
        self.kills += 1
        self.score += POINTS_KILL


@dataclass(slots=True)
class Death:
    """A death decided this tick, carried out when everyone has moved."""

    snake: Snake
    cause: int
    by: int = NOBODY
    length: int = field(init=False)

    def __post_init__(self) -> None:
        self.length = self.snake.length  # before the move takes its tail


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
        self.waiting: dict[int, int] = {}  # seat -> tick from which it may spawn, first come first
        # Who is where: 0 no one, a seat, or ROCK. The extra cell is the wall.
        self.owner = array("h", [0] * self.board.cells + [ROCK])
        self.edible = bytearray(self.board.cells + 1)  # 1 where food lies
        self.food: dict[int, int] = {}  # cell -> colour
        self.leavers: list[int] = []  # seats whose lives end in the next step
        self.steered: set[int] = set()  # seats that the game steers: bots', and of the absent
        self.turning: dict[int, Snake] = {}  # by seat: who has turns waiting
        self.grid = make_grid(options)
        self.large = bool(options["side"])  # in regions: nobody sees it all
        self.moved: dict[int, int] = {}  # seat -> view, of those whose view changed
        self.shielded: deque[Snake] = deque()  # whose protection is shown, in the order it ends
        self.cells = Cells(self.grid, self.owner)
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

    def show_shield(self, snake: Snake) -> None:
        """Let everyone near see that a snake is protected."""
        snake.shield = self.grid.region[snake.body[-1]]
        self.shields.set(snake.shield, snake.seat, (snake.safe_until, snake.life))
        self.shielded.append(snake)

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
