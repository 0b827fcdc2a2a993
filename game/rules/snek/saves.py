"""The state of a match as plain data, and back; what is visible is saved in its tables' order."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from game.rules.columns import Columns
from game.rules.contract import ROOM, Pilot
from game.rules.snek.board import check_options
from game.rules.snek.cells import MOST, NOWHERE
from game.rules.snek.living import Living, Player, Snake
from game.rules.snek.state import SEED_MAX, State
from game.rules.snek.tuning import COLOURS, QUEUE, ROCK, SEED, START_LENGTH
from game.rules.snek.upgrade import PREVIOUS, upgrade

NUMBER_MAX = (1 << 32) - 1  # the widest visible number
PLAYERS: Final = Columns("seat", "colour", "pilot", "goal", "until", "prey", "view")
LIVES: Final = Columns("seat", "life", "born", "safe_until", "shield", "length")
SNAKES: Final = Columns(*LIVES.names, "head", "heading", "grow")


def save(state: State) -> dict[str, Any]:
    """Everything that the next steps depend on."""
    gaps, ways = state.cells.entered()
    return {
        "seed": state.seed,
        "options": dict(state.options),
        "rng": state.rng.state,
        "tick": state.tick,
        "lives": state.lives,
        "rocks": state.cells.held_by(ROCK)[:-1],  # without the wall
        "food": {"cells": list(state.food), "colours": list(state.food.values())},
        # From a head, as many as it is long, against the directions: whose they are follows.
        "cells": {"gaps": gaps, "ways": ways},
        "scores": list(state.numbers.rows(ROOM)),
        "best": list(state.scores.rows(ROOM)) if state.large else [],
        "crowd": list(state.crowd.rows(ROOM)),
        "players": save_players(list(state.players.values())),
        "snakes": save_snakes(list(state.snakes.values()), state.living),
        "turns": [[snake.seat, *snake.queue] for snake in state.snakes.values() if snake.queue],
        "waiting": list(state.waiting.items()),
        "leavers": list(state.leavers),
    }


def save_players(players: Sequence[Player]) -> dict[str, list[int]]:
    """Players; their snakes are saved on their own."""
    return {**PLAYERS.save(players), "pilot": [int(player.pilot) for player in players]}


def save_snakes(snakes: Sequence[Snake], living: Living) -> dict[str, list[int]]:
    """What cells and scores do not say of snakes."""
    slots = [snake.slot for snake in snakes]
    return {
        **LIVES.save(snakes),
        "head": list(map(living.heads.__getitem__, slots)),
        "heading": list(map(living.headings.__getitem__, slots)),
        "grow": list(map(living.grow.__getitem__, slots)),
    }


def load(data: Mapping[str, Any]) -> State:
    """The state as it was saved, tables included; raises ValueError if anything does not fit."""
    try:
        return build(upgrade(data) if data["version"] == PREVIOUS else data)
    except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"this checkpoint is damaged: {error!r}") from error


def build(data: Mapping[str, Any]) -> State:
    """Rebuild a state; an exception of any common kind means that the data is damaged."""
    state = State(number(data["seed"], 0, SEED_MAX), check_options(data["options"]))
    state.rng.state = number(data["rng"], 0, SEED_MAX)
    state.tick = number(data["tick"])
    state.lives = number(data["lives"])
    load_ground(state, data)
    for entry in PLAYERS.load(data["players"]):
        player = load_player(state, entry)
        need(player.seat not in state.players, "a seat is taken twice")
        state.seat(player)
    load_snakes(state, data)
    load_turns(state, data)
    load_scores(state, data)
    for seat, row in data["best"]:
        need(state.large, "a small board has no best")
        state.scores.set(ROOM, number(seat, 1, MOST), tuple(number(n) for n in row))
    for region, (heads,) in data["crowd"]:
        number(region, 0, len(state.grid.cells) - 1)
        state.crowd.set(ROOM, region, (number(heads, 0, 255),))
    for seat, tick in data["waiting"]:
        need(state.players[seat].snake is None, "somebody waits to live who lives")
        state.waiting[seat] = number(tick)
    for seat in data["leavers"]:
        need(state.players[seat].snake is not None, "somebody leaves a life without one")
        state.players[seat].leaving = True
        state.leavers.append(seat)
    for table in state.tables.values():
        table.take_changes()  # everybody gets these rows as keyframes
    return state


def load_ground(state: State, data: Mapping[str, Any]) -> None:
    """Rocks and food."""
    cells = state.board.cells
    for rock in data["rocks"]:
        need(state.owner[number(rock, 0, cells - 1)] == 0, "two rocks share a cell")
        state.lay_rock(rock)
    for cell, colour in zip(data["food"]["cells"], data["food"]["colours"], strict=True):
        free = state.owner[number(cell, 0, cells - 1)] == 0 and not state.edible[cell]
        need(free and (colour == SEED or colour in range(COLOURS)), "food is not on free ground")
        state.lay_food(cell, number(colour))


def load_player(state: State, entry: Mapping[str, Any]) -> Player:
    """A player without a snake."""
    return Player(
        seat=number(entry["seat"], 1, MOST),
        colour=number(entry["colour"], 0, COLOURS - 1),
        pilot=Pilot(number(entry["pilot"])),
        goal=number(entry["goal"], -1, state.board.cells - 1),
        until=number(entry["until"]),
        prey=number(entry["prey"], 0, MOST),
        view=number(entry["view"], 0, len(state.grid.views) - 1),
    )


def load_snakes(state: State, data: Mapping[str, Any]) -> None:
    """The living, on their cells; none may be left over."""
    entered = load_cells(state, data["cells"])
    shielded: list[tuple[int, Snake]] = []
    for entry in SNAKES.load(data["snakes"]):
        snake = load_snake(state, entry, entered)
        need((snake.shield >= 0) == (state.tick < snake.safe_until), "a shield is wrong")
        if snake.shield >= 0:
            state.shields.set(snake.shield, snake.seat, (snake.safe_until, snake.life))
            shielded.append((snake.safe_until, snake))
    state.shielded.extend(sorted(shielded, key=lambda entry: entry[0]))
    need(not entered, "a body has no snake")


def load_cells(state: State, data: Mapping[str, Any]) -> dict[int, int]:
    """The cells that snakes lie on, and the direction in which each was entered."""
    entered: dict[int, int] = {}
    cell = NOWHERE
    for gap, way in zip(data["gaps"], data["ways"], strict=True):
        cell = number(cell + number(gap, 1), 0, state.board.cells - 1)
        free = state.owner[cell] == 0 and not state.edible[cell]
        need(free, "a snake is not on free ground")
        entered[cell] = number(way, 0, 3)
    return entered


def load_snake(state: State, entry: Mapping[str, Any], entered: dict[int, int]) -> Snake:
    """Put a snake on its cells, which are taken out of those entered."""
    player = state.players[number(entry["seat"], 1, MOST)]
    need(player.snake is None, "a seat lives twice")
    grow = number(entry["grow"])
    size = number(entry["length"]) - grow
    need(size >= START_LENGTH, "a snake is too short")
    body, ways = follow(state, number(entry["head"]), size, entered)
    life, born = number(entry["life"], 1, state.lives), number(entry["born"], 0, state.tick)
    snake = Snake(state.living, player, life=life, born=born)
    state.place(snake, body, ways)
    snake.feed(grow)
    snake.safe_until = number(entry["safe_until"])
    snake.shield = number(entry["shield"], -1, len(state.grid.cells) - 1)
    snake.heading = number(entry["heading"], 0, 3)
    need(snake.heading != snake.moved ^ 2, "a snake turns back")
    return snake


def follow(
    state: State, cell: int, size: int, entered: dict[int, int]
) -> tuple[list[int], list[int]]:
    """A body of this size back from its head: its cells, tail first, and their directions."""
    body: list[int] = []
    ways: list[int] = []
    for _ in range(size):
        need(cell in entered, "a body is torn")
        body.append(cell)
        ways.append(entered.pop(cell))
        cell = state.board.near[ways[-1] ^ 2][cell]
    return body[::-1], ways[::-1]


def load_turns(state: State, data: Mapping[str, Any]) -> None:
    """The turns that wait, of those who have any."""
    for seat, *turns in data["turns"]:
        snake = state.snakes[number(seat, 1, MOST)]
        need(not snake.queue, "the turns of a seat come twice")
        need(0 < len(turns) <= QUEUE, "too many turns wait, or none")
        snake.queue = [number(turn, 0, 3) for turn in turns]
        state.turning[snake.seat] = snake


def load_scores(state: State, data: Mapping[str, Any]) -> None:
    """The numbers of all players; of the living, the lengths are known."""
    seats = sorted(seat for seat, _ in data["scores"])
    need(seats == sorted(state.players), "scores and players differ")
    for seat, (score, length, kills) in data["scores"]:
        row = (number(score), number(length), number(kills))
        state.numbers.set(ROOM, number(seat), row)
        snake = state.players[seat].snake
        if snake is not None:
            need(length == snake.length, "a length does not add up")
            snake.score, _, snake.kills = row


def number(value: Any, least: int = 0, most: int = NUMBER_MAX) -> int:
    """The value, if it is a whole number in this range."""
    if type(value) is not int or not least <= value <= most:
        raise ValueError(f"{value!r} is not a number from {least} to {most}")
    return value


def need(right: bool, otherwise: str) -> None:
    """Raise ValueError unless this holds."""
    if not right:
        raise ValueError(otherwise)
