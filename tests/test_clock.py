"""Whose turn it is in an engine: counted in turns, on a clock that only the turns move."""

import itertools
from collections import Counter

import pytest

from game.engine import clock as clock_module
from game.engine.clock import Clock
from game.engine.hosted import Hosted
from game.room import Room, Settings

TICK = 0.1  # s between the ticks of a room here


class Turns:
    """An engine's clock and rooms whose steps take as long as they are told to."""

    def __init__(self) -> None:
        self.now = 100.0
        self.clock = Clock(self._advance)
        self.cost: dict[Hosted, float] = {}
        self.taken: list[Hosted] = []

    def monotonic(self) -> float:
        return self.now

    def room(self, cost: float) -> Hosted:
        """A room with ten ticks a second, each of which takes so many seconds."""
        settings = Settings(id=f"room{len(self.cost)}", match="m", game="snek", seed=1, fill=0)
        hosted = Hosted(Room(settings), 1, ticking=True)
        assert hosted.interval == TICK
        self.cost[hosted] = cost
        self.clock.start(hosted)
        return hosted

    def _advance(self, hosted: Hosted) -> None:
        began = self.now
        hosted.falls_behind(began)
        self.now += self.cost[hosted]
        hosted.room.tick += 1
        hosted.stepped(began, self.now)
        self.taken.append(hosted)

    def run(self, seconds: float) -> Counter[Hosted]:
        """Turns that each had in so long."""
        first, end = len(self.taken), self.now + seconds
        while self.clock._heap[0][0] <= end:
            self.now = max(self.now, self.clock._heap[0][0])
            self.clock._step_due()
        self.now = end
        return Counter(self.taken[first:])


@pytest.fixture
def turns(monkeypatch: pytest.MonkeyPatch) -> Turns:
    made = Turns()
    monkeypatch.setattr(clock_module, "time", made)
    return made


def test_rooms_that_have_time_all_keep_their_pace(turns: Turns) -> None:
    rooms = [turns.room(0.005) for _ in range(10)]
    had = turns.run(10)
    assert all(99 <= had[room] <= 101 for room in rooms)


def test_a_room_that_overruns_leaves_the_others_their_pace(turns: Turns) -> None:
    slow, others = turns.room(4 * TICK), [turns.room(0.01) for _ in range(4)]
    turns.run(5)
    had = turns.run(10)
    assert all(had[other] >= 95 for other in others)
    assert 10 <= had[slow] <= 13  # half of the time is its


def test_a_room_that_overruns_never_has_two_turns_while_others_wait(turns: Turns) -> None:
    slow, others = turns.room(2 * TICK), {turns.room(0.01) for _ in range(3)}
    turns.run(10)
    places = [place for place, room in enumerate(turns.taken) if room is slow]
    for one, next_one in itertools.pairwise(places):
        between = Counter(turns.taken[one + 1 : next_one])
        assert set(between) == others
        assert all(times >= 2 for times in between.values())  # all that they had missed


def test_rooms_that_are_late_take_turns(turns: Turns) -> None:
    for _ in range(4):
        turns.room(0.04)  # each has time, together they have not
    turns.run(3)
    had = turns.run(10)
    assert max(had.values()) - min(had.values()) <= 3  # of some 62
    assert sum(had.values()) >= 240  # and no time is lost


def test_two_rooms_that_overrun_do_not_starve_each_other_or_a_third(turns: Turns) -> None:
    slow = [turns.room(3 * TICK), turns.room(2 * TICK)]
    other = turns.room(0.001)
    turns.run(5)
    had = turns.run(10)
    assert all(had[room] >= 10 for room in slow)
    assert had[other] >= 90
