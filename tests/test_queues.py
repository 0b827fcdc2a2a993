"""When a queue is said to grow, without a broker."""

import pytest

from game.queues.sampler import GROWING_FROM, growing


@pytest.mark.parametrize(
    ("history", "grows"),
    [
        ([], False),
        ([50] * 60, False),
        (list(range(60)), True),
        (list(range(60, 0, -1)), False),
        ([0, 40] * 30, False),  # bursts that are worked off
        ([0] * 20 + [50] * 40, False),  # it jumped, and stands
        ([0] * 45 + list(range(10, 25)), True),
        (list(range(15)), False),  # too little is known
        ([0] * 50 + [GROWING_FROM - 1] * 10, False),  # nobody needs to look
    ],
)
def test_growing_is_a_trend(history: list[int], grows: bool) -> None:
    assert growing(history) is grows
