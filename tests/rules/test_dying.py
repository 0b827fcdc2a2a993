"""What kills, who is named, and every question of order between the moves of one tick."""

import pytest

from game.rules.contract import ROOM
from tests.rules.pictures import arena, board, deaths, draw, play, snake


def test_a_wall_kills():
    game = arena("""
        .....
        ..>>A
        .....
    """)
    assert deaths(play(game, "")) == {"A": "wall"}


def test_a_rock_kills():
    game = arena("""
        ......
        .>>A#.
        ......
    """)
    assert deaths(play(game, "")) == {"A": "rock"}


def test_its_own_body_kills():
    game = arena("""
        ......
        .>>>v.
        ..A<<.
        ......
    """)
    assert deaths(play(game, "A^")) == {"A": "self"}


def test_another_body_kills_and_its_owner_is_credited():
    game = arena("""
        ....v...
        .>>Av...
        ....v...
        ....B...
        ........
    """)
    assert deaths(play(game, "")) == {"A": "snake B"}
    assert (snake(game, "B").kills, snake(game, "B").score) == (1, 50)


def test_a_tail_that_leaves_in_the_same_tick_lets_pass():
    game = arena("""
        ........
        .>>A>>B.
        ........
    """)
    assert deaths(play(game, "")) == {}
    assert draw(game) == board("""
        ........
        ..>>A>>B
        ........
    """)


def test_the_tail_of_a_growing_snake_stays_and_kills():
    game = arena(
        """
        ........
        .>>A>>B.
        ........
        """,
        growing="B",
    )
    assert deaths(play(game, "")) == {"A": "snake B"}


def test_a_meal_lets_the_tail_go_in_the_same_tick():
    game = arena("""
        ........
        .>>A>>B*
        ........
    """)
    assert deaths(play(game, "")) == {}


def test_a_snake_may_follow_its_own_tail():
    game = arena("""
        ....
        .>v.
        .A<.
        ....
    """)
    assert deaths(play(game, "A^")) == {}
    assert draw(game) == board("""
        ....
        .Av.
        .^<.
        ....
    """)


def test_the_tail_of_a_dying_snake_leaves():
    game = arena("""
        ........
        ..>>A>>B
        ........
    """)
    assert deaths(play(game, "")) == {"B": "wall"}
    assert draw(game) == board("""
        ........
        ...>>A.+
        ........
    """)


def test_a_dying_snake_still_blocks_and_is_credited():
    game = arena("""
        ....v...
        .>>Av...
        ....B...
    """)
    events = play(game, "")
    assert deaths(events) == {"A": "snake B", "B": "wall"}
    assert {event.seat: (event.kills, event.score) for event in events} == {1: (0, 0), 2: (1, 50)}


def test_two_heads_into_one_cell_both_die_and_it_is_no_kill():
    game = arena("""
        ........
        .>>A.B<<
        ........
    """)
    events = play(game, "")
    assert deaths(events) == {"A": "head-on B", "B": "head-on A"}
    assert [event.kills for event in events] == [0, 0]


def test_length_does_not_decide_a_head_on():
    game = arena("""
        >>>>>A.B<<
        ..........
    """)
    assert deaths(play(game, "")) == {"A": "head-on B", "B": "head-on A"}


def test_two_heads_that_swap_cells_both_die():
    game = arena("""
        ........
        .>>AB<<.
        ........
    """)
    events = play(game, "")
    assert deaths(events) == {"A": "head-on B", "B": "head-on A"}
    assert [event.kills for event in events] == [0, 0]


def test_a_head_that_hits_a_head_which_turns_away_dies_alone():
    game = arena("""
        ........
        .>>AB<<.
        ........
    """)
    assert deaths(play(game, "B^")) == {"A": "snake B"}


def test_of_three_heads_in_one_cell_none_is_named():
    game = arena("""
        ...v...
        ...v...
        ...C...
        >>A.B<<
        .......
    """)
    assert deaths(play(game, "")) == {"A": "head-on", "B": "head-on", "C": "head-on"}


def test_heads_that_meet_on_a_leaving_tail_both_die():
    game = arena("""
        ........
        >>AvB<<.
        ...v....
        ...C....
        ........
    """)
    assert deaths(play(game, "")) == {"A": "head-on B", "B": "head-on A"}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (".....>>A", ".......+"),
        ("....>>>A", ".....+.+"),
        ("...>>>>A", ".....+.+"),
        ("..>>>>>A", "...+.+.+"),
    ],
)
def test_the_dead_leave_food_in_every_second_cell_from_the_head(before, after):
    game = arena(f"""
        {before}
        ........
    """)
    play(game, "")
    assert draw(game).splitlines()[0] == after


def test_remains_keep_the_colour_of_the_dead():
    game = arena("""
        .....>>A
        ........
    """)
    play(game, "")
    assert [row for _, row in game.tables["food"].rows(0)] == [(1,)]


def test_who_leaves_dies_of_it_and_blocks_until_the_end_of_the_tick():
    game = arena("""
        ....v...
        .>>Av...
        ....v...
        ....B...
        ........
    """)
    game.leave(2)
    assert deaths(play(game, "")) == {"B": "left", "A": "snake B"}
    assert 2 not in game.state.players
    assert [seat for seat, _ in game.tables["scores"].rows(ROOM)] == [1]


def test_the_tail_of_who_leaves_goes():
    game = arena("""
        ........
        .>>A>>B.
        ........
    """)
    game.leave(2)
    assert deaths(play(game, "")) == {"B": "left"}
    assert draw(game) == board("""
        ........
        ..>>A.+.
        ........
    """)


def test_nobody_is_named_for_the_body_of_an_absent_player():
    game = arena(
        """
        ....v...
        .>>Av...
        ....v...
        ....B...
        ........
        """,
        absent="B",
    )
    assert deaths(play(game, "")) == {"A": "snake"}
    assert (snake(game, "B").kills, snake(game, "B").score) == (0, 0)
