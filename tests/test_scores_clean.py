"""What is forgotten and when, one at a time, and how many rows become few calls."""

import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command

from game import expiry, lock, scores, store, tasks
from game.models import Life, Match, Player, Standing
from game.scores import clean
from tests import factory
from tests.factory import MATCH, MIA, put, told

pytestmark = pytest.mark.django_db(transaction=True)
NOW = datetime(2026, 11, 18, 12, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=500)


@pytest.fixture(autouse=True)
def _empty() -> Iterator[None]:
    factory.empty()
    store.redis().delete(store.ROOMS, store.LOBBY)
    yield
    store.redis().delete(store.ROOMS, store.LOBBY)  # rooms that no lobby could show


def ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


# --- Guests ----------------------------------------------------------------------------------
def test_guests_never_seen_again_are_forgotten_but_not_the_leaders(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(clean, "LEADERS", 2)
    put(*factory.crowd(5), at=ms(LONG_AGO))  # the fifth scored most
    put(told(50, match="b" * 32, score=1), at=ms(NOW))
    scores.persist()
    Standing.objects.filter(period="all").update(length=1, kills=1, length_at=NOW, kills_at=NOW)
    gone = clean.expired_guests(100, now=NOW)
    assert uuid.UUID(int=5).hex not in gone
    assert MIA not in gone
    assert uuid.UUID(int=3).hex in gone
    assert clean.delete_guests([*gone, MIA, uuid.UUID(int=77).hex], NOW) == len(gone)
    assert not Life.objects.filter(player__in=gone).exists()
    assert not Standing.objects.filter(player__in=gone).exists()
    assert Match.objects.get(pk=uuid.UUID(MATCH)).lives == 5 - len(gone)
    assert clean.expired_guests(100, now=NOW) == []


def test_a_guest_who_came_back_meanwhile_stays() -> None:
    put(told(), at=ms(LONG_AGO))
    scores.persist()
    put(told(2), at=ms(NOW))
    scores.persist()
    assert clean.delete_guests([MIA], NOW) == 0
    assert Player.objects.count() == 1


def test_pages_of_ids_go_on_behind_the_last() -> None:
    put(*factory.crowd(5))
    scores.persist()
    first = clean.all_players(3)
    assert len(first) == 3
    assert clean.all_players(3, first[-1]) == [uuid.UUID(int=n).hex for n in (4, 5)]


# --- Lives -----------------------------------------------------------------------------------
def test_old_lives_go_but_not_what_a_best_rests_on() -> None:
    old = NOW - timedelta(days=settings.KEEP_LIVES_DAYS + 1)
    put(
        told(1, score=90, length=1, kills=0),
        told(2, score=1, length=90, kills=0),
        told(3, score=2, length=2, kills=9),
        told(4, score=3, length=3, kills=3),
        told(5, score=90, length=4, kills=4),
        at=ms(old),
    )
    put(told(6), at=ms(NOW))
    scores.persist()
    assert clean.expired_lives(10, now=NOW) == [f"{MATCH}-4", f"{MATCH}-5"]
    assert clean.delete_lives([f"{MATCH}-{n}" for n in range(9)], NOW) == 2
    assert Match.objects.get().lives == 4
    assert scores.check([uuid.UUID(MIA)], now=NOW) == []


def test_a_match_without_lives_is_forgotten() -> None:
    old = NOW - timedelta(days=settings.KEEP_LIVES_DAYS + 1)
    put(told(1, match="b" * 32, score=1, length=1, kills=0), at=ms(old))
    put(told(2), at=ms(NOW))
    scores.persist()
    assert clean.delete_lives(clean.expired_lives(10, now=NOW), NOW) == 1
    assert [match.id.hex for match in Match.objects.all()] == [MATCH]


def test_standings_of_the_past_go_and_running_ones_stay() -> None:
    put(told(1), at=ms(NOW - timedelta(days=30)))
    put(told(2), at=ms(NOW))
    scores.persist()
    assert clean.delete_past_standings(100, NOW) == 2
    assert sorted(Standing.objects.values_list("period", flat=True)) == ["all", "day", "week"]


# --- Rooms -----------------------------------------------------------------------------------
def test_rooms_empty_for_long_are_forgotten_unless_an_engine_holds_them() -> None:
    client, now = store.redis(), time.time()
    long_ago = (now - settings.KEEP_ROOMS_HOURS * 3600 - 1) * 1000
    client.zadd(store.ROOMS, {"gone": long_ago, "held": long_ago, "busy": now * 1000})
    for room in ("gone", "held", "busy"):
        client.hset(store.room(room), "settings", "{}")
        client.hset(store.LOBBY, room, "{}")
        client.xadd(store.journal(room), {"i": "x"})
    client.set(store.lease("held"), "engine:1")
    assert expiry.delete_rooms(100, now) == (2, 1)
    assert client.zrange(store.ROOMS, 0, -1) == [b"held", b"busy"]
    assert sorted(client.hkeys(store.LOBBY)) == [b"busy", b"held"]
    assert not client.exists(store.room("gone"), store.journal("gone"))
    assert client.exists(store.room("held"), store.journal("busy")) == 2


# --- One at a time ---------------------------------------------------------------------------
def test_the_second_is_turned_away_and_the_first_told() -> None:
    with lock.one_at_a_time("t") as first:
        assert first is not None
        with lock.one_at_a_time("t") as second:
            assert second is None
        with lock.one_at_a_time("other") as other:
            assert other is not None
    assert first.again
    with lock.one_at_a_time("t") as third:
        assert third is not None
        assert third.token > first.token
    assert not third.again  # the note was for the first


def test_a_lock_is_renewed_while_its_holder_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "RENEW_SECONDS", 0.02)
    with lock.one_at_a_time("t") as hold:
        assert hold is not None
        store.redis().pexpire("kg:lock:t", 5_000)
        deadline = time.monotonic() + 5
        while store.redis().pttl("kg:lock:t") <= 5_000:
            assert time.monotonic() < deadline
        hold.check()


def test_a_holder_learns_that_its_lock_is_another_s(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "RENEW_SECONDS", 0.02)
    with lock.one_at_a_time("t") as hold:
        assert hold is not None
        store.redis().set("kg:lock:t", "somebody else")
        deadline = time.monotonic() + 5
        while not hold.lost:
            assert time.monotonic() < deadline
        with pytest.raises(lock.Lost):
            hold.check()
    assert store.redis().get("kg:lock:t") == b"somebody else"  # and leaves it alone


def test_the_token_grows_even_when_redis_has_lost_its_data() -> None:
    with lock.one_at_a_time("t") as before:
        assert before is not None
    factory.empty()
    with lock.one_at_a_time("t") as after:
        assert after is not None
    assert after.token > before.token


# --- Many rows, few calls --------------------------------------------------------------------
def test_many_rows_are_fanned_out_in_chunks_and_pages(
    monkeypatch: pytest.MonkeyPatch, django_assert_max_num_queries: Any
) -> None:
    """23 guests: pages of 10 in chunks of 4, each page one question, going on behind the last."""
    monkeypatch.setattr(tasks, "PAGE", 10)
    monkeypatch.setattr(tasks, "CHUNK", 4)
    put(*factory.crowd(23))
    scores.persist()
    fanned: list[list[str]] = []
    planned: list[list[Any]] = []
    monkeypatch.setattr(tasks, "group", lambda parts: _Group(list(parts), fanned))
    monkeypatch.setattr(tasks, "publish", lambda task, args=(), **o: planned.append(list(args)))
    after = ""
    for _ in range(3):
        with django_assert_max_num_queries(1):
            tasks.verify_standings(after)
        after = planned[-1][0]
    assert [len(ids) for ids in fanned] == [4, 4, 2, 4, 4, 2, 3]
    assert len(planned) == 2  # the third page was not full: no fourth question
    assert len({id for ids in fanned for id in ids}) == 23


class _Group:
    """Takes down what a planner fans out in one call."""

    def __init__(self, parts: list[Any], fanned: list[list[str]]) -> None:
        self.parts, self.fanned = parts, fanned

    def apply_async(self) -> None:
        self.fanned += [part.args[0] for part in self.parts]


def test_expired_sessions_go_in_bounded_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "DELETE_AT_ONCE", 2)
    asked: list[str] = []
    monkeypatch.setattr(tasks, "publish", lambda task, *a, **o: asked.append(task.name))
    now = datetime.now(UTC)
    for n in range(3):
        Session.objects.create(session_key=f"old{n}", expire_date=now - timedelta(days=1))
    Session.objects.create(session_key="new", expire_date=now + timedelta(days=1))
    tasks.clean_sessions()
    assert (Session.objects.count(), len(asked)) == (2, 1)
    tasks.clean_sessions()
    assert [s.session_key for s in Session.objects.all()] == ["new"]
    assert asked == ["game.tasks.clean_sessions"]


# --- The command -----------------------------------------------------------------------------
def test_the_command_verifies_rebuilds_and_lists_the_damaged(capsys: Any) -> None:
    put(told(1), told(2, score=b"x".hex()))
    scores.persist()
    call_command("scores", "verify")
    assert "All as the lives say." in capsys.readouterr().out
    Standing.objects.filter(period="all").delete()
    Match.objects.update(lives=9)
    with pytest.raises(CommandError, match="2 differ from the lives"):
        call_command("scores", "verify")
    call_command("scores", "rebuild")
    call_command("scores", "verify")
    assert scores.board("all")[0]["value"] == 10
    capsys.readouterr()
    call_command("scores", "damaged")
    said = capsys.readouterr().out
    assert "score is '78', not a whole number" in said
    assert "1 entries could not be saved." in said
