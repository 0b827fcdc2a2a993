"""What Celery is asked to do: thin calls of `scores` and Redis, each short, each safe to do twice.

A job over many rows is two tasks: a planner finds a bounded page of ids and fans out small tasks
in one call, then goes on behind that page; there are never two planners of a kind at a time.
"""

import json
import logging
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any
from uuid import UUID

import redis
from axes.models import AccessAttempt
from celery import Task, current_app, group, shared_task
from celery.exceptions import Ignore, Reject, SoftTimeLimitExceeded
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import Error as DatabaseTrouble, InterfaceError, OperationalError, transaction
from kombu.exceptions import OperationalError as BrokerTrouble

from game import banning, expiry, failures, metrics, scores, store
from game.lock import Lost, one_at_a_time
from game.models import FailedTask
from game.outage import Outage
from game.queues import address

log = logging.getLogger(__name__)


class Steady(Task):  # type: ignore[misc]  # Celery has no types
    """A task that does not fall over a broker that cannot even take its next try."""

    def retry(self, *args: Any, **options: Any) -> Any:
        """Ask for another try; with the broker away, beat will ask for this work anew."""
        try:
            return super().retry(*args, **options)
        except Reject as refused:
            raise Ignore(str(refused.reason)) from None


# A database, a broker or a Redis that is away or full: again after 1, 2, 4 … 30 s, each up
# to that much shorter by chance, so that workers do not all come back at once.
RETRY: dict[str, Any] = {
    "base": Steady,
    "autoretry_for": (DatabaseTrouble, BrokerTrouble, *store.FAILURES),
    # After the last try, too: a line in the log and no traceback.
    "throws": (OperationalError, InterfaceError, BrokerTrouble, *store.FAILURES),
    "retry_backoff": 1,
    "retry_backoff_max": 30,
    "retry_jitter": True,
    "max_retries": 8,  # about two minutes; beat asks again anyway, and nothing has left the outbox
}
PENDING = "kg:scores:pending"  # set while a nudge is on its way to a worker
AGAIN_SECONDS = 3  # until lives that could not be saved are tried again; below PENDING_SECONDS
PENDING_SECONDS = 5  # a nudge that got lost holds up the next one no longer than this
NUDGE_EXPIRES = 60  # seconds; nudges for a worker that is away must not pile up
FLAG_SECONDS = 0.3  # the longest wait for that flag; with the publish, a nudge stays below 1 s
QUICK_SECONDS = 0.2  # a publish that failed faster than this met a stale connection: once more

LATER = "kg:scores:later"  # set while an announcement is due
LATER_MS = 3_000  # an announcement that got lost holds up the next one no longer than this
LATER_SECONDS = 1.0  # until the boards may be told again

BROKER_WAITS = (
    "The task broker does not take tasks (%s); scores wait in Redis. See that it runs, and that "
    "CELERY_BROKER_URL names it."
)
SCORES_WAIT = (
    "Scores cannot be saved (%s); they wait in Redis. See that the database runs, that its disk "
    "has room, that DATABASE_URL names it, and that `python manage.py migrate` was run."
)

PAGE = 2_000  # ids that a planner finds at a time: 20 small tasks, one call
CHUNK = 100  # ids per small task: a fraction of a second of writing, which others wait for
DELETE_AT_ONCE = 1_000  # rows of one kind in one transaction


# --- Asking for work -------------------------------------------------------------------------
# A broker that is the game's own Redis is not said to be away twice.
broker_away = (
    store.away
    if address.url(settings.REDIS_URL) == settings.CELERY_BROKER_URL
    else Outage(log, "The task broker takes tasks again.")
)


def publish(task: Any, args: Sequence[Any] = (), **options: Any) -> bool:
    """Hand a task to the broker; False when it did not take it, which is logged and counted."""
    started = time.monotonic()
    for last in (False, True):
        try:
            task.apply_async(args, retry=False, **options)
        except Exception as error:  # each transport has its own errors; none may end the caller
            if not last and time.monotonic() - started < QUICK_SECONDS:
                continue
            metrics.count("tasks.publish_failures")
            broker_away.felt(BROKER_WAITS, str(error) or type(error).__name__)
            return False
        break
    broker_away.over()
    return True


def after_commit(task: Any, *args: Any) -> None:
    """Hand a task to the broker once the running transaction is committed, and only then.

    A worker is faster than a commit: asked for within, it would read what was before.
    """
    transaction.on_commit(lambda: publish(task, args))


@cache
def _flags() -> redis.Redis:
    return store.blocking(FLAG_SECONDS, retries=0)


def nudge() -> bool:
    """Tell a worker that lives wait in the outbox; False when that failed, and beat will tell.

    Takes less than a second even when Redis or the broker hang. Not for an event loop.
    """
    try:
        if not _flags().set(PENDING, 1, nx=True, ex=PENDING_SECONDS):
            return True  # a nudge is on its way, and will find these lives too
    except (redis.RedisError, OSError):
        metrics.count("tasks.publish_failures")
        return False
    if publish(persist, expires=NUDGE_EXPIRES):
        return True
    try:
        _flags().delete(PENDING)
    except (redis.RedisError, OSError):
        log.debug("The nudge's flag stays until it expires.")
    return False


# --- Scores ----------------------------------------------------------------------------------
database_away = Outage(log, "Scores are saved again.")


@shared_task
def persist(batch: int = scores.BATCH) -> None:
    """Save a batch of finished lives; when there is more, ask for the next one at once.

    While the database is away all nudges together make one try every few seconds, and while Redis
    is (as this worker's main process says) beat's are enough: each life brings a nudge, and were
    each tried again by itself, they would be hundreds.
    """
    try:
        _persist(batch)
        database_away.over()
    except (DatabaseTrouble, SoftTimeLimitExceeded) as error:
        database_away.felt(SCORES_WAIT, " ".join(str(error).split()))
        _persist_later(batch)
    except store.FAILURES as error:
        log.debug("%s Scores wait.", store.words(error))


def _persist_later(batch: int) -> None:
    """Have another try before long, unless one is on its way."""
    try:
        if not store.redis().set(PENDING, 1, nx=True, ex=PENDING_SECONDS):
            return
    except store.FAILURES:
        return
    publish(persist, (batch,), countdown=AGAIN_SECONDS, expires=NUDGE_EXPIRES)


def _persist(batch: int) -> None:
    # Before the outbox is read: lives that come from here on need a nudge of their own.
    store.redis().delete(PENDING)
    with one_at_a_time("persist") as hold:
        if hold is None:
            return  # the holder finds our note when it releases, and asks again
        try:
            done = scores.persist(batch, hold)
        except Lost as error:
            log.warning("A batch of lives was left to the lock's next holder: %s", error)
            return
    # Asked for here, behind the lock: from inside, the next one would be turned away.
    if done.full or hold.again:
        publish(persist, (batch,))
    if done.saved:
        scores.announce.lives(done.saved)
        _tell_boards()


@shared_task(**RETRY)
def announce() -> None:
    """Tell open pages the boards that changed."""
    store.redis().delete(LATER)
    _tell_boards()


def _tell_boards() -> None:
    """Now, or a second after they were last told; one announcement is due at a time."""
    if scores.announce.changed_boards():
        return
    if store.redis().set(LATER, 1, nx=True, px=LATER_MS):
        publish(announce, countdown=LATER_SECONDS)


# --- Many rows: planners and their small tasks -----------------------------------------------
def _plan(planner: Any, small: Any, find: Callable[[int, str], list[str]], after: str) -> None:
    """Fan out small tasks over a page of ids, and ask for the next page when there may be one."""
    with one_at_a_time(planner.name) as hold:
        if hold is None:
            return
        ids = find(PAGE, after)
        if ids:
            chunks = (ids[i : i + CHUNK] for i in range(0, len(ids), CHUNK))
            group(small.s(chunk) for chunk in chunks).apply_async()
    if len(ids) == PAGE:
        publish(planner, (ids[-1],))
    elif hold.again:
        publish(planner)


@shared_task(**RETRY)
def clean_guests(after: str = "") -> None:
    """Find guests never seen again, and have them forgotten."""
    _plan(clean_guests, delete_guests, scores.clean.expired_guests, after)


@shared_task(**RETRY)
def delete_guests(ids: list[str]) -> None:
    """Forget these guests with all that is theirs."""
    log.info("%d guests forgotten.", scores.clean.delete_guests(ids))


@shared_task(**RETRY)
def clean_lives(after: str = "") -> None:
    """Find lives past their time, and have them forgotten with their matches."""
    _plan(clean_lives, delete_lives, scores.clean.expired_lives, after)


@shared_task(**RETRY)
def delete_lives(ids: list[str]) -> None:
    """Forget these lives, and matches that have none left."""
    log.info("%d lives forgotten.", scores.clean.delete_lives(ids))


@shared_task(**RETRY)
def verify_standings(after: str = "") -> None:
    """Have every player's standings compared with their lives, and put right."""
    _plan(verify_standings, check_standings, scores.clean.all_players, after)


@shared_task(**RETRY)
def check_standings(ids: list[str]) -> None:
    """Compare these players' standings with their lives; a difference is an error, and repaired."""
    wrong = scores.check(UUID(id) for id in ids)
    for difference in wrong:
        log.error("A standing was wrong and is repaired: %s", difference)
    if wrong:
        _tell_boards()


@shared_task(**RETRY)
def verify_matches(after: str = "") -> None:
    """Have every match's number of lives compared with its lives, and put right."""
    _plan(verify_matches, check_matches, scores.clean.all_matches, after)


@shared_task(**RETRY)
def check_matches(ids: list[str]) -> None:
    """Compare these matches' numbers of lives with their lives."""
    for difference in scores.check_matches(UUID(id) for id in ids):
        log.error("A number of lives was wrong and is repaired: %s", difference)


# --- Failed tasks ----------------------------------------------------------------------------
class NotKept(ValueError):
    """The task's arguments were too large to be kept, so it cannot be started again."""


def start_again(failure: FailedTask, who: str) -> bool:
    """Start a failed task once more, under a new id; False when somebody else has decided on it.

    Raises NotKept, or what the broker's library raises; then it waits for a decision as before.
    """
    if not failure.arguments:
        raise NotKept(f"{failure.task}: its arguments were too large to be kept.")
    if not failures.settle([failure.pk], FailedTask.RETRIED, who):
        return False
    args, kwargs = json.loads(failure.arguments)
    try:
        current_app.send_task(failure.task, args, kwargs, queue=failure.queue or None, retry=False)
    except Exception:
        failures.reopen(failure.pk)
        raise
    return True


# --- A bounded piece at a time ---------------------------------------------------------------
def _piece(task: Any, do: Callable[[], int], most: int) -> None:
    """Do one bounded piece of a job; when it was a full one, ask for the next."""
    with one_at_a_time(task.name) as hold:
        if hold is None:
            return
        done = do()
    if done == most or hold.again:
        publish(task)


@shared_task(**RETRY)
def clean_standings() -> None:
    """Forget standings of days and weeks long over."""
    _piece(
        clean_standings, lambda: scores.clean.delete_past_standings(DELETE_AT_ONCE), DELETE_AT_ONCE
    )


@shared_task(**RETRY)
def clean_sessions() -> None:
    """Forget expired sessions of the admin; a session that is alive is never touched."""

    def delete() -> int:
        expired = Session.objects.filter(expire_date__lt=datetime.now(UTC))
        keys = list(expired.values_list("pk", flat=True)[:DELETE_AT_ONCE])
        expired.filter(pk__in=keys).delete()
        return len(keys)

    _piece(clean_sessions, delete, DELETE_AT_ONCE)


@shared_task(**RETRY)
def save_failures() -> None:
    """Move failed tasks to where operators look at them."""
    _piece(save_failures, failures.save, failures.BATCH)


@shared_task(**RETRY)
def clean_failures() -> None:
    """Forget failed tasks that nobody will ask for any more."""
    _piece(clean_failures, lambda: failures.delete_old(DELETE_AT_ONCE), DELETE_AT_ONCE)


@shared_task(**RETRY)
def clean_attempts() -> None:
    """Forget failed log-ins that no longer count; each new failure forgets the old ones, too."""

    def delete() -> int:
        over = AccessAttempt.objects.filter(
            attempt_time__lt=datetime.now(UTC) - settings.AXES_COOLOFF_TIME
        )
        keys = list(over.values_list("pk", flat=True)[:DELETE_AT_ONCE])
        over.filter(pk__in=keys).delete()
        return len(keys)

    _piece(clean_attempts, delete, DELETE_AT_ONCE)


@shared_task(**RETRY)
def mirror_bans() -> None:
    """Have Redis hold the bans in force, whatever became of it."""
    banning.mirror()


@shared_task(**RETRY)
def clean_rooms() -> None:
    """Forget rooms that nobody will come back to."""

    def delete() -> int:
        _, deleted = expiry.delete_rooms(DELETE_AT_ONCE)
        return deleted  # not those looked at: rooms that stay must not make it run in circles

    _piece(clean_rooms, delete, DELETE_AT_ONCE)
