"""Spawn protection: who is protected neither dies nor kills, and no cell is ever shared."""

import pytest

from game.rules.snek.tuning import SAFE_SECONDS
from tests.rules.pictures import arena, board, deaths, draw, play, snake


@pytest.mark.parametrize(
    "picture",
    [
        """
        ......
        ...>>A
        ......
        """,
        """
        ......
        .>>A#.
        ......
        """,
        """
        ....v.
        .>>Av.
        ....B.
        ......
        """,
        """
        .>>>>v
        ...A<<
        ......
        """,
    ],
)
def test_a_protected_snake_holds_still_where_it_would_die(picture):
    game = arena(picture, safe="A")
    cells = list(snake(game, "A").body)
    assert deaths(play(game, "A^" if "A<<" in picture else "")) == {}
    assert list(snake(game, "A").body) == cells


def test_a_protected_snake_goes_on_as_soon_as_it_turns():
    game = arena(
        """
        ......
        ...>>A
        ......
        """,
        safe="A",
    )
    play(game, "", "A^")
    assert draw(game) == board("""
        .....A
        ....>^
        ......
    """)


def test_a_held_snake_may_turn_against_the_turn_that_was_blocked():
    game = arena(
        """
        .>>A..
        ......
        """,
        safe="A",
    )
    play(game, "A^", "Av")  # up is a wall; down does not turn back, since up never happened
    assert draw(game) == board("""
        ..>v..
        ...A..
    """)


def test_a_queued_turn_that_became_a_turn_back_is_skipped_for_the_next():
    game = arena(
        """
        ..>>A..
        .......
        .......
        """,
        safe="A",
    )
    play(game, "A^ A< Av", "")  # up is blocked, so left would turn back: down is next
    assert draw(game) == board("""
        ...>v..
        ....A..
        .......
    """)


def test_who_would_run_into_a_protected_snake_holds_still():
    game = arena(
        """
        ....v...
        .>>Av...
        ....v...
        ....B...
        ........
        """,
        safe="B",
    )
    assert deaths(play(game, "")) == {}
    assert draw(game) == board("""
        ........
        .>>Av...
        ....v...
        ....v...
        ....B...
    """)


def test_a_protected_snake_has_right_of_way_into_a_free_cell():
    game = arena(
        """
        ........
        .>>A.B<<
        ........
        """,
        safe="A",
    )
    assert deaths(play(game, "")) == {}
    assert draw(game) == board("""
        ........
        ..>>AB<<
        ........
    """)


def test_two_protected_snakes_that_want_one_cell_both_hold():
    game = arena(
        """
        .>>A.B<<
        ........
        """,
        safe="AB",
    )
    assert deaths(play(game, "")) == {}
    assert draw(game) == board("""
        .>>A.B<<
        ........
    """)


def test_facing_heads_hold_if_one_is_protected():
    game = arena(
        """
        .>>AB<<.
        ........
        """,
        safe="B",
    )
    assert deaths(play(game, "")) == {}
    assert draw(game) == board("""
        .>>AB<<.
        ........
    """)


def test_who_follows_the_tail_of_a_held_snake_holds_too_and_so_on():
    game = arena(
        """
        ..........
        >>C>>A>>B#
        ..........
        """,
        safe="B",
    )
    assert deaths(play(game, "")) == {}
    assert draw(game) == board("""
        ..........
        >>C>>A>>B#
        ..........
    """)


def test_one_can_die_of_the_flank_of_a_snake_that_holds():
    game = arena(
        """
        ..v.....
        ..v.....
        ..C.....
        .>>>AB<<
        ........
        """,
        safe="B",
    )
    assert deaths(play(game, "")) == {"C": "snake A"}
    assert draw(game).splitlines()[3] == ".>>>AB<<"


def test_a_tail_that_stays_for_a_snake_that_yields_stops_the_protected_one():
    # Both want the cell of A's own tail. A yields to B, so its tail stays, so B holds as well.
    game = arena(
        """
        .......
        ..>v...
        ..A<...
        .......
        """,
    )
    assert deaths(play(game, "A^")) == {}
    game = arena(
        """
        ........
        >>B>v...
        ...A<...
        ........
        """,
        safe="B",
    )
    assert deaths(play(game, "A^")) == {}
    assert draw(game) == board("""
        ........
        >>B>v...
        ...A<...
        ........
    """)


def test_heads_that_would_meet_on_a_tail_that_stays_hold_instead():
    game = arena(
        """
        ........
        >>AvB<<.
        ...v....
        ...C....
        ...#....
        """,
        safe="C",
    )
    assert deaths(play(game, "")) == {}


def test_protection_lasts_two_seconds_from_the_spawn():
    game = arena("........\n" * 8)
    game.join(1, 0)
    play(game, "")
    spawned = game.state.tick
    ((_, row),) = game.tables["shields"].rows(0)
    safe = SAFE_SECONDS * game.rate
    assert row == (spawned + safe, 1)
    assert deaths(play(game, *[""] * (safe - 1))) == {}  # it waits at the wall
    assert deaths(play(game, "")) == {"A": "wall"}
    assert game.state.tick == row[0]
