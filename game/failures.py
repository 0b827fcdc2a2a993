"""Tasks that failed for good: kept with their arguments and trace, to be tried again or let go.

A worker's main process notes a failure in memory, its reporting thread puts the notes into a
stream in Redis, and a task moves them to the database: neither a database that is away (which is
why tasks fail most often) nor a slow Redis holds up the worker.
"""

import json
import time
from collections import deque
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import redis
from django.conf import settings

from game import metrics, store
from game.models import FailedTask

NOTES_MOST = 1_000  # failures a worker holds while Redis is away; the oldest are lost, and counted
STREAM = "kg:failed"  # stream: failures on their way to the database
STREAM_MOST = 10_000  # failures that wait there; the oldest are lost beyond
ARGUMENTS_MOST = 256 * 1024  # bytes of arguments that are kept; a larger task cannot be retried
SHOWN_MOST = 2_000  # characters of them that are shown and searched
TRACE_MOST = 20_000  # characters, of its end: what raised stands there
BATCH = 200  # failures moved at a time

_notes: deque[dict[str, Any]] = deque(maxlen=NOTES_MOST)


# --- In the worker ---------------------------------------------------------------------------
def note(error: BaseException, trace: str, arguments: tuple[Any, Any], **told: Any) -> None:
    """Remember a failure; `told` has its id, task, queue, worker and tries."""
    text = json.dumps(arguments, default=repr)
    if len(_notes) == NOTES_MOST:
        metrics.count("tasks.failures_lost")
    _notes.append(
        {
            "arguments": text if len(text) <= ARGUMENTS_MOST else "",
            "shown": text[:SHOWN_MOST],
            "error": f"{type(error).__name__}: {error}"[:500],
            "trace": trace[-TRACE_MOST:],
            "at": time.time(),
            **told,
        }
    )


def send(server: "redis.Redis") -> None:
    """Put the notes into the stream; they stay when Redis does not take them."""
    for told in list(_notes):
        server.xadd(STREAM, {"d": json.dumps(told)}, maxlen=STREAM_MOST, approximate=True)
        if _notes and _notes[0] is told:
            _notes.popleft()


# --- Into the database -----------------------------------------------------------------------
def save(most: int = BATCH) -> int:
    """Move failures from the stream to the database, each once; answers how many were looked at."""
    server = store.redis()
    entries: Any = server.xrange(STREAM, count=most)
    rows = []
    for _, fields in entries:
        told = json.loads(fields[b"d"])
        told["at"] = datetime.fromtimestamp(told["at"], UTC)
        rows.append(FailedTask(**told))
    # The same entry again, after a crash in between, is the row that is there already.
    FailedTask.objects.bulk_create(rows, ignore_conflicts=True)
    if entries:
        server.xdel(STREAM, *(id for id, _ in entries))
    return len(entries)


def delete_old(most: int) -> int:
    """Forget failures past KEEP_FAILURES_DAYS, so many at a time; answers how many."""
    past = datetime.now(UTC) - timedelta(days=settings.KEEP_FAILURES_DAYS)
    ids = list(FailedTask.objects.filter(at__lt=past).values_list("pk", flat=True)[:most])
    FailedTask.objects.filter(pk__in=ids).delete()
    return len(ids)


# --- What an operator decides ----------------------------------------------------------------
def settle(ids: Iterable[str], state: str, who: str) -> int:
    """Decide what waits for it; answers how many did: two operators at once decide once."""
    waiting = FailedTask.objects.filter(pk__in=list(ids), state=FailedTask.FAILED)
    return waiting.update(state=state, settled_by=who, settled_at=datetime.now(UTC))


def reopen(id: str) -> None:
    """Take a decision back that could not be carried out."""
    FailedTask.objects.filter(pk=id).update(state=FailedTask.FAILED, settled_by="", settled_at=None)
