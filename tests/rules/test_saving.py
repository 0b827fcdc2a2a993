"""Checkpoints: exact when whole, refused when damaged."""

import copy
import itertools
import json
import random
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from game.rules.snek import Snek
from tests.rules.matches import check_state, fill, random_actions


def played() -> dict:
    game = Snek(9, {"width": 20, "height": 20, "rocks": 3})
    fill(game, range(1, 9))
    for _ in range(60):
        game.step([(1, 1, (2,)), (1, 1, (3,)), (5, 2, ())])
    game.leave(next(iter(game.state.snakes)))
    return game.checkpoint()


WHOLE = json.loads(json.dumps(played()))
# Matches and whole rooms as the code of version 1 saved them, of a small and of a cut board.
OLD = json.loads(Path(__file__).with_name("version_1.json").read_text())


def plain(data: object) -> bool:
    """Nothing but what every format of bytes knows, and no kinds of its own."""
    if type(data) is dict:
        return all(type(key) is str and plain(value) for key, value in data.items())
    if type(data) in (list, tuple):
        return all(map(plain, data))
    return data is None or type(data) in (int, str, bool)


def as_version_1(game: Snek) -> dict:
    """The checkpoint that version 1 made of such a match."""
    state, now = game.state, json.loads(json.dumps(game.checkpoint()))
    living, way = state.snakes.values(), state.cells.way
    plans = ("goal", "until", "prey", "view")
    lives = ("seat", "heading", "queue", "grow", "life", "born", "safe_until", "shield")
    del now["turns"]
    old = {
        **now,
        "version": 1,
        "food": [[cell, colour] for cell, colour in state.food.items()],
        "cells": [[cell, snake.seat] for snake in living for cell in snake.body],
        "scores": [[seat, *row] for seat, row in now["scores"]],
        "best": [[seat, *row] for seat, row in now["best"]],
        "crowd": [[region, *row] for region, row in now["crowd"]],
        "players": [
            {name: getattr(player, name) for name in ("seat", "colour", "pilot", *plans)}
            for player in state.players.values()
        ],
        "snakes": [
            {"came": way[snake.tail], **{name: getattr(snake, name) for name in lives}}
            for snake in living
        ],
    }
    return json.loads(json.dumps(old))


def test_a_checkpoint_is_plain_data_and_restores_to_itself():
    again = Snek.restore(WHOLE).checkpoint()
    assert json.loads(json.dumps(again)) == WHOLE
    assert plain(again)


@pytest.mark.parametrize("old", OLD.values(), ids=OLD.keys())
def test_a_match_of_version_1_is_brought_up_whole(old):
    data = old["checkpoint"]["game"]
    game = Snek.restore(data)
    assert as_version_1(game) == data
    assert game.checkpoint()["version"] == Snek.VERSION
    check_state(game.state)


@pytest.mark.parametrize("seed", range(12))
def test_any_match_goes_on_the_same_when_it_comes_by_way_of_version_1(seed):
    sides = {"width": 20, "height": 20, "side": 16} if seed % 3 else {"width": 14, "height": 12}
    game = Snek(seed, {**sides, "rocks": 2, "wrap": bool(seed % 2)})
    fill(game, range(1, 13))
    dice = random.Random(seed)
    for _ in range(40 + seed):
        game.step(random_actions(dice, list(range(1, 13))))
    game.leave(next(iter(game.state.snakes)))
    again = Snek.restore(as_version_1(game))
    assert again.checkpoint() == game.checkpoint()
    for _ in range(10):
        actions = random_actions(dice, list(range(1, 13)))
        assert again.step(actions) == game.step(actions)
    assert again.checkpoint() == game.checkpoint()


def test_a_checkpoint_does_not_share_anything_with_the_game():
    game = Snek.restore(WHOLE)
    data = game.checkpoint()
    before = copy.deepcopy(data)
    for _ in range(10):
        game.step([])
    assert data == before


def test_a_restored_game_has_nothing_to_tell_yet():
    game = Snek.restore(WHOLE)
    assert all(table.take_changes() == {} for table in game.tables.values())
    check_state(game.state)


def test_a_large_seed_is_cut_to_64_bits():
    game = Snek(2**80 + 5, {})
    assert Snek.restore(game.checkpoint()).checkpoint() == game.checkpoint()


def test_another_version_is_refused():
    with pytest.raises(ValueError, match="version"):
        Snek.restore({**WHOLE, "version": 99})
    with pytest.raises(ValueError, match="version"):
        Snek.restore({**WHOLE, "version": 0})


def first(data: dict, column: str, value: object) -> None:
    """Say something else of the first snake."""
    data["snakes"][column][0] = value


def again(columns: dict[str, list]) -> None:
    """Say what is said of the first one twice."""
    for column in columns.values():
        column.append(column[0])


def without_last(columns: dict[str, list]) -> None:
    for column in columns.values():
        column.pop()


def taken(data: dict) -> int:
    """A cell that a snake lies on."""
    return data["snakes"]["head"][0]


def feed(data: dict, cell: int, colour: int) -> None:
    data["food"]["cells"].append(cell)
    data["food"]["colours"].append(colour)


def turned(data: dict) -> None:
    """Let one cell have been entered from another side."""
    cells = itertools.accumulate(data["cells"]["gaps"], initial=-1)
    place = list(cells).index(taken(data)) - 1
    data["cells"]["ways"][place] = (data["cells"]["ways"][place] + 1) % 4


DAMAGE = {
    "no cells": lambda d: d.pop("cells"),
    "no ways": lambda d: d["cells"].pop("ways"),
    "a torn body": turned,
    "a cell less": lambda d: without_last(d["cells"]),
    "a cell more": lambda d: (d["cells"]["gaps"].append(1), d["cells"]["ways"].append(0)),
    "a gap without a way": lambda d: d["cells"]["gaps"].append(1),
    "a shared cell": lambda d: d["cells"]["gaps"].__setitem__(1, 0),
    "cells that go back": lambda d: d["cells"]["gaps"].__setitem__(1, -1),
    "cells off the board": lambda d: d["cells"]["gaps"].__setitem__(-1, 400),
    "a way to nowhere": lambda d: d["cells"]["ways"].__setitem__(0, 4),
    "food under a snake": lambda d: feed(d, taken(d), 255),
    "food off the board": lambda d: feed(d, 400, 255),
    "food of no colour": lambda d: feed(d, 0, 9),
    "food without a colour": lambda d: d["food"]["colours"].pop(),
    "a rock under a snake": lambda d: d["rocks"].append(taken(d)),
    "a snake nobody plays": lambda d: first(d, "seat", 77),
    "two snakes of one": lambda d: again(d["snakes"]),
    "a body without a snake": lambda d: without_last(d["snakes"]),
    "a head elsewhere": lambda d: first(d, "head", taken(d) - 1),
    "a head off the board": lambda d: first(d, "head", 401),
    "a column that is too short": lambda d: d["snakes"]["life"].pop(),
    "a column too few": lambda d: d["snakes"].pop("born"),
    "a heading into its neck": lambda d: first(d, "heading", 9),
    "too many turns": lambda d: d["turns"].append([d["snakes"]["seat"][0], 1, 2, 1, 2]),
    "turns of the dead": lambda d: d["turns"].append([77, 1]),
    "no turns": lambda d: d["turns"].append([d["snakes"]["seat"][0]]),
    "turns twice": lambda d: d["turns"].extend([[d["snakes"]["seat"][0], 1]] * 2),
    "more to grow than it is long": lambda d: first(d, "grow", 50),
    "a cell count that does not fit": lambda d: first(d, "grow", d["snakes"]["grow"][0] + 1),
    "a length that does not add up": lambda d: dict(d["scores"])[
        d["snakes"]["seat"][0]
    ].__setitem__(1, 99),
    "a length beyond the body": lambda d: first(d, "length", 399),
    "a player twice": lambda d: again(d["players"]),
    "no such pilot": lambda d: d["players"]["pilot"].__setitem__(0, 5),
    "scores of a stranger": lambda d: d["scores"].append([99, [0, 0, 0]]),
    "a ghost that leaves": lambda d: d["leavers"].append(99),
    "a living one that waits": lambda d: d["waiting"].append([d["snakes"]["seat"][0], 1]),
    "a random state too large": lambda d: d.update(rng=2**64),
    "text for a number": lambda d: d.update(tick="12"),
    "truth for a number": lambda d: d.update(tick=True),
    "options of another game": lambda d: d["options"].update(gravity=1),
    "nothing at all": lambda d: d.clear(),
}
OLD_DAMAGE = {
    "no cells": lambda d: d.pop("cells"),
    "a torn body": lambda d: d["cells"].pop(-2),
    "a shared cell": lambda d: d["cells"].append(d["cells"][0]),
    "a snake nobody plays": lambda d: d["snakes"][0].update(seat=77),
    "two snakes of one": lambda d: d["snakes"].append(d["snakes"][0]),
    "a body without a snake": lambda d: d["snakes"].pop(),
    "a length that does not add up": lambda d: d["scores"][2].__setitem__(2, 99),
    "a player without a colour": lambda d: d["players"][0].pop("colour"),
    "food off the board": lambda d: d["food"].append([400, 255]),
    "text for a cell": lambda d: d["cells"][0].__setitem__(0, "1"),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_damage_is_refused(damage):
    data = copy.deepcopy(WHOLE)
    damage(data)
    with pytest.raises(ValueError, match="checkpoint"):
        Snek.restore(data)


@pytest.mark.parametrize("damage", OLD_DAMAGE.values(), ids=OLD_DAMAGE.keys())
def test_damage_to_version_1_is_refused(damage):
    data = copy.deepcopy(OLD["small"]["checkpoint"]["game"])
    damage(data)
    with pytest.raises(ValueError, match="checkpoint"):
        Snek.restore(data)


JUNK = st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.lists(st.integers())


@pytest.mark.parametrize("whole", [WHOLE, OLD["small"]["checkpoint"]["game"]], ids=["new", "old"])
@given(data=st.data(), junk=JUNK)
@settings(max_examples=200, deadline=None)
def test_junk_anywhere_is_either_refused_or_a_sound_state(whole, data, junk):
    damaged = copy.deepcopy(whole)
    at = damaged
    while True:
        keys = sorted(at) if isinstance(at, dict) else range(len(at))
        key = data.draw(st.sampled_from(list(keys)))
        if not isinstance(at[key], dict | list) or not at[key] or data.draw(st.booleans()):
            at[key] = junk
            break
        at = at[key]
    try:
        game = Snek.restore(damaged)
    except ValueError:
        return
    check_state(game.state)
    for _ in range(3):
        game.step([])
        check_state(game.state)
