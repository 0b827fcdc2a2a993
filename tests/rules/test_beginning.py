"""Boards, options, rocks, spawns and seeds."""

import pytest

from game.rules.contract import BadOptions, Pilot, Spawned
from game.rules.snek import Snek
from game.rules.snek.pilots import room_from
from game.rules.snek.tuning import START_LENGTH
from tests.rules.matches import shown
from tests.rules.pictures import arena, board, deaths, draw, play


def test_defaults_are_completed():
    assert Snek(1, {"wrap": True}).options == {
        "width": 44,
        "height": 32,
        "wrap": True,
        "rocks": 8,
        "rate": 10,
        "side": 0,
    }
    assert Snek(1, {"width": 256, "height": 256}).options["side"] == 16


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"colour": 1}, "no option called “colour”"),
        ({"width": 7}, "between 8 and 1024"),
        ({"height": 1025}, "between 8 and 1024"),
        ({"width": 600, "height": 600}, "too large"),
        ({"width": 300, "height": 300, "side": 0}, "regions of 16"),
        ({"side": 8}, "regions of 16"),
        ({"rate": 31}, "5 to 30 ticks"),
        ({"rate": 10.0}, "5 to 30 ticks"),
        ({"width": "44"}, "whole number"),
        ({"width": True}, "whole number"),
        ({"rocks": 2.0}, "whole number"),
        ({"wrap": 1}, "true or false"),
        ({"rocks": -1}, "room for 0 to 22 rocks"),
        ({"rocks": 23}, "room for 0 to 22 rocks"),
    ],
)
def test_bad_options_are_refused_in_kind(options, words):
    with pytest.raises(BadOptions, match=words):
        Snek(1, options)


@pytest.mark.parametrize("wrap", [False, True])
@pytest.mark.parametrize(("width", "height"), [(8, 8), (8, 1024), (63, 17), (44, 32), (255, 257)])
def test_the_most_rocks_that_are_allowed_fit_and_enclose_nothing(width, height, wrap):
    most = width * height // 64
    game = Snek(5, {"width": width, "height": height, "wrap": wrap, "rocks": most})
    rocks = list(shown(game.state, "rocks"))
    assert len(set(rocks)) == most
    free = width * height - most
    start = next(cell for cell in range(width * height) if cell not in set(rocks))
    assert room_from(game.state, start, width * height + 1) == free


def test_every_free_cell_has_two_ways_out():
    game = Snek(5, {"rocks": 22})
    state = game.state
    for cell in range(state.board.cells):
        if not state.owner[cell]:
            assert sum(not state.owner[beside[cell]] for beside in state.board.near) >= 2


def test_joining_begins_a_life_in_the_next_step():
    game = Snek(1, {})
    game.join(3, 0)
    assert list(game.tables["shields"].regions()) == []
    assert game.step([]) == [Spawned(3, 1)]
    assert len(list(game.tables["cells"].rows(0))) == START_LENGTH
    assert game.step([]) == []


@pytest.mark.parametrize("seed", range(20))
def test_a_life_starts_away_from_others_and_from_the_wall(seed):
    game = Snek(seed, {})
    for seat in range(1, 7):
        game.join(seat, 0)
    game.step([])
    heads = [snake.body[-1] for snake in game.state.snakes.values()]
    away = game.state.board.away
    assert min(away(a, b) for a in heads for b in heads if a != b) > 4
    for snake in game.state.snakes.values():
        x, y = snake.body[-1] % 44, snake.body[-1] // 44
        gaps = (y, 43 - x, 31 - y, x)
        assert gaps[snake.heading ^ 2] == min(gaps)


def test_without_room_a_life_waits_until_there_is():
    game = arena("""
        >>A#....
        ########
        ##....##
        ########
    """)
    game.join(2, 0)
    events = play(game, *[""] * 5)
    assert 2 not in game.state.snakes
    assert 2 in game.state.waiting
    assert deaths(events) == {"A": "rock"}


def test_spawn_is_for_those_without_a_life():
    game = arena("""
        ..>>A.
        ......
    """)
    play(game, "A!")
    assert game.state.waiting == {}
    assert draw(game) == board("""
        ...>>A
        ......
    """)


def test_only_the_spawn_action_begins_another_life():
    game = Snek(1, {"width": 8, "height": 8, "rocks": 0})
    game.join(1, 0)
    play(game, "")
    while game.state.snakes:
        play(game, "")
    play(game, *[""] * 50)
    assert game.state.snakes == {}
    assert play(game, "A!") == [Spawned(1, 2)]


def test_no_life_begins_while_its_player_is_absent():
    game = Snek(1, {})
    game.join(1, 0)
    game.steer(1, Pilot.ABSENT)
    assert game.step([]) == []
    game.steer(1, Pilot.PERSON)
    assert game.step([]) == [Spawned(1, 1)]


def test_a_seat_is_free_at_once_without_a_life_and_after_a_step_with_one():
    game = Snek(1, {})
    game.join(1, 0)
    game.leave(1)
    game.join(1, 0)
    game.step([])
    game.leave(1)
    game.leave(1)  # twice is once
    with pytest.raises(ValueError, match="not free"):
        game.join(1, 0)
    assert deaths(game.step([])) == {"A": "left"}
    game.join(1, 0)


@pytest.mark.parametrize(("seat", "colour"), [(0, 0), (65_535, 0), (1, 8), (1, -1)])
def test_joining_with_impossible_numbers_is_an_error(seat, colour):
    with pytest.raises(ValueError, match="not"):
        Snek(1, {}).join(seat, colour)


def test_seeds_follow_the_number_of_the_living():
    game = Snek(1, {})
    play(game, "")
    assert game.state.seeds == 2
    for seat in range(1, 11):
        game.join(seat, 0)
    play(game, "", "")
    assert game.state.seeds == 12


def test_a_small_board_keeps_room_between_its_seeds():
    game = Snek(1, {"width": 8, "height": 8, "rocks": 0})
    for seat in range(1, 6):
        game.join(seat, 0)
    play(game, *[""] * 10)
    assert game.state.seeds <= 4
