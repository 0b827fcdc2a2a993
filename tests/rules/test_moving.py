"""Going, turning, the queue of turns, and edges."""

import pytest

from tests.rules.pictures import arena, board, draw, play, snake


def test_a_snake_goes_on_in_its_direction():
    game = arena("""
        ......
        .>>A..
        ......
    """)
    assert play(game, "") == []
    assert draw(game) == board("""
        ......
        ..>>A.
        ......
    """)


def test_a_turn_is_taken_in_the_same_tick():
    game = arena("""
        ......
        .>>A..
        ......
    """)
    play(game, "A^")
    assert draw(game) == board("""
        ...A..
        ..>^..
        ......
    """)


def test_two_turns_in_one_tick_both_count_one_per_tick():
    game = arena("""
        ......
        .>>A..
        ......
    """)
    play(game, "A^ A<")
    play(game, "")
    assert draw(game) == board("""
        ..A<..
        ...^..
        ......
    """)


def test_turning_back_is_ignored():
    game = arena("""
        ......
        .>>A..
        ......
    """)
    play(game, "A<")
    assert draw(game) == board("""
        ......
        ..>>A.
        ......
    """)


def test_turning_back_counts_from_the_turn_queued_before():
    game = arena("""
        ......
        .>>A..
        ......
    """)
    play(game, "A^ Av")  # down would turn back once up is taken
    assert snake(game, "A").queue == []


@pytest.mark.parametrize(
    ("pressed", "waiting"),
    [
        ("A>", []),  # changes nothing
        ("A^ A^", []),  # the second changes nothing
        ("A^ A< Av", [3, 2]),
        ("A^ A< Av A>", [3, 2]),  # three waited, the newest was refused
        ("A^ A> A^ Av A>", [1, 0]),
    ],
)
def test_up_to_three_turns_wait(pressed, waiting):
    game = arena("""
        ........
        ........
        ........
        .>>A....
        ........
    """)
    play(game, pressed)
    assert snake(game, "A").queue == waiting


def test_nobody_but_a_person_takes_actions():
    game = arena(
        """
        ......
        ......
        .>>A..
        ......
        ......
        """,
        absent="A",
    )
    play(game, "A^")
    assert draw(game).splitlines()[2] == "..>>A."


@pytest.mark.parametrize("action", [(9, 1, (0,)), (1, 7, ()), (1, 1, (4,)), (1, 1, ())])
def test_actions_without_sense_are_dropped(action):
    game = arena("""
        ......
        .>>A..
        ......
    """)
    game.step([action])
    assert draw(game).splitlines()[1] == "..>>A."


def test_where_the_board_wraps_a_snake_comes_in_opposite():
    game = arena(
        """
        .....
        ..>>A
        .....
        """,
        wrap=True,
    )
    play(game, "")
    assert draw(game) == board("""
        .....
        A..>>
        .....
    """)
    play(game, "A^", "")
    assert draw(game) == board("""
        ^....
        ^....
        A....
    """)


def test_a_snake_grows_at_its_tail_from_the_tick_after_its_meal():
    game = arena("""
        ........
        >>A*....
        ........
    """)
    play(game, "")
    assert draw(game).splitlines()[1] == ".>>A...."
    play(game, "")
    assert draw(game).splitlines()[1] == ".>>>A..."
    play(game, "")
    assert draw(game).splitlines()[1] == ".>>>>A.."
    play(game, "")
    assert draw(game).splitlines()[1] == "..>>>>A."


def test_remains_let_it_grow_by_one():
    game = arena("""
        >>A+....
        ........
    """)
    play(game, "", "", "")
    assert draw(game).splitlines()[0] == "..>>>A.."


def test_the_turns_that_the_dead_had_waiting_turn_nobody_else():
    game = arena("""
        ...A....
        ...^....
        ...^....
        B<<.....
        .>>C....
        ........
    """)
    play(game, "B^ A> A^ A<", "B>", "")  # A goes right, then up into the wall: left still waits
    assert "A" not in draw(game)
    assert draw(game).splitlines()[4] == "....>>C."
