"""A Celery worker that outlives its broker, and says once that it waits for it.

Celery ends at a refusal of Redis (full, without disk, or made a replica) as at a defect, tells of
each try to connect in a line or two, and waits longer after each.
"""

import logging
import time
import warnings
from typing import Any

import redis
from celery.signals import worker_process_init
from celery.worker.consumer import Consumer
from celery.worker.state import maybe_shutdown

from game import tasks

log = logging.getLogger(__name__)

AGAIN_SECONDS = 2.0  # between tries: scores wait meanwhile, and one try costs next to nothing


# Loggers that tell of each thing that a broker which is away keeps them from.
TALKATIVE = (
    "celery.worker.consumer.consumer",
    "celery.worker.request",
    "kombu.transport.redis",
)
# What kombu says when Redis does not answer it.
UNANSWERED = ("dropping stale connection", "Couldn't ack")


def is_news(record: logging.LogRecord) -> bool:
    """Whether a line says anything but that the broker is away, which is said once."""
    if record.levelno < logging.WARNING:
        return True
    if any(words in str(record.msg) for words in UNANSWERED):
        tasks.broker_away.felt(tasks.BROKER_WAITS, record.getMessage())
    return not tasks.broker_away.near


@worker_process_init.connect  # type: ignore[untyped-decorator]  # Celery has no types
def leave_it_to_the_parent(**_: Any) -> None:
    """The worker's main process says that the broker is away; its pool need not, in chorus."""
    tasks.broker_away.hush()


class PatientConsumer(Consumer):  # type: ignore[misc]  # Celery has no types
    """Takes tasks from the broker; CELERY_WORKER_CONSUMER names it."""

    def __init__(self, *args: Any, worker_options: Any = None, **options: Any) -> None:
        # Workers have nothing to tell each other, and the steps that let them do so trip over a
        # broker that goes away, with a page of tracebacks; the heartbeat hangs for as long as the
        # broker does, and with it the worker's main loop. Reports are in game.worker_report.
        alone = dict.fromkeys(("without_gossip", "without_mingle", "without_heartbeat"), True)
        super().__init__(*args, worker_options={**(worker_options or {}), **alone}, **options)
        for name in TALKATIVE:
            logging.getLogger(name).addFilter(is_news)

    def ensure_connected(self, conn: Any) -> Any:
        """Connect, however long it takes, unless the worker is told to stop."""
        wait_for(conn, maybe_shutdown)
        self.first_connection_attempt = False
        return conn

    def on_connection_error_after_connected(self, exc: Any) -> None:
        """Say what was lost; a broker that refuses is given time."""
        tasks.broker_away.felt(tasks.BROKER_WAITS, str(exc) or type(exc).__name__)
        if isinstance(exc, redis.ResponseError):
            time.sleep(AGAIN_SECONDS)
            return
        # It warns, at length, of a default that settings have set.
        with warnings.catch_warnings(action="ignore"):
            super().on_connection_error_after_connected(exc)


def wait_for(connection: Any, each_second: Any = None) -> None:
    """Connect to the broker as often as it takes; only the first failure is said."""

    def failed(error: Exception, interval: float) -> None:
        tasks.broker_away.felt(tasks.BROKER_WAITS, str(error) or type(error).__name__)

    connection.ensure_connection(
        failed,
        interval_start=AGAIN_SECONDS,
        interval_step=0,
        interval_max=AGAIN_SECONDS,
        callback=each_second,
    )
    tasks.broker_away.over()
