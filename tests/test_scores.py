"""From the outbox to the standings: once each, nothing lost, nothing damaged in the way."""

import json
import uuid
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
import pytest
from django.db import IntegrityError, OperationalError, connection, transaction

from game import scores, store
from game.lock import Lost, one_at_a_time
from game.models import Fence, Life, Match, Player, Standing
from game.scores import announce, outbox
from tests import factory
from tests.factory import MATCH, MIA, put, told

pytestmark = pytest.mark.django_db(transaction=True)
NOON = datetime(2026, 11, 18, 12, tzinfo=UTC)  # a Wednesday
ADA, BEN, EVE = (uuid.UUID(int=n).hex for n in (1, 2, 3))


@pytest.fixture(autouse=True)
def _empty() -> None:
    factory.empty()


def ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def waiting() -> int:
    return int(store.redis().xlen(store.OUTBOX))


# --- Once each -------------------------------------------------------------------------------
def test_a_life_is_saved_with_all_that_follows() -> None:
    put(told(by="Ben"), at=ms(NOON))
    batch = scores.persist()
    assert (batch.taken, batch.damaged, batch.full, len(batch.saved)) == (1, 0, False, 1)
    life = Life.objects.get()
    assert (life.id, life.player_id.hex, life.name, life.by) == (f"{MATCH}-1", MIA, "Mia", "Ben")
    assert (life.score, life.length, life.kills, life.seconds) == (10, 5, 1, 12.5)
    assert life.ended_at == NOON
    match = Match.objects.get()
    assert (match.id.hex, match.game, match.room, match.lives) == (MATCH, "snek", "abcd", 1)
    player = Player.objects.get()
    assert (player.name, player.colour, player.first_seen) == ("Mia", 3, NOON)
    assert set(Standing.objects.values_list("period", "start", "score")) == {
        ("day", date(2026, 11, 18), 10),
        ("week", date(2026, 11, 16), 10),
        ("all", date(1970, 1, 1), 10),
    }
    assert waiting() == 0


def test_the_same_life_twice_counts_once() -> None:
    put(told(), told(score=99), at=ms(NOON))  # the second has the id of the first
    assert len(scores.persist().saved) == 1
    put(told(score=77))
    batch = scores.persist()
    assert (batch.taken, batch.saved) == (1, [])
    assert Match.objects.get().lives == 1
    assert Standing.objects.filter(score__in=(77,)).count() == 0
    assert waiting() == 0


def test_a_duplicate_life_is_refused_by_the_database_itself() -> None:
    """The refusal breaks its own atomic block, and nothing around it."""
    put(told())
    scores.persist()
    life = Life.objects.get()
    with transaction.atomic():
        with pytest.raises(IntegrityError), transaction.atomic():
            Life.objects.bulk_create([life])
        assert Life.objects.count() == 1  # the outer transaction goes on


def test_a_crash_between_commit_and_acknowledgement_loses_and_doubles_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    put(told())
    with monkeypatch.context() as broken:
        broken.setattr(outbox, "remove", lambda ids: (_ for _ in ()).throw(ConnectionError()))
        with pytest.raises(ConnectionError):
            scores.persist()
    assert (Life.objects.count(), waiting()) == (1, 1)
    assert scores.persist().saved == []
    assert (Life.objects.count(), Match.objects.get().lives, waiting()) == (1, 1, 0)


def test_a_batch_is_bounded_and_says_when_it_was_full() -> None:
    put(*factory.crowd(7))
    assert [(b.taken, b.full) for b in (scores.persist(3) for _ in range(3))] == [
        (3, True),
        (3, True),
        (1, False),
    ]
    assert Life.objects.count() == 7


def test_a_player_keeps_first_and_last_and_the_newest_name() -> None:
    put(told(1, name="Mia"), told(2, name="Mia K", colour=5), at=ms(NOON))
    scores.persist()
    player = Player.objects.get()
    assert (player.name, player.colour) == ("Mia K", 5)
    assert player.last_seen - player.first_seen == timedelta(milliseconds=1)


# --- Bad input -------------------------------------------------------------------------------
BAD: list[Any] = [
    b"",
    b"\xff\xfe",
    b"[" * 100_000,
    b"[1]",
    told(life="x-1"),
    told(life=f"{MATCH}-1; drop table"),
    told(match="f" * 32, life=f"{MATCH}-9"),
    told(player="nobody"),
    told(player=None),
    told(score=-1),
    told(score=2**80),
    told(score=1.5),
    told(score=True),
    told(length=2**31),
    told(kills="3"),
    told(colour=256),
    told(seconds=-1),
    json.dumps(told(seconds=float("nan"))).encode(),
    told(cause="x" * 17),
    told(room="a\0b"),
    told(game=""),
]


def test_damaged_entries_are_set_aside_and_hold_up_nobody() -> None:
    put(*BAD, told(77))
    batch = scores.persist()
    assert (batch.damaged, batch.taken, waiting()) == (len(BAD), 1, 0)
    assert Life.objects.get().id == f"{MATCH}-77"
    assert store.redis().xlen(scores.BAD) == len(BAD)
    assert int(store.redis().get(scores.BAD_COUNT) or 0) == len(BAD)
    _, fields = store.redis().xrange(scores.BAD)[-1]
    assert b"game is ''" in fields[b"why"]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Mi\0a", "Mia"),
        ("\u202eaiM", "aiM"),
        ("\ud800", "Guest"),
        ("", "Guest"),
        (None, "Guest"),
        (7, "Guest"),
        ("M" * 500, "M" * 16),
        ("<b>Mia</b>", "<b>Mia</b>"),
        ("蛇🐍", "蛇🐍"),
    ],
)
def test_a_bad_name_is_made_showable_since_the_life_counts(name: Any, shown: str) -> None:
    put(told(name=name, by=name))
    assert scores.persist().damaged == 0
    life = Life.objects.get()
    assert (life.name, life.by) == (shown, "" if shown == "Guest" else shown)


def test_the_largest_numbers_of_the_wire_fit() -> None:
    put(told(score=2**32 - 1, length=2**31 - 1, kills=65_535))
    scores.persist()
    assert scores.board("all")[0]["value"] == 2**32 - 1


def test_what_only_the_database_refuses_is_found_one_by_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    put(told(1), told(2, score=13), told(3))
    real = outbox.parse

    def blind(entry: outbox.Entry) -> outbox.Finished:
        finished = real(entry)
        if finished.life.score == 13:
            finished.life.score = -13  # the column's CHECK refuses it
        return finished

    monkeypatch.setattr(outbox, "parse", blind)
    batch = scores.persist()
    assert (batch.taken, batch.damaged, waiting()) == (2, 1, 0)
    assert sorted(Life.objects.values_list("pk", flat=True)) == [f"{MATCH}-1", f"{MATCH}-3"]
    assert Match.objects.get().lives == 2


@pytest.mark.skipif("connection.vendor != 'sqlite'", reason="SQLite's way to be full")
def test_a_full_disk_leaves_every_life_in_the_outbox() -> None:
    put(*factory.crowd(400))
    with connection.cursor() as cursor:
        cursor.execute("VACUUM")  # or pages that other tests have freed are left
        cursor.execute("PRAGMA page_count")
        pages = cursor.fetchone()[0]
        cursor.execute(f"PRAGMA max_page_count = {pages}")
        try:
            with pytest.raises(OperationalError, match="full"):
                scores.persist()
            assert (waiting(), Life.objects.count(), Standing.objects.count()) == (400, 0, 0)
        finally:
            cursor.execute("PRAGMA max_page_count = 1073741823")
    assert len(scores.persist().saved) == 400
    assert waiting() == 0


# --- The lock and its fence ------------------------------------------------------------------
def test_a_holder_that_overslept_is_refused_by_the_fence() -> None:
    put(told())
    with one_at_a_time("persist") as late:
        assert late is not None
        store.redis().delete("kg:lock:persist")  # as if it expired while this one was frozen
        with one_at_a_time("persist") as successor:
            assert successor is not None
            assert successor.token > late.token
            scores.persist(hold=successor)
        put(told(2))
        with pytest.raises(Lost):
            scores.persist(hold=late)
    assert Life.objects.count() == 1
    assert waiting() == 1
    assert Fence.objects.get().token == successor.token


def test_a_lock_found_lost_in_the_transaction_rolls_it_back() -> None:
    put(told())
    with one_at_a_time("persist") as hold:
        assert hold is not None
        hold.lost = True
        with pytest.raises(Lost):
            scores.persist(hold=hold)
    assert (Life.objects.count(), Player.objects.count(), waiting()) == (0, 0, 1)


# --- Leaderboards ----------------------------------------------------------------------------
def values(rows: list[Any]) -> list[tuple[int, str, int]]:
    return [(row["place"], row["name"], row["value"]) for row in rows]


def fill() -> None:
    put(
        told(1, player=ADA, name="Ada", score=50, length=9, kills=0),
        told(2, player=BEN, name="Ben", score=50, length=20, kills=2),
        told(3, player=EVE, name="Eve", score=70, length=3, kills=2),
        told(4, player=ADA, name="Ada", score=20, length=30, kills=0),
        told(5, player=MIA, name="Mia", score=10, length=1, kills=1),
        at=ms(NOON),
    )
    scores.persist()


def test_equal_values_share_a_place_and_the_first_is_listed_first() -> None:
    fill()
    assert values(scores.board("day", now=NOON)) == [
        (1, "Eve", 70),
        (2, "Ada", 50),
        (2, "Ben", 50),
        (4, "Mia", 10),
    ]
    assert values(scores.board("all", "length", now=NOON)) == [
        (1, "Ada", 30),
        (2, "Ben", 20),
        (3, "Eve", 3),
        (4, "Mia", 1),
    ]


def test_a_zero_is_on_no_board() -> None:
    fill()
    assert values(scores.board("week", "kills", now=NOON)) == [
        (1, "Ben", 2),
        (1, "Eve", 2),
        (3, "Mia", 1),
    ]
    assert scores.board_size("week", "kills", now=NOON) == 3
    assert scores.standing(uuid.UUID(ADA), "week", "kills", now=NOON) is None


def test_a_page_that_begins_inside_a_tie_knows_its_place() -> None:
    fill()
    assert values(scores.board("day", limit=1, offset=2, now=NOON)) == [(2, "Ben", 50)]
    assert values(scores.board("day", limit=5, offset=3, now=NOON)) == [(4, "Mia", 10)]
    assert scores.board("day", offset=99, now=NOON) == []
    own = scores.standing(uuid.UUID(BEN), "day", now=NOON)
    assert own is not None
    assert own["place"] == 2


def test_a_board_is_one_question_and_unknown_ones_are_refused(
    django_assert_num_queries: Any,
) -> None:
    fill()
    with django_assert_num_queries(1):
        scores.board("day", now=NOON)
    with pytest.raises(ValueError, match="No such leaderboard"):
        scores.board("year")
    with pytest.raises(ValueError, match="No such leaderboard"):
        scores.board("day", "player__name")


def test_days_and_weeks_are_utc_and_start_empty() -> None:
    sunday_night = datetime(2026, 11, 22, 23, 59, 59, 999_000, tzinfo=UTC)
    put(told(1, score=5), at=ms(sunday_night))
    scores.persist()
    assert len(scores.board("day", now=sunday_night)) == 1
    monday = sunday_night + timedelta(milliseconds=1)
    assert scores.board("day", now=monday) == scores.board("week", now=monday) == []
    assert len(scores.board("all", now=monday)) == 1


def test_where_a_life_stands() -> None:
    fill()
    assert scores.life_places("nobody") is None
    assert scores.life_places(f"{MATCH}-1", now=NOON) == {
        "life": f"{MATCH}-1",
        "player": ADA,
        "day": 2,
        "week": 2,
        "all": 2,
        "best": True,
    }
    # Ada's second life: behind Eve and Ben; her own better one is not in her way.
    weaker = scores.life_places(f"{MATCH}-4", now=NOON + timedelta(days=1))
    assert weaker is not None
    assert (weaker["day"], weaker["week"], weaker["all"], weaker["best"]) == (None, 3, 3, False)


def test_a_players_page() -> None:
    fill()
    put(*(told(100 + n, player=ADA, name="Ada") for n in range(30)), at=ms(NOON) + 1000)
    scores.persist()
    page = scores.player(uuid.UUID(ADA), page=2, now=NOON)
    assert page is not None
    assert (page.name, page.lives, page.page, page.pages, len(page.history)) == ("Ada", 32, 2, 2, 7)
    assert page.history[-1].id == f"{MATCH}-1"
    best = page.best("all", "length")
    assert best is not None
    assert (best.value, best.place) == (30, 1)
    assert page.best("all", "kills") is not None
    assert scores.player(uuid.uuid4()) is None


# --- Derived, so verifiable ------------------------------------------------------------------
def test_folding_life_by_life_gives_what_a_rebuild_gives() -> None:
    fill()
    put(told(9, player=ADA, score=50, length=30, kills=4), at=ms(NOON) + 999)
    scores.persist()
    kept = list(Standing.objects.order_by("player", "period").values())
    players = list(Player.objects.values_list("pk", flat=True))
    assert scores.check(players, now=NOON) == []
    Standing.objects.all().delete()
    assert len(scores.check(players, now=NOON)) == 12
    rebuilt = list(Standing.objects.order_by("player", "period").values())
    assert [row | {"id": 0} for row in rebuilt] == [row | {"id": 0} for row in kept]


def test_a_wrong_standing_is_named_and_repaired() -> None:
    fill()
    Standing.objects.filter(player=ADA, period="all").update(score=9_999)
    invented = Player.objects.create(
        id=uuid.UUID(int=99), name="Zoe", first_seen=NOON, last_seen=NOON
    )
    standing = Standing.objects.filter(player=BEN, period="day").get()
    standing.pk, standing.player = None, invented
    standing.save()
    players = list(Player.objects.values_list("pk", flat=True))
    found = scores.check(players, repair=False, now=NOON)
    assert len(found) == 2
    assert any("stood score 9999" in said and "lives say score 50" in said for said in found)
    assert scores.check(players, now=NOON) == found
    assert scores.check(players, now=NOON) == []
    assert scores.board("all", now=NOON)[0]["name"] == "Eve"


def test_a_wrong_number_of_lives_is_named_and_repaired() -> None:
    fill()
    Match.objects.update(lives=3)
    assert "stood 3 lives; there are 5" in scores.check_matches([uuid.UUID(MATCH)])[0]
    assert Match.objects.get().lives == 5


def test_a_life_taken_out_takes_its_standing_along() -> None:
    fill()
    assert {id.hex for id in scores.remove([f"{MATCH}-3"])} == {EVE}
    assert [row["name"] for row in scores.board("all")] == ["Ada", "Ben", "Mia"]
    assert Match.objects.get().lives == 4


# --- Telling ---------------------------------------------------------------------------------
def heard(listener: Any) -> list[dict[str, Any]]:
    """The broadcasts so far: a mark of our own is the end of them."""
    store.redis().publish("kg:layer__group__scores", b"end")
    messages = []
    while (message := listener.get_message(timeout=5)) is not None:
        if message["type"] != "message":
            continue
        if message["data"] == b"end":
            return messages
        assert len(message["data"]) <= announce.MESSAGE_BYTES
        messages.append(msgspec.msgpack.decode(message["data"]))
    raise AssertionError("the end was not heard")


@pytest.fixture
def listener() -> Any:
    with store.redis().pubsub() as subscription:
        subscription.subscribe("kg:layer__group__scores")
        subscription.get_message(timeout=5)
        yield subscription


def test_saved_lives_and_changed_boards_are_told(listener: Any) -> None:
    put(told())
    saved = scores.persist().saved
    announce.lives(saved)
    assert announce.changed_boards()
    lives, boards = heard(listener)
    assert lives == {
        "type": "scores.saved",
        "lives": [
            {"life": f"{MATCH}-1", "player": MIA, "day": 1, "week": 1, "all": 1, "best": True}
        ],
        "boards": {},
    }
    assert len(boards["boards"]) == 9
    assert boards["boards"]["day/score"] == [
        {"place": 1, "player": MIA, "name": "Mia", "colour": 3, "value": 10}
    ]


def test_boards_are_told_once_a_second_and_only_when_they_changed(listener: Any) -> None:
    put(told())
    scores.persist()
    assert announce.changed_boards()
    assert not announce.changed_boards()  # too soon
    store.redis().delete(announce.QUIET)
    assert announce.changed_boards()  # nothing new
    put(told(2, score=11))
    scores.persist()
    store.redis().delete(announce.QUIET)
    assert announce.changed_boards()
    first, second = heard(listener)
    assert len(first["boards"]) == 9
    assert sorted(second["boards"]) == ["all/score", "day/score", "week/score"]


def test_a_large_batch_is_told_in_messages_of_bounded_size(listener: Any) -> None:
    put(*(told(n, player=uuid.uuid4().hex, name="🐍" * 16) for n in range(1, 501)))
    saved = scores.persist().saved
    announce.lives(saved)
    announce.changed_boards()
    messages = heard(listener)  # which checks the size of each
    assert sum(len(message["lives"]) for message in messages) == 500
    assert len([name for message in messages for name in message["boards"]]) == 9
