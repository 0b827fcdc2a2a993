"""How long tasks wait and run, as a worker's main process sees it; importing this hooks it up.

The main process hears of each task when a pool process takes it and when it ends. Celery lets
every task name the class of its requests, which is where that is measured.
"""

import time
from collections import deque
from collections.abc import Iterable
from typing import Any

from billiard.einfo import ExceptionWithTraceback
from billiard.exceptions import WorkerLostError
from celery.app.task import Task
from celery.exceptions import Ignore, Reject, Retry
from celery.utils.time import maybe_iso8601
from celery.worker.request import Request

from game import failures

WINDOW = 512  # times kept per task
WINDOW_SECONDS = 300  # older ones say nothing about now
HELD_MOST = 100  # tasks in hand that are named; a worker fetches few more than it runs
TASKS_MOST = 100  # tasks with a row of their own; more would be a naming accident
OTHERS = ("", "all others")  # the row of the rest


class Row:
    """One task of one queue: how often it ended how, and its last times."""

    def __init__(self) -> None:
        self.done = self.failed = self.put_off = 0
        self.waits: deque[tuple[float, float]] = deque(maxlen=WINDOW)
        self.runs: deque[tuple[float, float]] = deque(maxlen=WINDOW)

    def told(self) -> list[Any]:
        """[done, failed, put off, waits' p50 and p95, runs' p50 and p95]; None where none is."""
        return [self.done, self.failed, self.put_off, *_spread(self.waits), *_spread(self.runs)]


def _spread(window: deque[tuple[float, float]]) -> list[float | None]:
    since = time.monotonic() - WINDOW_SECONDS
    values = sorted(value for at, value in list(window) if at >= since)
    if not values:
        return [None, None]
    return [round(values[len(values) * share // 100], 4) for share in (50, 95)]


_rows: dict[tuple[str, str], Row] = {}


def row(queue: str, task: str) -> Row:
    """The row of a task; beyond TASKS_MOST all share one."""
    if (queue, task) not in _rows and len(_rows) >= TASKS_MOST:
        queue, task = OTHERS
    return _rows.setdefault((queue, task), Row())


def told() -> list[list[Any]]:
    """[queue, task, *what `Row.told` says] of each task that this worker has taken."""
    return [[queue, task, *one.told()] for (queue, task), one in list(_rows.items())]


def held(requests: Iterable["MeasuredRequest"]) -> list[list[Any]]:
    """The tasks in hand, those that run first, the longest first; see `MeasuredRequest.held`."""
    rows = sorted((request.held() for request in requests), key=lambda row: (not row[3], -row[4]))
    return rows[:HELD_MOST]


class MeasuredRequest(Request):  # type: ignore[misc]  # Celery has no types
    """A request that notes when its task was taken, how it ended, and when."""

    _raised = False
    _began: float | None = None  # when a pool process took it

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._fetched = time.monotonic()

    def _row(self) -> Row:
        return row(str(self.delivery_info.get("routing_key") or ""), self.name)

    def on_accepted(self, pid: int, time_accepted: float) -> None:
        """A pool process took it: it has waited since it was published, or was to be started."""
        super().on_accepted(pid, time_accepted)
        self._began = time.monotonic()
        published = self.request_dict.get("published_at")
        if published is not None and self.time_start:
            due = maybe_iso8601(self.request_dict.get("eta"))
            since = max(published, due.timestamp() if due else 0)
            # Clocks of two machines may differ; a wait is never negative.
            waited = max(0.0, self.time_start - since)
            self._row().waits.append((time.monotonic(), waited))

    def held(self) -> list[Any]:
        """[id, task, queue, whether it runs, for how many seconds it does, or was fetched]."""
        since = self._fetched if self._began is None else self._began
        queue = str(self.delivery_info.get("routing_key") or "")
        seconds = round(time.monotonic() - since, 1)
        return [self.id, self.name, queue, self._began is not None, seconds]

    def on_failure(self, exc_info: Any, *args: Any, **kwargs: Any) -> Any:
        """It raised: an end, or a wish to be tried again later."""
        error = exc_info.exception
        error = error.exc if isinstance(error, ExceptionWithTraceback) else error
        self._raised = True
        if isinstance(error, Retry):
            self._row().put_off += 1
        elif isinstance(error, WorkerLostError) and self.task.reject_on_worker_lost:
            self._row().put_off += 1  # it goes back into its queue
        elif not isinstance(error, Ignore | Reject):
            self._row().failed += 1
            self._note(error, str(exc_info.traceback))
        return super().on_failure(exc_info, *args, **kwargs)

    def _note(self, error: BaseException, trace: str) -> None:
        """Keep what is needed to look at it, and to start it again."""
        failures.note(
            error,
            trace,
            (self.args, self.kwargs),
            id=self.id,
            task=self.name,
            queue=str(self.delivery_info.get("routing_key") or ""),
            worker=self.hostname,
            tries=1 + int(self.request_dict.get("retries") or 0),
        )

    def acknowledge(self) -> None:
        """It is over, however it ended: tasks here are acknowledged late."""
        if self.task.acks_late and self.time_start and not self.acknowledged:
            took = max(0.0, time.time() - self.time_start)
            self._row().runs.append((time.monotonic(), took))
            self._row().done += not self._raised
        super().acknowledge()


Task.Request = "game.task_times:MeasuredRequest"
