"""From the outbox into the database: one batch, one transaction, safe to do twice."""

import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from django.db import DataError, IntegrityError, transaction

from game.lock import Hold, Lost
from game.models import Fence, Life, Match, Player
from game.scores import outbox, standings
from game.scores.outbox import Damaged, Entry, Finished

log = logging.getLogger(__name__)

BATCH = 500  # lives per transaction: about a quarter of a second, during which SQLite's others wait
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Batch:
    """What one call did: entries taken off, the lives that are new, and entries set aside."""

    full: bool = False
    taken: int = 0
    saved: list[Life] = field(default_factory=list)
    damaged: int = 0


def persist(number: int = BATCH, hold: Hold | None = None) -> Batch:
    """Save the oldest finished lives; what stands in the database already is only taken off.

    Entries leave the outbox after the commit. With `hold`, a holder that lost its lock changes
    nothing. Raises Django's database errors and redis' errors; the lives then stay in the outbox.
    """
    entries = outbox.read(number)
    batch = Batch(full=len(entries) == number)
    good, damaged = _sorted(entries)
    try:
        batch.saved = save([finished for _, finished in good], hold)
    except (DataError, IntegrityError):
        # The database itself refuses something that looked right: find out which, one by one.
        log.exception("A batch of lives was refused; trying each by itself.")
        good, refused, batch.saved = _one_by_one(good, hold)
        damaged += refused
    outbox.remove([entry.id for entry, _ in good])
    outbox.set_aside(damaged)
    batch.taken, batch.damaged = len(good), len(damaged)
    return batch


Good = list[tuple[Entry, Finished]]
Bad = list[tuple[Entry, str]]


def _sorted(entries: list[Entry]) -> tuple[Good, Bad]:
    good: Good = []
    bad: Bad = []
    for entry in entries:
        try:
            good.append((entry, outbox.parse(entry)))
        except Damaged as error:
            bad.append((entry, str(error)))
    return good, bad


def _one_by_one(entries: Good, hold: Hold | None) -> tuple[Good, Bad, list[Life]]:
    good: Good = []
    bad: Bad = []
    lives: list[Life] = []
    for entry, _ in entries:
        finished = outbox.parse(entry)  # anew: the failed attempt has counted in its match
        try:
            lives += save([finished], hold)
            good.append((entry, finished))
        except (DataError, IntegrityError) as error:
            bad.append((entry, f"the database refuses it: {error}"))
    return good, bad, lives


def save(finished: list[Finished], hold: Hold | None = None) -> list[Life]:
    """Write lives with all that follows from them, in one transaction; answers the new ones."""
    if not finished:
        return []
    lives = {one.life.id: one.life for one in finished}
    with transaction.atomic(durable=True):
        _pass_fence(hold)
        _save_players(list(lives.values()))
        # A life's player is locked by now, so nobody else can be saving the same life.
        known = set(Life.objects.filter(pk__in=lives).values_list("pk", flat=True))
        new = [life for life in lives.values() if life.id not in known]
        _save_matches([one.match for one in finished], new)
        # Not "ignore conflicts": SQLite would silently drop a row that breaks any constraint.
        Life.objects.bulk_create(new)
        standings.fold(new)
        if hold is not None:
            hold.check()
    return new


def _pass_fence(hold: Hold | None) -> None:
    """Refuse a holder whose successor has been here already."""
    if hold is None:
        return
    Fence.objects.bulk_create([Fence(name=hold.name)], ignore_conflicts=True)
    if not Fence.objects.filter(name=hold.name, token__lte=hold.token).update(token=hold.token):
        raise Lost(f"The lock {hold.name!r} has a newer holder, who has saved already.")


def _save_players(lives: list[Life]) -> None:
    """Create or bring up to date who these lives belong to, and lock them."""
    known = standings.lock(life.player_id for life in lives)
    changed = []
    for id, own in _by(lives, "player_id").items():
        first, last = own[0], own[-1]
        who = known.get(id) or Player(id=id, first_seen=first.ended_at, last_seen=EARLIEST)
        if last.ended_at >= who.last_seen:
            who.name, who.colour, who.last_seen = last.name, last.colour, last.ended_at
        who.first_seen = min(who.first_seen, first.ended_at)
        changed.append(who)
    Player.objects.bulk_create(
        changed,
        update_conflicts=True,
        unique_fields=["id"],
        update_fields=["name", "colour", "first_seen", "last_seen"],
    )


def _save_matches(matches: list[Match], new: list[Life]) -> None:
    """Create the matches that are new, and count the new lives in all of them."""
    ids = {match.id for match in matches}
    locked = Match.objects.select_for_update().filter(pk__in=ids).order_by("pk")
    all_of_them = {match.id: match for match in reversed(matches)}
    all_of_them |= {match.id: match for match in locked}
    for id, own in _by(new, "match_id").items():
        match = all_of_them[id]
        match.lives += len(own)
        match.first_life_at = min(match.first_life_at, own[0].ended_at)
        match.last_life_at = max(match.last_life_at, own[-1].ended_at)
    Match.objects.bulk_create(
        sorted(all_of_them.values(), key=lambda match: match.id),
        update_conflicts=True,
        unique_fields=["id"],
        update_fields=["lives", "first_life_at", "last_life_at"],
    )


def _by(lives: list[Life], key: str) -> dict[UUID, list[Life]]:
    """Lives grouped by an id, the ids in order (so that locks are), each group oldest first."""
    groups: dict[UUID, list[Life]] = {}
    for life in sorted(lives, key=lambda life: (getattr(life, key), life.ended_at)):
        groups.setdefault(getattr(life, key), []).append(life)
    return groups
