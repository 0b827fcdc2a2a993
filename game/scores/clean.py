"""Forgetting: guests never seen again, old lives and matches, standings of days long past.

Each job is two functions: `expired_…` finds a bounded page of ids after a given one, so that it can
go on from there, and `delete_…` deletes such ids as still deserve it when their turn comes.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from game.models import Life, Match, Period, Player, Standing
from game.scores import standings
from game.scores.periods import FOREVER, MEASURES

LEADERS = 100  # top places of the all-time boards whose holders are never forgotten
PAST_STANDINGS_DAYS = 14  # a week's standings stay a week after it: room to look into a dispute


def _before(days: int, now: datetime | None) -> datetime:
    return (now or datetime.now(UTC)) - timedelta(days=days)


# --- Guests ----------------------------------------------------------------------------------
def _gone(now: datetime | None) -> QuerySet[Player]:
    """Guests whose cookie has long expired, so that they cannot come back as who they were."""
    return Player.objects.filter(last_seen__lt=_before(settings.KEEP_GUESTS_DAYS, now))


def _leaders() -> set[UUID]:
    """Who holds a place at the top of an all-time board."""
    forever = Standing.objects.filter(period=Period.ALL, start=FOREVER)
    leaders: set[UUID] = set()
    for by in MEASURES:
        top = forever.order_by(f"-{by}", f"{by}_at", "player")
        leaders.update(top.values_list("player", flat=True)[:LEADERS])
    return leaders


def expired_guests(number: int, after: str = "", now: datetime | None = None) -> list[str]:
    """Ids of guests to forget, in order, from behind `after`."""
    return _ids(_gone(now).exclude(pk__in=_leaders()), number, after)


def delete_guests(ids: Iterable[str], now: datetime | None = None) -> int:
    """Forget these guests with their lives and standings, unless they have come back."""
    with transaction.atomic():
        wanted = standings.lock(UUID(id) for id in ids)
        gone = list(_gone(now).filter(pk__in=wanted).values_list("pk", flat=True))
        lives = Life.objects.filter(player__in=gone)
        matches = set(lives.values_list("match", flat=True))
        lives.delete()
        Standing.objects.filter(player__in=gone).delete()
        Player.objects.filter(pk__in=gone).delete()
        _recount(matches)
    return len(gone)


# --- Lives and matches -----------------------------------------------------------------------
def _old(now: datetime | None) -> QuerySet[Life]:
    """Lives past their time that are not what a player's all-time best rests on."""
    rests = Q()
    for by in MEASURES:
        rests |= Q(**{by: OuterRef(by), f"{by}_at": OuterRef("ended_at")})
    best = Standing.objects.filter(rests, player=OuterRef("player"), period=Period.ALL)
    old = Life.objects.filter(ended_at__lt=_before(settings.KEEP_LIVES_DAYS, now))
    return old.filter(~Exists(best))


def expired_lives(number: int, after: str = "", now: datetime | None = None) -> list[str]:
    """Ids of lives to forget, in order, from behind `after`."""
    found = _old(now).filter(pk__gt=after).order_by("pk")
    return list(found.values_list("pk", flat=True)[:number])


def delete_lives(ids: Iterable[str], now: datetime | None = None) -> int:
    """Forget these lives, unless a best rests on them by now, and matches left without any."""
    with transaction.atomic():
        lives = _old(now).filter(pk__in=list(ids))
        standings.lock(lives.values_list("player", flat=True))
        doomed = dict(lives.values_list("pk", "match"))
        Life.objects.filter(pk__in=doomed).delete()
        _recount(set(doomed.values()))
    return len(doomed)


def _recount(matches: set[UUID]) -> None:
    """Bring the number of lives of matches up to date, and forget those that have none left."""
    standings.check_matches(matches)
    Match.objects.filter(pk__in=matches, lives=0).delete()


def remove(ids: Iterable[str]) -> set[UUID]:
    """Take false lives out, as an operator decided; standings follow. Answers whose they were."""
    with transaction.atomic():
        lives = Life.objects.filter(pk__in=list(ids))
        players = set(standings.lock(lives.values_list("player", flat=True)))
        matches = set(lives.values_list("match", flat=True))
        lives.delete()
        _recount(matches)
        standings.check(players)
    return players


# --- Standings -------------------------------------------------------------------------------
def delete_past_standings(number: int, now: datetime | None = None) -> int:
    """Forget standings of days and weeks long over, at most `number`; answers how many."""
    past = Standing.objects.exclude(period=Period.ALL).filter(
        start__lt=_before(PAST_STANDINGS_DAYS, now).date()
    )
    ids = list(past.values_list("pk", flat=True)[:number])
    Standing.objects.filter(pk__in=ids).delete()
    return len(ids)


# --- Everybody, for verification -------------------------------------------------------------
def all_players(number: int, after: str = "") -> list[str]:
    """Ids of all players, in order, from behind `after`."""
    return _ids(Player.objects.all(), number, after)


def all_matches(number: int, after: str = "") -> list[str]:
    """Ids of all matches, in order, from behind `after`."""
    return _ids(Match.objects.all(), number, after)


def _ids(rows: QuerySet[Any], number: int, after: str) -> list[str]:
    if after:
        rows = rows.filter(pk__gt=UUID(after))
    return [id.hex for id in rows.order_by("pk").values_list("pk", flat=True)[:number]]
