"""Whole matches for tests: random players, a hash of a state, and a client's copy of the tables."""

import hashlib
import json
import random
from collections.abc import Iterable

from game.rules.contract import Game, Pilot, Row
from game.rules.snek.stages import SPAWN, TURN
from game.rules.snek.state import State

PILOTS = (Pilot.PERSON, Pilot.PERSON, Pilot.BOT, Pilot.ABSENT)


def fingerprint(game: Game) -> str:
    """A hash of the whole state; it goes through JSON, as a stored checkpoint does."""
    return hashlib.sha256(json.dumps(game.checkpoint(), sort_keys=True).encode()).hexdigest()


def fill(game: Game, seats: Iterable[int]) -> None:
    """Seat people, bots and absent players in turn."""
    for seat in seats:
        game.join(seat, seat % 8, PILOTS[seat % len(PILOTS)])


def meddle(game: Game, dice: random.Random, seats: list[int]) -> None:
    """Let somebody come, go, drop or return, now and then."""
    if dice.random() < 0.98:
        return
    seat = dice.choice(seats)
    player = game.state.players.get(seat)
    if player is None:
        game.join(seat, dice.randrange(8), dice.choice(PILOTS))
    elif dice.random() < 0.5:
        game.steer(seat, dice.choice(PILOTS))
    else:
        game.leave(seat)


def random_actions(dice: random.Random, seats: list[int]) -> list[tuple[int, int, Row]]:
    """Turns and spawns of people who press anything."""
    count = dice.randrange(1 + len(seats) // 2)
    actions: list[tuple[int, int, Row]] = []
    for seat in dice.choices(seats, k=count):
        spawn = dice.random() < 0.2
        actions.append((seat, SPAWN, ()) if spawn else (seat, TURN, (dice.randrange(4),)))
    return actions


class Mirror:
    """A client's copy of a game's tables, kept by changes alone."""

    def __init__(self, game: Game) -> None:
        self.game = game
        self.rows = {
            (name, region): dict(table.rows(region))
            for name, table in game.tables.items()
            for region in table.regions()
        }
        for table in game.tables.values():
            table.take_changes()

    def follow(self) -> None:
        """Apply what changed."""
        for name, table in self.game.tables.items():
            for region, change in table.take_changes().items():
                rows = self.rows.setdefault((name, region), {})
                for key in change.gone:
                    rows.pop(key, None)
                for key, way in zip(change.steps, change.ways, strict=True):
                    across = table.spec.across
                    body, *rest = rows[key]
                    rows[key + (-across, 1, across, -1)[way]] = (body & ~3 | way, *rest)
                for key, row in change.rows:
                    rows.pop(key, None)
                    rows[key] = row

    def check(self) -> None:
        """The copy must have the same rows."""
        for (name, region), rows in self.rows.items():
            assert rows == dict(self.game.tables[name].rows(region)), (name, region)


def check_state(state: State) -> None:
    """What must hold after every step."""
    cells = [cell for snake in state.snakes.values() for cell in snake.body]
    assert len(cells) == len(set(cells)), "two snakes share a cell"
    rocks = set(shown(state, "rocks"))
    assert rocks.isdisjoint(cells), "a snake is on a rock"
    assert set(state.food).isdisjoint(cells), "food is on a snake"
    assert rocks.isdisjoint(state.food), "food is on a rock"
    check_bodies(state)
    check_living(state)
    taken = sum(1 for owner in state.owner[:-1] if owner > 0)
    assert taken == len(cells), "the occupancy list has ghosts"
    assert shown(state, "food") == {c: (colour,) for c, colour in state.food.items()}
    assert [c for c, on in enumerate(state.edible) if on] == sorted(state.food)
    assert state.seeds == sum(colour == 255 for colour in state.food.values())
    check_tables(state)


def shown(state: State, name: str) -> dict[int, Row]:
    """The rows of a table of cells, by cell, from all regions."""
    table, grid = state.tables[name], state.grid
    cells = {
        (region, grid.local[cell]): cell for region, own in enumerate(grid.cells) for cell in own
    }
    return {
        cells[region, key]: row for region in table.regions() for key, row in table.rows(region)
    }


def check_bodies(state: State) -> None:
    """Every body can be followed from its head to its tail, cell by cell, as a page does."""
    rows = shown(state, "cells")
    near = state.board.near
    for seat, snake in state.snakes.items():
        cell, body = snake.body[-1], [snake.body[-1]]
        while len(body) < len(snake.body):
            assert rows[cell][0] >> 2 == seat
            cell = near[(rows[cell][0] & 3) ^ 2][cell]
            body.append(cell)
        assert body[::-1] == list(snake.body)
        assert rows[snake.body[-1]][0] & 3 == snake.moved
    assert len(rows) == sum(len(snake.body) for snake in state.snakes.values())


def check_living(state: State) -> None:
    """Columns and lists name the same snakes as the state does."""
    living = state.living
    assert sorted(living.seats) == sorted(state.snakes)
    for slot, snake in enumerate(living.snakes):
        assert (snake.slot, living.seats[slot]) == (slot, snake.seat)
        assert state.snakes[snake.seat] is snake
        assert snake.size == len(snake.body)
        assert snake.player.view == state.grid.view[snake.head]
    assert {len(c) for c in (living.heads, living.tails, living.headings, living.grow)} == {
        len(living.snakes)
    }
    paid = [snake for cohort in state.paid for snake in cohort.values()]
    assert sorted(snake.life for snake in paid) == sorted(s.life for s in living.snakes)


def check_tables(state: State) -> None:
    """Shields show who is protected, and scores (on a large board: mine) everyone."""
    shields = {
        seat: row for region in state.shields.regions() for seat, row in state.shields.rows(region)
    }
    assert shields == {
        seat: (s.safe_until, s.life)
        for seat, s in state.snakes.items()
        if state.tick < s.safe_until
    }
    scores = dict(state.numbers.rows(0xFFFF))
    assert scores.keys() == state.players.keys()
    for seat, snake in state.snakes.items():
        assert scores[seat] == (snake.score, snake.length, snake.kills)
