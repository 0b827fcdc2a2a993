"""Regions and views: everything within reach of a camera is shown, and every cell has one place."""

import pytest
from hypothesis import given, settings, strategies as st

from game.rules.grid import FAR, LOCAL, REGION, SIDE, TURNS, cut, whole
from game.rules.snek.board import make_board

SIGHT = 24  # cells each way from the camera: 20 that are drawn and a margin of 4


def test_a_small_board_is_one_region_that_everybody_sees():
    grid = whole(44, 32)
    assert (grid.views, set(grid.view), set(grid.region)) == (((0,),), {0}, {0})
    assert list(grid.local) == list(range(44 * 32))


@given(width=st.integers(8, 150), height=st.integers(8, 150), wrap=st.booleans(), data=st.data())
@settings(max_examples=60, deadline=None)
def test_what_is_near_is_in_the_view(width, height, wrap, data):
    grid = cut(width, height, wrap)
    x, y = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    shown = set(grid.views[grid.view[y * width + x]])
    near_x, near_y = (
        {
            at % length if wrap else at
            for at in range(middle - SIGHT, middle + SIGHT + 1)
            if wrap or 0 <= at < length
        }
        for middle, length in ((x, width), (y, height))
    )
    needed = {grid.region[b * width + a] for a in near_x for b in near_y}
    assert needed <= shown
    assert len(grid.views[grid.view[y * width + x]]) == len(shown) <= 25


@pytest.mark.parametrize(("width", "height"), [(256, 256), (100, 40), (16, 16), (17, 300)])
def test_every_cell_has_one_place(width, height):
    grid = cut(width, height, False)
    places = {(grid.region[c], grid.local[c]) for c in range(width * height)}
    assert len(places) == width * height
    assert max(grid.local) < SIDE * SIDE
    assert sorted(cell for cells in grid.cells for cell in cells) == list(range(width * height))


def test_a_board_of_too_many_regions_is_refused():
    assert len(cut(1024, 256, False).cells) == 1024
    with pytest.raises(ValueError, match="too many regions"):
        cut(1024, 1024, False)


def test_a_large_board_has_a_few_hundred_views_of_sixteen_regions():
    grid = cut(256, 256, False)
    assert len(grid.views) == 17 * 17
    assert max(map(len, grid.views)) == 16


@pytest.mark.parametrize("wrap", [False, True])
@pytest.mark.parametrize(("width", "height"), [(8, 8), (40, 23), (12, 70), (70, 12)])
def test_a_step_says_where_it_begins_and_whether_it_leaves_its_region_or_its_view(
    width, height, wrap
):
    grid, board = cut(width, height, wrap), make_board(width, height, wrap)
    for direction, step in enumerate((-SIDE, 1, SIDE, -1)):
        for cell, to in enumerate(board.near[direction][:-1]):
            if to != board.wall:
                told = int(grid.steps[cell << 2 | direction])
                beside = grid.local[to] - grid.local[cell] == step
                assert (told < FAR) == (beside and grid.region[cell] == grid.region[to])
                assert (told & TURNS > 0) == (grid.view[cell] != grid.view[to])
                assert told & TURNS - 1 == grid.place[cell] << 2 | direction
            assert grid.place[cell] >> REGION == grid.region[cell]
            assert grid.place[cell] & LOCAL == grid.local[cell]
