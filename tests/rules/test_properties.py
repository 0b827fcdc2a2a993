"""What holds in every match, whatever the players do."""

import json
import os
import random
import subprocess
import sys

import pytest
from hypothesis import given, settings, strategies as st

from game.rules.contract import Died, Pilot
from game.rules.snek import Snek
from game.rules.snek.stages import SPAWN
from tests.rules.matches import (
    Mirror,
    check_state,
    fill,
    fingerprint,
    meddle,
    random_actions,
)

BOARDS = st.fixed_dictionaries(
    {
        "width": st.integers(8, 24),
        "height": st.integers(8, 24),
        "wrap": st.booleans(),
        "rocks": st.integers(0, 1),
        "side": st.sampled_from((0, 16)),
    }
)


@given(seed=st.integers(0, 2**64 - 1), options=BOARDS, seats=st.integers(1, 24))
@settings(max_examples=40, deadline=None)
def test_the_state_is_sound_and_its_tables_mirror_it(seed, options, seats):
    game = Snek(seed, options)
    numbers = list(range(1, seats + 1))
    fill(game, numbers)
    mirror, dice = Mirror(game), random.Random(seed)
    for _ in range(120):
        meddle(game, dice, numbers)
        game.step(random_actions(dice, numbers))
        mirror.follow()
        mirror.check()
        check_state(game.state)


@given(seed=st.integers(0, 2**32))
@settings(max_examples=20, deadline=None)
def test_lengths_add_up(seed):
    game = Snek(seed, {"width": 20, "height": 20, "rocks": 2})
    fill(game, range(1, 9))
    dice = random.Random(seed)
    earned: dict[int, int] = {}
    for _ in range(150):
        state = game.state
        before = dict(state.food)
        game.step(random_actions(dice, [1, 4, 5, 8]))
        for seat, snake in state.snakes.items():
            if snake.born == state.tick:
                earned[seat] = 3
            colour = before.get(snake.body[-1])
            ate = colour is not None and state.players[seat].pilot is not Pilot.ABSENT
            if ate and snake.born != state.tick:
                earned[seat] += 2 if colour == 255 else 1
            assert snake.length == earned[seat]
            assert 3 <= len(snake.body) <= snake.length


@given(seed=st.integers(0, 2**32))
@settings(max_examples=20, deadline=None)
def test_nobody_protected_dies_or_kills(seed):
    game = Snek(seed, {"width": 12, "height": 12, "rocks": 1, "wrap": bool(seed % 2)})
    people = list(range(1, 13))
    for seat in people:
        game.join(seat, seat % 8)
    dice = random.Random(seed)
    for _ in range(150):
        safe = {s.seat for s in game.state.snakes.values() if game.state.tick + 1 < s.safe_until}
        actions = [*random_actions(dice, people), (dice.choice(people), SPAWN, ())]
        for event in game.step(actions):
            if isinstance(event, Died):
                assert event.seat not in safe
                assert event.by not in safe
        check_state(game.state)


def run(seed: int, ticks: int, restore_every: int = 0) -> tuple[str, int]:
    """The hash of a random match after so many ticks, and the number of deaths in it."""
    game = Snek(seed, {})
    numbers = list(range(1, 13))
    fill(game, numbers)
    dice, dead = random.Random(seed), 0
    for tick in range(1, ticks + 1):
        meddle(game, dice, numbers)
        if restore_every and tick % restore_every == 0:
            game = Snek.restore(json.loads(json.dumps(game.checkpoint())))
        dead += sum(isinstance(event, Died) for event in game.step(random_actions(dice, numbers)))
    return fingerprint(game), dead


def test_same_seed_and_moves_end_the_same_after_10_000_ticks_with_and_without_restores():
    plain, deaths = run(7, 10_000)
    assert deaths > 500
    assert run(7, 10_000, restore_every=997) == (plain, deaths)


def test_another_seed_ends_otherwise():
    assert run(1, 50) != run(2, 50)


@pytest.mark.parametrize("hash_seed", ["0", "4242"])
def test_another_process_with_another_hash_seed_ends_the_same(hash_seed):
    code = "from tests.rules.test_properties import run; print(run(11, 800)[0])"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.getcwd()},
        capture_output=True,
        text=True,
        timeout=50,
        check=True,
    )
    assert done.stdout.strip() == run(11, 800)[0]
