"""Boards drawn as text, to set up a match and to look at one.

    .>>A.*     A snake is arrows that lead to its head, a capital letter: A is seat 1, B seat 2.
    .#..+.     `#` rock, `*` seed, `+` remains, `.` free.

A move is a letter and an arrow: "A^" turns A upwards.
"""

from itertools import pairwise

from game.rules.contract import Died, Event, Pilot
from game.rules.snek import Snek
from game.rules.snek.board import make_board
from game.rules.snek.collisions import CAUSES
from game.rules.snek.living import Player, Snake
from game.rules.snek.stages import SPAWN, TURN, begin_life
from game.rules.snek.state import State

ARROWS = "^>v<"  # by direction
NO_MORE_SEEDS = 1_000_000  # seeds that the board is told to have, so that none grows unasked


def board(picture: str) -> str:
    """A picture without its margins, to compare."""
    return "\n".join(line.strip() for line in picture.strip().splitlines())


def arena(
    picture: str,
    *,
    wrap: bool = False,
    safe: str = "",
    absent: str = "",
    bots: str = "",
    growing: str = "",
) -> Snek:
    """The match in a picture; the letters in `safe` are protected, those in `growing` grow by 1."""
    rows = board(picture).splitlines()
    width, height = len(rows[0]), len(rows)
    assert {len(row) for row in rows} == {width}, "every row needs the same width"
    game = Snek.__new__(Snek)
    options = {"width": width, "height": height, "wrap": wrap, "rocks": picture.count("#")}
    options |= {"rate": 10, "side": 0}
    game._take(State(1, options))
    state = game.state
    state.tick = 1000
    marks = "".join(rows)
    for cell, mark in enumerate(marks):
        if mark == "#":
            state.lay_rock(cell)
        elif mark in "*+":
            state.lay_food(cell, 255 if mark == "*" else 7)
    state.seeds = NO_MORE_SEEDS
    for head in sorted(
        (c for c, mark in enumerate(marks) if mark.isupper()), key=marks.__getitem__
    ):
        letter = marks[head]
        pilot = Pilot.ABSENT if letter in absent else Pilot.BOT if letter in bots else Pilot.PERSON
        snake = _put(state, letter, pilot, _body(state, marks, head))
        snake.safe_until = state.tick + 100 if letter in safe else 0
        state.shielded.clear()
        state.drop_shield(snake)
        if letter in safe:
            state.show_shield(snake)
        snake.feed(int(letter in growing))
    return game


def _put(state: State, letter: str, pilot: Pilot, body: list[int]) -> Snake:
    seat = ord(letter) - 64
    player = Player(seat, seat % 8, pilot)
    state.seat(player)
    near = state.board.near
    ways = [next(d for d in range(4) if near[d][a] == b) for a, b in pairwise(body)]
    begin_life(state, player, body, [ways[0], *ways])
    return state.snakes[seat]


def _body(state: State, marks: str, head: int) -> list[int]:
    """The cells of a snake, tail first, found from its head against the arrows."""
    body = [head]
    while True:
        behind = [
            before
            for direction, arrow in enumerate(ARROWS)
            if (before := state.board.near[direction ^ 2][body[0]]) < len(marks)
            and marks[before] == arrow
        ]
        if not behind:
            return body
        assert len(behind) == 1, f"two arrows lead to cell {body[0]}"
        body.insert(0, behind[0])


def draw(game: Snek) -> str:
    """The match as a picture, from its visible tables: bodies by their chains of cells."""
    width, height = game.options["width"], game.options["height"]
    near = make_board(width, height, game.options["wrap"]).near
    marks = ["."] * (width * height)
    for cell, _ in game.tables["rocks"].rows(0):
        marks[cell] = "#"
    for cell, (colour,) in game.tables["food"].rows(0):
        marks[cell] = "*" if colour == 255 else "+"
    bodies = dict(game.tables["cells"].rows(0))
    for cell, (body,) in bodies.items():
        marks[cell] = chr(64 + (body >> 2))
    for snake in game.state.snakes.values():
        cell = snake.body[-1]
        for _ in range(len(snake.body) - 1):  # the cell before has an arrow that leads here
            way = bodies[cell][0] & 3
            cell = near[way ^ 2][cell]
            marks[cell] = ARROWS[way]
    return "\n".join("".join(marks[y * width : (y + 1) * width]) for y in range(height))


def play(game: Snek, *ticks: str) -> list[Event]:
    """Step once per string, which holds that tick's moves: "A^ B<", or "A!" to spawn."""
    events: list[Event] = []
    for moves in ticks:
        events += game.step([_action(move) for move in moves.split()])
    return events


def _action(move: str) -> tuple[int, int, tuple[int, ...]]:
    seat = ord(move[0]) - 64
    return (seat, SPAWN, ()) if move[1] == "!" else (seat, TURN, (ARROWS.index(move[1]),))


def deaths(events: list[Event]) -> dict[str, str]:
    """Who died of what: {"A": "wall", "B": "snake A"}."""
    return {
        chr(
            64 + event.seat
        ): f"{CAUSES[event.cause]} {chr(64 + event.by) if event.by else ''}".strip()
        for event in events
        if isinstance(event, Died)
    }


def snake(game: Snek, letter: str) -> Snake:
    """The snake of a letter."""
    return game.state.snakes[ord(letter) - 64]
