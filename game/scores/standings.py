"""Standings: each player's best of each period, derived from the lives, kept, checked, rebuilt.

Two ways lead to the same rows: `fold` adds new lives to what stands, `derive` works all out anew.
The nightly check is that they agree. Whoever writes standings holds the players' row locks.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Count

from game.models import Life, Match, Player, Standing
from game.scores.periods import MEASURES, starts

Key = tuple[UUID, str, date]  # player, period, first day
WRITTEN = [field for by in MEASURES for field in (by, f"{by}_at")]


def lock(players: Iterable[UUID]) -> dict[UUID, Player]:
    """The players' rows, locked until the transaction ends, always in the same order."""
    wanted = Player.objects.select_for_update().filter(pk__in=set(players)).order_by("pk")
    return {player.pk: player for player in wanted}


def _better(standing: Standing, life: Life) -> bool:
    """Let a life raise a standing; says whether it did. First come stays ahead in a tie."""
    raised = False
    for by in MEASURES:
        value, at = getattr(life, by), life.ended_at
        best, since = getattr(standing, by), getattr(standing, f"{by}_at")
        if value > best or (value == best and at < since):
            setattr(standing, by, value)
            setattr(standing, f"{by}_at", at)
            raised = True
    return raised


def _first(life: Life, period: str, first: date) -> Standing:
    bests = {by: getattr(life, by) for by in MEASURES}
    times = {f"{by}_at": life.ended_at for by in MEASURES}
    return Standing(player_id=life.player_id, period=period, start=first, **bests, **times)


def _gathered(lives: Iterable[Life], standings: dict[Key, Standing]) -> dict[Key, Standing]:
    """Raise standings by lives, in place; answers those that are new or were raised."""
    changed: dict[Key, Standing] = {}
    for life in lives:
        for period, first in starts(life.ended_at):
            key = (life.player_id, period, first)
            if key not in standings:
                changed[key] = standings[key] = _first(life, period, first)
            elif _better(standings[key], life):
                changed[key] = standings[key]
    return changed


def _of(players: Iterable[UUID], firsts: Iterable[date]) -> dict[Key, Standing]:
    found = Standing.objects.filter(player__in=set(players), start__in=set(firsts))
    return {(s.player_id, s.period, s.start): s for s in found}


def _write(standings: Iterable[Standing]) -> None:
    Standing.objects.bulk_create(
        standings,
        update_conflicts=True,
        unique_fields=["player", "period", "start"],
        update_fields=WRITTEN,
    )


def fold(lives: list[Life]) -> None:
    """Bring the standings of these lives' players up to date; the players are locked."""
    firsts = {first for life in lives for _, first in starts(life.ended_at)}
    standings = _of({life.player_id for life in lives}, firsts)
    _write(_gathered(lives, standings).values())


def derive(players: Iterable[UUID], running: Iterable[tuple[str, date]]) -> dict[Key, Standing]:
    """These players' standings of these periods worked out from their lives alone, unsaved."""
    standings: dict[Key, Standing] = {}
    lives = Life.objects.filter(player__in=set(players)).only("player", "ended_at", *MEASURES)
    _gathered(lives.iterator(chunk_size=2000), standings)
    wanted = set(running)
    return {key: standing for key, standing in standings.items() if key[1:] in wanted}


def check(players: Iterable[UUID], repair: bool = True, now: datetime | None = None) -> list[str]:
    """Compare these players' running standings with their lives; says what was wrong, in words.

    Past days and weeks are on no board and are not looked at. With `repair` what was wrong is
    put right.
    """
    running = starts(now or datetime.now(UTC))
    # Looked at without locks first: nearly always all is well, and nobody had to wait for it.
    suspects = {key[0] for key, _, _ in _differences(set(players), running)}
    if not suspects:
        return []
    with transaction.atomic():
        lock(suspects)
        wrong = _differences(suspects, running)
        if repair:
            _write(right for _, _, right in wrong if right is not None)
            extra = [kept.pk for _, kept, right in wrong if kept is not None and right is None]
            Standing.objects.filter(pk__in=extra).delete()
    return [_said(*difference) for difference in wrong]


Difference = tuple[Key, Standing | None, Standing | None]  # which, as it stands, as it should


def _differences(players: set[UUID], running: tuple[tuple[str, date], ...]) -> list[Difference]:
    right = derive(players, running)
    kept = {k: s for k, s in _of(players, (f for _, f in running)).items() if k[1:] in running}
    return [
        (key, kept.get(key), right.get(key))
        for key in sorted(right.keys() | kept.keys())
        if _values(kept.get(key)) != _values(right.get(key))
    ]


def _values(standing: Standing | None) -> list[object] | None:
    return None if standing is None else [getattr(standing, field) for field in WRITTEN]


def _said(key: Key, kept: Standing | None, right: Standing | None) -> str:
    player, period, first = key

    def told(s: Standing | None) -> str:
        return "nothing" if s is None else ", ".join(f"{by} {getattr(s, by)}" for by in MEASURES)

    return f"player {player} {period} {first}: stood {told(kept)}; lives say {told(right)}"


def check_matches(matches: Iterable[UUID], repair: bool = True) -> list[str]:
    """Compare these matches' number of lives with the lives; says what was wrong, in words."""
    wrong = []
    with transaction.atomic():
        locked = Match.objects.select_for_update().filter(pk__in=set(matches)).order_by("pk")
        found = list(locked)
        counts = Life.objects.filter(match__in=[m.pk for m in found]).values_list("match")
        real = dict(counts.annotate(n=Count("pk")).order_by())
        for match in found:
            lives = real.get(match.pk, 0)
            if match.lives != lives:
                wrong.append(f"match {match.pk}: stood {match.lives} lives; there are {lives}")
                match.lives = lives
        if repair and wrong:
            Match.objects.bulk_update(found, ["lives"], batch_size=100)
    return wrong
