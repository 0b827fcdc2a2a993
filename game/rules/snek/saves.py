"""The state of a match as plain data, and back; what is visible is saved in its tables' order."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from game.rules.contract import ROOM, Pilot
from game.rules.snek.board import check_options
from game.rules.snek.cells import MOST
from game.rules.snek.living import Player, Snake
from game.rules.snek.state import SEED_MAX, State
from game.rules.snek.tuning import COLOURS, QUEUE, ROCK, SEED, START_LENGTH

NUMBER_MAX = (1 << 32) - 1  # the widest visible number


def save(state: State) -> dict[str, Any]:
    """Everything that the next steps depend on."""
    cells = [[cell, seat] for seat, snake in state.snakes.items() for cell in snake.body]
    return {
        "seed": state.seed,
        "options": dict(state.options),
        "rng": state.rng.state,
        "tick": state.tick,
        "lives": state.lives,
        "rocks": state.cells.held_by(ROCK)[:-1],  # without the wall
        "food": [[cell, colour] for cell, colour in state.food.items()],
        "cells": cells,  # of each snake, tail first
        "scores": [[seat, *row] for seat, row in state.numbers.rows(ROOM)],
        "best": [[seat, *row] for seat, row in state.scores.rows(ROOM)] if state.large else [],
        "crowd": [[region, *row] for region, row in state.crowd.rows(ROOM)],
        "players": [save_player(player) for player in state.players.values()],
        "snakes": [save_snake(snake, state.cells.way) for snake in state.snakes.values()],
        "waiting": [[seat, tick] for seat, tick in state.waiting.items()],
        "leavers": list(state.leavers),
    }


def save_player(player: Player) -> dict[str, Any]:
    """A player; the snake is saved on its own."""
    return {
        "seat": player.seat,
        "colour": player.colour,
        "pilot": int(player.pilot),
        "goal": player.goal,
        "until": player.until,
        "prey": player.prey,
        "view": player.view,
    }


def save_snake(snake: Snake, way: Sequence[int]) -> dict[str, Any]:
    """What cells and scores do not say of a snake."""
    return {
        "seat": snake.seat,
        "heading": snake.heading,
        "came": way[snake.tail],
        "queue": list(snake.queue),
        "grow": snake.grow,
        "life": snake.life,
        "born": snake.born,
        "safe_until": snake.safe_until,
        "shield": snake.shield,
    }


def load(data: Mapping[str, Any]) -> State:
    """The state as it was saved, tables included; raises ValueError if anything does not fit."""
    try:
        return build(data)
    except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"this checkpoint is damaged: {error!r}") from error


def build(data: Mapping[str, Any]) -> State:
    """Rebuild a state; an exception of any common kind means that the data is damaged."""
    state = State(number(data["seed"], 0, SEED_MAX), check_options(data["options"]))
    state.rng.state = number(data["rng"], 0, SEED_MAX)
    state.tick = number(data["tick"])
    state.lives = number(data["lives"])
    load_ground(state, data)
    for entry in data["players"]:
        player = load_player(state, entry)
        need(player.seat not in state.players, "a seat is taken twice")
        state.seat(player)
    load_snakes(state, data)
    for seat, *row in data["best"]:
        need(state.large, "a small board has no best")
        state.scores.set(ROOM, number(seat, 1, MOST), tuple(number(n) for n in row))
    for region, heads in data["crowd"]:
        state.crowd.set(
            ROOM, number(region, 0, len(state.grid.cells) - 1), (number(heads, 0, 255),)
        )
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
    for cell, colour in data["food"]:
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
    """The living: their cells in order, their numbers, their rows in every table."""
    bodies: dict[int, list[int]] = {}
    shielded: list[Snake] = []
    for cell, seat in data["cells"]:
        free = state.owner[number(cell, 0, state.board.cells - 1)] == 0
        need(free and not state.edible[cell], "a snake is not on free ground")
        state.owner[cell] = number(seat, 1, MOST)
        bodies.setdefault(seat, []).append(cell)
    for entry in data["snakes"]:
        snake = load_snake(state, entry, bodies.pop(entry["seat"]))
        if snake.queue:
            state.turning[snake.seat] = snake
        snake.shield = number(entry["shield"], -1, len(state.grid.cells) - 1)
        need((snake.shield >= 0) == (state.tick < snake.safe_until), "a shield is wrong")
        if snake.shield >= 0:
            state.shields.set(snake.shield, snake.seat, (snake.safe_until, snake.life))
            shielded.append(snake)
    state.shielded.extend(sorted(shielded, key=lambda snake: snake.safe_until))
    need(not bodies, "a body has no snake")
    need(
        sorted(seat for seat, *_ in data["scores"]) == sorted(state.players),
        "scores and players differ",
    )
    for seat, score, length, kills in data["scores"]:
        row = (number(score), number(length), number(kills))
        state.numbers.set(ROOM, seat, row)
        snake_ = state.players[seat].snake
        if snake_ is not None:
            need(length == snake_.length, "a length does not add up")
            snake_.score, _, snake_.kills = row


def load_snake(state: State, entry: Mapping[str, Any], body: list[int]) -> Snake:
    """Put a snake on its cells, which must be a way from tail to head."""
    need(len(body) >= START_LENGTH, "a snake is too short")
    player = state.players[entry["seat"]]
    need(player.snake is None, "a seat lives twice")
    life = number(entry["life"], 1, state.lives)
    snake = Snake(
        state.living, player, life=life, born=number(entry["born"], 0, state.tick), safe=0
    )
    state.place(snake, body, [number(entry["came"], 0, 3), *moves_of(state, body)])
    snake.safe_until = number(entry["safe_until"])
    snake.heading = number(entry["heading"], 0, 3)
    snake.queue = [number(turn, 0, 3) for turn in entry["queue"]]
    snake.feed(number(entry["grow"]))
    need(snake.heading != snake.moved ^ 2, "a snake turns back")
    need(len(snake.queue) <= QUEUE, "too many turns wait")
    return snake


def moves_of(state: State, body: Iterable[int]) -> list[int]:
    """The directions from each cell of a body to the next."""
    return [way(state, a, b) for a, b in pairwise(body)]


def way(state: State, a: int, b: int) -> int:
    """The direction from a cell to the one beside it."""
    for direction, beside in enumerate(state.board.near):
        if beside[a] == b:
            return direction
    raise ValueError("a body is torn")


def number(value: Any, least: int = 0, most: int = NUMBER_MAX) -> int:
    """The value, if it is a whole number in this range."""
    if type(value) is not int or not least <= value <= most:
        raise ValueError(f"{value!r} is not a number from {least} to {most}")
    return value


def need(right: bool, otherwise: str) -> None:
    """Raise ValueError unless this holds."""
    if not right:
        raise ValueError(otherwise)
