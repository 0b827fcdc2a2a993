"""Reading the leaderboards: pages of places, where a life stands, and a player's own page.

Places are as in sport: equal values share the better place, and the next one down skips (1, 2, 2,
4). Within a tie, who reached the value first is listed first. A value of 0 is on no board.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, TypedDict
from uuid import UUID

from django.db.models import Count, Q, QuerySet

from game.models import Life, Period, Player, Standing
from game.scores.periods import MEASURES, PERIODS, start

BOARD_ROWS = 50  # rows of a leaderboard page: a screen or two, and one short index read
BOARD_ROWS_MOST = 200  # rows one question may ask for
HISTORY_ROWS = 25  # lives on a page of a player's history


class Row(TypedDict):
    """One line of a leaderboard, as pages and broadcasts carry it; `player` is the id's hex."""

    place: int
    player: str
    name: str
    colour: int
    value: int


@dataclass(frozen=True, slots=True)
class Best:
    """A player's best by one measure in one period, and the place it holds."""

    period: str
    by: str
    value: int
    place: int


@dataclass(frozen=True, slots=True)
class PlayerPage:
    """What a player's page shows: who, the bests of the running periods, and a page of lives."""

    id: UUID
    name: str
    colour: int
    first_seen: datetime
    last_seen: datetime
    lives: int
    bests: tuple[Best, ...]
    history: tuple[Life, ...]
    page: int
    pages: int

    def best(self, period: str, by: str) -> Best | None:
        """The best by this measure in this period, if there is one."""
        return next((b for b in self.bests if (b.period, b.by) == (period, by)), None)


def _on(period: str, by: str, now: datetime | None) -> QuerySet[Standing]:
    """The standings of the running period that a board lists, unordered."""
    if period not in PERIODS or by not in MEASURES:
        raise ValueError(f"No such leaderboard: {period!r} by {by!r}.")
    first = start(period, now or datetime.now(UTC))
    return Standing.objects.filter(period=period, start=first, **{f"{by}__gt": 0})


def board(
    period: str,
    by: str = "score",
    limit: int = BOARD_ROWS,
    offset: int = 0,
    now: datetime | None = None,
) -> list[Row]:
    """A page of the leaderboard of the running day, week or all time, best first."""
    limit, offset = max(0, min(limit, BOARD_ROWS_MOST)), max(0, offset)
    listed = _on(period, by, now)
    found = list(
        listed.order_by(f"-{by}", f"{by}_at", "player").select_related("player")[
            offset : offset + limit
        ]
    )
    rows: list[Row] = []
    for index, own in enumerate(found):
        value: int = getattr(own, by)
        if rows and rows[-1]["value"] == value:
            place = rows[-1]["place"]
        elif rows or not offset:
            place = offset + index + 1
        else:  # a page may begin inside a tie
            place = 1 + listed.filter(**{f"{by}__gt": value}).count()
        rows.append(_row(place, own.player, value))
    return rows


def board_size(period: str, by: str = "score", now: datetime | None = None) -> int:
    """How many players a leaderboard lists."""
    return _on(period, by, now).count()


def _row(place: int, who: Player, value: int) -> Row:
    return {
        "place": place,
        "player": who.id.hex,
        "name": who.name,
        "colour": who.colour,
        "value": value,
    }


def standing(
    player: UUID, period: str, by: str = "score", now: datetime | None = None
) -> Row | None:
    """A player's own line of a leaderboard; None while they are not on it."""
    listed = _on(period, by, now)
    own = listed.filter(player=player).select_related("player").first()
    if own is None:
        return None
    value: int = getattr(own, by)
    return _row(1 + listed.filter(**{f"{by}__gt": value}).count(), own.player, value)


def player(id: UUID, page: int = 1, now: datetime | None = None) -> PlayerPage | None:
    """A player's page; None when nothing of theirs was ever saved."""
    who = Player.objects.filter(pk=id).first()
    if who is None:
        return None
    lives = Life.objects.filter(player=id)
    number = lives.count()
    pages = max(1, -(-number // HISTORY_ROWS))
    page = min(max(page, 1), pages)
    history = lives.order_by("-ended_at")[(page - 1) * HISTORY_ROWS : page * HISTORY_ROWS]
    bests = tuple(
        Best(period, by, row["value"], row["place"])
        for period in PERIODS
        for by in MEASURES
        if (row := standing(id, period, by, now)) is not None
    )
    return PlayerPage(
        who.id,
        who.name,
        who.colour,
        who.first_seen,
        who.last_seen,
        number,
        bests,
        tuple(history),
        page,
        pages,
    )


def life_places(life: str, now: datetime | None = None) -> dict[str, Any] | None:
    """Where a saved life's score stands among all players' best; None while it is not saved.

    {"life", "player": hex, "day", "week", "all": place | None, "best": the player's best ever?}.
    A place is None when the period in which the life ended is over.
    """
    saved = Life.objects.filter(pk=life).first()
    return None if saved is None else places([saved], now)[0]


def places(lives: Iterable[Life], now: datetime | None = None) -> list[dict[str, Any]]:
    """`life_places` for many saved lives, in three questions and no more."""
    lives, now = list(lives), now or datetime.now(UTC)
    firsts = {period: start(period, now) for period in PERIODS}
    tables = {
        period: _Above(period, first, [life for life in lives if _in(life, period, first)])
        for period, first in firsts.items()
    }
    said = []
    for life in lives:
        own = tables[Period.ALL].own.get(life.player_id)
        said.append(
            {
                "life": life.id,
                "player": life.player_id.hex,
                **{
                    period: tables[period].place(life) if _in(life, period, first) else None
                    for period, first in firsts.items()
                },
                "best": own is not None and own == (life.score, life.ended_at),
            }
        )
    return said


def _in(life: Life, period: str, first: date) -> bool:
    return start(period, life.ended_at) == first


class _Above:
    """How many players are above a score in one period, asked once for many lives."""

    def __init__(self, period: str, first: date, lives: list[Life]) -> None:
        self.steps: list[tuple[int, int]] = []
        self.own: dict[UUID, tuple[int, datetime]] = {}
        if not lives:
            return
        standings = Standing.objects.filter(period=period, start=first)
        players = {life.player_id for life in lives}
        for pk, score, at in standings.filter(player__in=players).values_list(
            "player", "score", "score_at"
        ):
            self.own[pk] = (score, at)
        lowest = min(life.score for life in lives)
        counted = standings.filter(Q(score__gt=lowest)).values_list("score").annotate(n=Count("pk"))
        self.steps = sorted(counted.order_by(), reverse=True)

    def place(self, life: Life) -> int:
        """1 + the other players whose best is above this life's score."""
        above = 0
        for score, number in self.steps:
            if score <= life.score:
                break
            above += number
        own = self.own.get(life.player_id)
        return 1 + above - (1 if own is not None and own[0] > life.score else 0)
