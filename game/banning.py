"""Bans, from the database where operators write them to Redis where web processes look.

Whoever changes a ban mirrors it at once; a task does so every few seconds, for a Redis that was
away, or lost what it held.
"""

import logging
import secrets
from typing import Any

from django.db.models import Q
from django.utils import timezone

from game import addresses, bans, store
from game.models import Ban

log = logging.getLogger(__name__)

MIRRORED = 10_000  # the newest: what each web process holds in memory, some 200 bytes each


def in_force() -> Q:
    """The bans that hold now."""
    return Q(until__isnull=True) | Q(until__gt=timezone.now())


def holds(ban: Ban) -> bool:
    """Whether a ban holds now."""
    return ban.until is None or ban.until > timezone.now()


def mirror() -> int:
    """Make Redis hold the bans in force; returns how many those are. Raises store.FAILURES.

    Two at once do not overtake each other: who read the database before the other wrote reads it
    again.
    """
    told: dict[str, bytes] = {}

    def write(pipe: Any) -> None:
        told.clear()
        told.update(_in_force())
        held = {field.decode(): line for field, line in pipe.hgetall(bans.KEY).items()}
        known = pipe.exists(bans.VERSION)
        pipe.multi()
        if held == told and known:
            return
        pipe.delete(bans.KEY)
        if told:
            pipe.hset(bans.KEY, mapping=told)
        pipe.set(bans.VERSION, secrets.token_hex(8))

    store.redis().transaction(write, bans.VERSION, bans.KEY)
    return len(told)


def _in_force() -> dict[str, bytes]:
    """By field of the hash: the ban that ends last, of those on the same player or address."""
    rows = list(Ban.objects.filter(in_force()).order_by("-at")[: MIRRORED + 1])
    if len(rows) > MIRRORED:
        log.error("More than %d bans are in force; the oldest do not count.", MIRRORED)
    last: dict[str, bans.Ban] = {}
    for row in rows[:MIRRORED]:
        ban = bans.Ban(row.until.timestamp() if row.until else 0.0, row.reason)
        keys = []
        if row.player:
            keys.append(bans.of_player(row.player.hex))
        if row.address:
            keys.append(bans.of_address(addresses.household(row.address)))
        for key in keys:
            other = last.get(key)
            if other is None or (other.until and (not ban.until or ban.until > other.until)):
                last[key] = ban
    return {key: bans.encode(ban) for key, ban in last.items()}
