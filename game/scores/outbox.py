"""The outbox: finished lives in Redis on their way to the database, read, checked and removed.

Nothing is removed before it stands in the database. An entry that cannot be a life is moved to a
second stream, for people to look at, so that it never holds up the rest.
"""

import json
import logging
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

from game import names, store
from game.models import NAME_LENGTH, Life, Match

log = logging.getLogger(__name__)

BAD = "kg:outbox:bad"  # stream: damaged entries, with the reason
BAD_MOST = 1_000  # entries kept of them: enough to find the cause, at most a few MB
BAD_COUNT = "kg:outbox:bad:count"  # how many there were since Redis was new
NAMELESS = "Guest"  # stands for a name of which nothing can be shown
LIFE = re.compile(r"([0-9a-f]{32})-[0-9]{1,12}")
BIG = 2**32 - 1  # the widest number of the wire
SMALL = 2**31 - 1  # what the database's integer column holds
LONGEST = 10.0 * 366 * 86_400  # seconds: a life of ten years is a damaged one


class Damaged(ValueError):
    """This entry cannot be a life; the text says why."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the stream: its id and its bytes."""

    id: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Finished:
    """A finished life that can be saved."""

    life: Life
    match: Match


def read(number: int) -> list[Entry]:
    """The oldest entries, at most `number`; they stay where they are."""
    found = cast(
        "list[tuple[bytes, dict[bytes, bytes] | None]]",
        store.redis().xrange(store.OUTBOX, count=number),
    )
    return [Entry(id.decode(), (fields or {}).get(b"d", b"")) for id, fields in found]


def remove(ids: list[str]) -> None:
    """Take saved entries out."""
    if ids:
        store.redis().xdel(store.OUTBOX, *ids)


def set_aside(damaged: list[tuple[Entry, str]]) -> None:
    """Move entries that cannot be saved out of the way, with the reasons."""
    if not damaged:
        return
    pipe = store.redis().pipeline(transaction=True)
    for entry, reason in damaged:
        log.error("A finished life cannot be saved and was set aside in %s: %s", BAD, reason)
        fields: dict[Any, Any] = {"d": entry.data, "id": entry.id, "why": reason}
        pipe.xadd(BAD, fields, maxlen=BAD_MOST, approximate=False)
    pipe.incrby(BAD_COUNT, len(damaged))
    pipe.xdel(store.OUTBOX, *(entry.id for entry, _ in damaged))
    pipe.execute()


def parse(entry: Entry) -> Finished:
    """The life in an entry; raises Damaged when it cannot be one."""
    try:
        # The standard library's reader: a name with half a character must not cost the life.
        said = json.loads(entry.data)
    except (ValueError, RecursionError) as error:
        raise Damaged(f"not JSON: {error}") from error
    if not isinstance(said, dict):
        raise Damaged("not an object")
    id = _text(said, "life", 48)
    shape = LIFE.fullmatch(id)
    if shape is None or shape[1] != said.get("match"):
        raise Damaged(f"no life id of match {said.get('match')!r:.80}: {id!r}")
    ended_at = _moment(entry.id)
    match = Match(
        id=UUID(shape[1]),
        game=_text(said, "game", 32),
        room=_text(said, "room", 64),
        first_life_at=ended_at,
        last_life_at=ended_at,
    )
    life = Life(
        id=id,
        match_id=match.id,
        player_id=_uuid(said),
        name=_name(said.get("name")) or NAMELESS,
        colour=_number(said, "colour", 255),
        score=_number(said, "score", BIG),
        length=_number(said, "length", SMALL),
        kills=_number(said, "kills", SMALL),
        seconds=_seconds(said.get("seconds")),
        cause=_text(said, "cause", 16),
        by=_name(said.get("by")),
        ended_at=ended_at,
    )
    return Finished(life, match)


def _text(said: dict[str, Any], key: str, longest: int) -> str:
    value = said.get(key)
    if not isinstance(value, str) or not 0 < len(value) <= longest or not value.isprintable():
        raise Damaged(f"{key} is {value!r:.80}, not a text of 1 to {longest} characters")
    return value


def _name(value: object) -> str:
    """A name as a person chose it: made showable rather than refused, since the life counts."""
    return names.clean(value)[:NAME_LENGTH] if isinstance(value, str) else ""


def _number(said: dict[str, Any], key: str, most: int) -> int:
    value = said.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise Damaged(f"{key} is {value!r:.80}, not a whole number up to {most}")
    return value


def _seconds(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= LONGEST:
        raise Damaged(f"seconds is {value!r:.80}")
    return float(value)


def _uuid(said: dict[str, Any]) -> UUID:
    try:
        return UUID(hex=said["player"])
    except (KeyError, ValueError, AttributeError, TypeError) as error:
        raise Damaged(f"player is {said.get('player')!r:.80}") from error


def _moment(entry_id: str) -> datetime:
    """When Redis took the entry in: the first half of its id, in milliseconds."""
    try:
        return datetime.fromtimestamp(int(entry_id.partition("-")[0]) / 1000, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise Damaged(f"its id {entry_id!r:.40} is no time") from error
