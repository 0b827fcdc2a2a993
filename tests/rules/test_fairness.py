"""Neither the number of a seat nor the order of joining decides who dies."""

import random

import pytest

from game.rules.contract import Died
from game.rules.snek import Snek
from tests.rules.matches import random_actions

SEATS = list(range(1, 41))


def crowded(seed: int) -> Snek:
    """A small board on which 40 people have pressed anything for a while."""
    game = Snek(seed, {"width": 24, "height": 24, "rocks": 4, "wrap": bool(seed % 2)})
    for seat in SEATS:
        game.join(seat, seat % 8)
    dice = random.Random(seed)
    for _ in range(25 + seed % 7):
        game.step(random_actions(dice, SEATS))
    return game


def renamed(data: dict, names: dict[int, int], dice: random.Random) -> dict:
    """The same match with other seat numbers, joined and spawned in another order."""

    def shuffled(columns: dict[str, list]) -> dict[str, list]:
        columns = {**columns, "seat": [names[seat] for seat in columns["seat"]]}
        order = dice.sample(range(len(columns["seat"])), len(columns["seat"]))
        return {name: [column[place] for place in order] for name, column in columns.items()}

    return {
        **data,
        "players": shuffled(data["players"]),
        "snakes": shuffled(data["snakes"]),
        "turns": [[names[seat], *turns] for seat, *turns in data["turns"]],
        "scores": [(names[seat], row) for seat, row in dice.sample(data["scores"], len(names))],
        "waiting": [],
    }


def outcome(game: Snek, actions, names: dict[int, int]) -> tuple[set, dict]:
    """Who died how, and where the living are, by their first names."""
    names = {**names, 0: 0}
    died = {
        (tick, names[e.seat], e.cause, names[e.by], e.score, e.length, e.kills, e.ticks)
        for tick in range(8)
        for e in game.step(actions)
        if isinstance(e, Died)
    }
    return died, {names[seat]: list(s.body) for seat, s in game.state.snakes.items()}


@pytest.mark.parametrize("seed", range(60))
def test_other_seats_and_another_order_give_the_same_deaths(seed):
    dice = random.Random(seed)
    data = {**crowded(seed).checkpoint(), "waiting": []}
    names = dict(zip(SEATS, dice.sample(SEATS, len(SEATS)), strict=True))
    actions = [(seat, 1, (dice.randrange(4),)) for seat in SEATS]
    one = outcome(Snek.restore(data), actions, {seat: seat for seat in SEATS})
    other_actions = dice.sample([(names[s], code, row) for s, code, row in actions], len(actions))
    back = {new: old for old, new in names.items()}
    other = outcome(Snek.restore(renamed(data, names, dice)), other_actions, back)
    assert one == other
