"""A Celery worker that outlives a Redis that refuses: full, without disk, or made a replica.

Celery ends at a refusal as at a defect. Whoever mends the Redis would have to start it again.
"""

import logging
import time
import warnings
from typing import Any

import redis
from celery.worker.consumer import Consumer

log = logging.getLogger(__name__)

AGAIN_SECONDS = 2.0  # until a broker that refused is tried again; Celery itself would not wait


class PatientConsumer(Consumer):  # type: ignore[misc]  # Celery has no types
    """Takes tasks from the broker; CELERY_WORKER_CONSUMER names it."""

    def __init__(self, *args: Any, worker_options: Any = None, **options: Any) -> None:
        # Workers have nothing to tell each other, and the steps that let them do so trip over a
        # broker that goes away, with a page of tracebacks.
        alone = {"without_gossip": True, "without_mingle": True}
        super().__init__(*args, worker_options={**(worker_options or {}), **alone}, **options)

    def on_connection_error_after_connected(self, exc: Any) -> None:
        """Say what was lost; a broker that refuses is given time."""
        if not isinstance(exc, redis.ResponseError):
            # It warns, at length, of a default that settings have set.
            with warnings.catch_warnings(action="ignore"):
                super().on_connection_error_after_connected(exc)
            return
        log.warning(
            "The task broker refuses (%s). See its log and its disk; it is tried again.", exc
        )
        time.sleep(AGAIN_SECONDS)
