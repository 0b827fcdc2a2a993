"""Leaderboards as pages show them: read once for many readers, with the visitor's own row."""

import time
from typing import Any
from uuid import UUID

from asgiref.sync import sync_to_async

from game import errors, scores

PERIODS = {"day": "Today", "week": "This week", "all": "All time"}
MEASURES = {"score": "Score", "length": "Length", "kills": "Kills"}
ROWS = 50  # places a board shows: more is scrolling, not reading
# A saved life makes every open page ask at once. They share one reading; pages wait a little
# longer than this before they ask (pages/leaderboard.ts), so none is left with an older one.
SHARED_SECONDS = 0.5

_shared: dict[tuple[str, str], tuple[float, list[scores.Row]]] = {}  # at most 9 boards


async def top(period: str, by: str, rows: int = ROWS) -> list[scores.Row]:
    """The first rows of a board: player, name, colour, value and place each."""
    now = time.monotonic()
    since, board = _shared.get((period, by), (-SHARED_SECONDS, []))
    if now - since >= SHARED_SECONDS:
        errors.spare_database()
        board = await sync_to_async(scores.board)(period, by, limit=ROWS)
        _shared[period, by] = (now, board)
        errors.database_answers()
    return board[:rows]


async def read(period: str, by: str, guest: UUID) -> dict[str, Any]:
    """A board, and the guest's own row where it has one outside the rows shown."""
    rows = await top(period, by)
    own = None
    if all(row["player"] != guest.hex for row in rows):
        own = await sync_to_async(scores.standing)(guest, period, by)
    return {"period": period, "by": by, "guest": guest.hex, "rows": rows, "own": own}


def forget() -> None:
    """Drop what was read, so that the next page reads anew."""
    _shared.clear()
