"""Which rooms an engine gives away: few, to the one with the least to do, and never to and fro."""

from hypothesis import given, strategies as st

from game.engine.balance import GIVE_MOST, ROOM_LOAD, SLACK_LEAST, surplus


def rooms(*loads: float, name: str = "r") -> dict[str, float]:
    return {f"{name}{number}": load for number, load in enumerate(loads)}


def test_who_is_alone_keeps_everything() -> None:
    assert surplus("me", rooms(0.5, 0.5), {"me": 1.0}) == {}


def test_a_newcomer_gets_some_at_once_and_half_in_the_end() -> None:
    mine, theirs = rooms(*[0.02] * 20), {}
    for _ in range(10):
        given = surplus("me", mine, {"me": 0.4, "new": sum(theirs.values())})
        assert set(given.values()) <= {"new"}
        assert len(given) <= GIVE_MOST
        theirs |= {room: mine.pop(room) for room in given}
    assert 8 <= len(theirs) <= 10


def test_load_counts_and_not_how_many_rooms_there_are() -> None:
    small = rooms(*[0.002] * 10)
    assert surplus("me", small, {"me": 0.02, "other": 0.3}) == {}
    assert surplus("me", {"large": 0.3, "small": 0.05}, {"other": 0.0}) == {"small": "other"}


def test_rooms_that_sleep_are_shared_too() -> None:
    asleep = rooms(*[ROOM_LOAD] * 40)
    assert len(surplus("me", asleep, {"other": 0.0})) == GIVE_MOST


def test_the_least_loaded_gets_it_and_no_more_than_takes_both_to_the_mean() -> None:
    mine = rooms(*[0.05] * 4)
    given = surplus("me", mine, {"me": 0.2, "a": 0.2, "b": 0.1, "c": 0.0})
    assert list(given.values()) == ["c"]


parts = st.lists(st.floats(ROOM_LOAD, 1.0), min_size=0, max_size=30)


@given(mine=parts, theirs=parts)
def test_nothing_that_was_given_ever_comes_back(mine: list[float], theirs: list[float]) -> None:
    hands = {"one": rooms(*mine, name="a"), "two": rooms(*theirs, name="b")}
    moved: set[str] = set()
    for _ in range(40):
        loads = {engine: sum(held.values()) for engine, held in hands.items()}
        given = [(e, surplus(e, hands[e], loads)) for e in hands]
        assert not all(gifts for _, gifts in given)  # never both at once
        for engine, gifts in given:
            for room, taker in gifts.items():
                assert room not in moved
                moved.add(room)
                hands[taker][room] = hands[engine].pop(room)
    assert not any(surplus(e, hands[e], loads) for e in hands)
    assert SLACK_LEAST > 0
