"""What a meal, a kill and a second are worth, and that absent players get nothing."""

import pytest

from game.rules.contract import ROOM, Pilot
from tests.rules.pictures import arena, deaths, draw, play, snake


def scores(game):
    return {chr(64 + seat): row for seat, row in game.tables["scores"].rows(ROOM)}


@pytest.mark.parametrize(("food", "score", "length"), [("*", 10, 5), ("+", 5, 4), (".", 0, 3)])
def test_a_meal_is_worth_points_and_length_at_once(food, score, length):
    game = arena(f"""
        >>A{food}....
        ........
    """)
    play(game, "")
    assert scores(game) == {"A": (score, length, 0)}


def test_each_full_second_is_a_point_counted_every_five():
    game = arena(f"""
        >>A{"." * 110}
        {"." * 113}
    """)
    play(game, *[""] * 49)
    assert scores(game)["A"][0] == 0
    play(game, "")
    assert scores(game)["A"][0] == 5
    play(game, *[""] * 50)
    assert scores(game)["A"][0] == 10


@pytest.mark.parametrize(
    ("ticks", "points"), [(1, 0), (9, 0), (10, 1), (49, 4), (50, 5), (51, 5), (77, 7)]
)
def test_at_the_end_every_full_second_has_been_counted(ticks, points):
    game = arena(f"""
        >>A{"." * (ticks - 1)}
        {"." * (ticks + 2)}
    """)
    (death,) = play(game, *[""] * ticks)
    assert (death.ticks, death.score) == (ticks, points)


def test_an_absent_player_gets_nothing_for_time():
    game = arena(
        f"""
        >>A{"." * 60}
        {"." * 63}
        """,
        absent="A",
    )
    play(game, *[""] * 55)
    assert scores(game)["A"][0] == 0


def test_an_absent_snake_goes_around_food():
    game = arena(
        """
        ........
        ........
        ........
        .>>A*...
        ........
        ........
        ........
        """,
        absent="A",
    )
    play(game, "")
    assert "*" in draw(game)


def test_food_that_an_absent_snake_cannot_avoid_is_trodden_down():
    game = arena(
        """
        ####....
        >>A*....
        ####....
        """,
        absent="A",
    )
    play(game, "")
    assert "*" not in draw(game)
    assert scores(game) == {"A": (0, 3, 0)}


def test_an_absent_snake_does_not_enter_a_pocket():
    game = arena(
        """
        .....##.
        .>>A...#
        .....##.
        ........
        ........
        """,
        absent="A",
    )
    for _ in range(60):
        assert deaths(play(game, "")) == {}


def test_who_comes_back_steers_again():
    game = arena(
        """
        ........
        ........
        ..>>A...
        ........
        ........
        """,
        absent="A",
    )
    game.steer(1, Pilot.PERSON)
    play(game, "A^")
    assert draw(game).splitlines()[1] == "....A..."


def test_turns_that_waited_are_dropped_when_the_player_is_gone():
    game = arena("""
        ........
        ........
        ..>>A...
        ........
        ........
    """)
    play(game, "A^ A<")
    game.steer(1, Pilot.ABSENT)
    assert snake(game, "A").queue == []


def test_the_end_of_a_life_tells_all_of_it():
    game = arena("""
        .......>>A
        ..........
    """)
    (death,) = play(game, "")
    assert (death.seat, death.life, death.length, death.ticks) == (1, 1, 3, 1)


def test_the_scores_of_the_dead_stay_with_no_length():
    game = arena("""
        ....v...
        .>>Av...
        ....B...
    """)
    play(game, "")
    assert scores(game) == {"A": (0, 0, 0), "B": (50, 0, 1)}


def test_scores_are_only_written_when_they_change():
    game = arena("""
        >>A.......
        ..........
    """)
    game.tables["scores"].take_changes()
    play(game, "")
    assert game.tables["scores"].take_changes() == {}
