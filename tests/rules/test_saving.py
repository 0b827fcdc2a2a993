"""Checkpoints: exact when whole, refused when damaged."""

import copy
import json

import pytest
from hypothesis import given, settings, strategies as st

from game.rules.snek import Snek
from tests.rules.matches import check_state, fill


def played() -> dict:
    game = Snek(9, {"width": 20, "height": 20, "rocks": 3})
    fill(game, range(1, 9))
    for _ in range(60):
        game.step([(1, 1, (2,)), (1, 1, (3,)), (5, 2, ())])
    game.leave(next(iter(game.state.snakes)))
    return game.checkpoint()


WHOLE = played()


def test_a_checkpoint_is_plain_data_and_restores_to_itself():
    assert Snek.restore(json.loads(json.dumps(WHOLE))).checkpoint() == WHOLE


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


DAMAGE = {
    "no cells": lambda d: d.pop("cells"),
    "a torn body": lambda d: d["cells"].pop(-2),
    "a shared cell": lambda d: d["cells"].append(d["cells"][0]),
    "food under a snake": lambda d: d["food"].append([d["cells"][0][0], 255]),
    "food off the board": lambda d: d["food"].append([400, 255]),
    "food of no colour": lambda d: d["food"].append([0, 9]),
    "a rock under a snake": lambda d: d["rocks"].append(d["cells"][0][0]),
    "a snake nobody plays": lambda d: d["snakes"][0].update(seat=77),
    "two snakes of one": lambda d: d["snakes"].append(d["snakes"][0]),
    "a body without a snake": lambda d: d["snakes"].pop(),
    "a heading into its neck": lambda d: d["snakes"][0].update(heading=9),
    "too many turns": lambda d: d["snakes"][0].update(queue=[1, 2, 1, 2]),
    "a length that does not add up": lambda d: d["snakes"][0].update(grow=50),
    "a player twice": lambda d: d["players"].append(d["players"][0]),
    "no such pilot": lambda d: d["players"][0].update(pilot=5),
    "scores of a stranger": lambda d: d["scores"].append([99, 0, 0, 0]),
    "a ghost that leaves": lambda d: d["leavers"].append(99),
    "a living one that waits": lambda d: d["waiting"].append([d["snakes"][0]["seat"], 1]),
    "a random state too large": lambda d: d.update(rng=2**64),
    "text for a number": lambda d: d.update(tick="12"),
    "truth for a number": lambda d: d.update(tick=True),
    "options of another game": lambda d: d["options"].update(gravity=1),
    "nothing at all": lambda d: d.clear(),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_damage_is_refused(damage):
    data = copy.deepcopy(WHOLE)
    damage(data)
    with pytest.raises(ValueError, match="checkpoint"):
        Snek.restore(data)


JUNK = st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.lists(st.integers())


@given(data=st.data(), junk=JUNK)
@settings(max_examples=200, deadline=None)
def test_junk_anywhere_is_either_refused_or_a_sound_state(data, junk):
    damaged = copy.deepcopy(WHOLE)
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
