"""Bots: fun to beat, so they live a while, eat, cut people off, and die."""

import statistics

import pytest

from game.rules.contract import Died, Pilot, Spawned
from game.rules.snek import Snek
from game.rules.snek.pilots import temperament
from game.rules.snek.tuning import BOT_PAUSE_MIN, BOT_PAUSE_SPREAD
from tests.rules.pictures import arena, deaths, draw, play, snake


@pytest.fixture(scope="module")
def lives():
    """The lives of six bots in ten minutes of each of three rooms."""
    ended = []
    for seed in range(3):
        game = Snek(seed, {})
        for seat in range(1, 7):
            game.join(seat, seat, Pilot.BOT)
        for _ in range(6_000):
            ended += [event for event in game.step([]) if isinstance(event, Died)]
    return ended


def test_half_of_the_bots_live_for_20_to_60_seconds_or_more(lives):
    assert 200 <= statistics.median(life.ticks for life in lives) <= 600


def test_bots_eat(lives):
    assert statistics.median(life.length for life in lives) >= 10


def test_bots_die_in_every_way_but_never_by_leaving(lives):
    assert {life.cause for life in lives} == {1, 2, 3, 4, 5}


def test_bots_kill(lives):
    assert sum(life.kills for life in lives) > len(lives) // 10


def test_temperaments_differ_and_follow_from_the_seed():
    assert len({temperament(1, seat) for seat in range(1, 20)}) == 19
    assert temperament(1, 2) != temperament(2, 2)


def test_a_bot_comes_back_by_itself_after_a_pause():
    game = Snek(4, {"width": 12, "height": 12, "rocks": 1})
    game.join(1, 0, Pilot.BOT)
    pauses = []
    died = None
    for _ in range(3_000):
        for event in game.step([]):
            if isinstance(event, Died):
                died = game.state.tick
            elif isinstance(event, Spawned) and died:
                pauses.append(game.state.tick - died)
    assert pauses
    assert min(pauses) >= BOT_PAUSE_MIN * game.rate
    assert max(pauses) < (BOT_PAUSE_MIN + BOT_PAUSE_SPREAD) * game.rate


def test_a_bot_goes_for_food_in_sight():
    eaten = 0
    for seed in range(20):
        game = arena(
            """
            ............
            ............
            ..>>A.......
            ............
            .......*....
            ............
            """,
            bots="A",
        )
        game.state.seed = game.state.rng.state = seed
        play(game, *[""] * 8)
        eaten += "*" not in draw(game)
    assert eaten >= 6


def test_an_absent_snake_alone_survives_a_minute():
    game = Snek(3, {})
    game.join(1, 0)
    game.step([])
    game.steer(1, Pilot.ABSENT)
    assert deaths(play(game, *[""] * 600)) == {}
    assert snake(game, "A").score == 0
