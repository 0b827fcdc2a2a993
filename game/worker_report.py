"""What a Celery worker, or beat, tells about itself once a second; importing this hooks it up.

It runs as a thread of the worker's main process, which runs no tasks: a busy pool cannot keep it
from reporting. Only that process knows what is fetched, what runs and what waits.
"""

import contextlib
import logging
import threading
import time
from collections import Counter
from typing import Any

import redis
from celery import signals
from celery.worker import state

from game import failures, internal, metrics, store, task_times
from game.queues import pauses

log = logging.getLogger(__name__)

ANSWER_SECONDS = 2.0  # a report that takes longer is given up; the next one is due anyway


class Reporter(threading.Thread):
    """Reports this process each second until told to stop, then says goodbye."""

    def __init__(self, kind: str, id: str, measure: Any) -> None:
        super().__init__(name="report", daemon=True)
        self._measure = measure
        self._over = threading.Event()
        metrics.start(kind, id)
        internal.open_port()
        # A connection of its own: pool children are forked while this thread runs, and must not
        # inherit a lock that it happened to hold.
        self.server = store.blocking(ANSWER_SECONDS)

    def run(self) -> None:
        """Measure and publish; a Redis that is away costs reports, not the worker."""
        while not self._over.is_set():
            try:
                self._measure()
                metrics.publish_sync(self.server)
                failures.send(self.server)
                store.noticed(None)
            except store.FAILURES as error:
                metrics.count("metrics.publish_failures")
                store.noticed(error)
            except Exception:  # a report must never be what ends a worker's reports
                log.exception("The worker could not report on itself.")
            self._over.wait(metrics.PUBLISH_EVERY)

    def stop(self) -> None:
        """End the reports; nobody is to miss a worker that stopped on purpose."""
        self._over.set()
        self.join(ANSWER_SECONDS)
        with contextlib.suppress(redis.RedisError, OSError):
            metrics.goodbye_sync(self.server)
        self.server.close()


class Pulse:
    """What the worker's main loop does once a second: show that it turns, and obey pauses.

    A thread alone would also report for a main loop that hangs.
    """

    own: frozenset[str] | None = None  # the queues it was started for

    def __init__(self, consumer: Any) -> None:
        self._consumer = consumer
        self.last = time.monotonic()
        self.paused: frozenset[str] | None = None  # as the reporting thread last read it
        if Pulse.own is None:
            Pulse.own = frozenset(consumer.app.amqp.queues.consume_from)
        consumer.timer.call_repeatedly(metrics.PUBLISH_EVERY, self.beat)

    def beat(self) -> None:
        """Called by the worker's own loop."""
        self.last = time.monotonic()
        if self.paused is not None and Pulse.own is not None:
            pauses.follow(self._consumer, Pulse.own, self.paused)


_reporter: Reporter | None = None


def worker_ready(sender: Any, **kwargs: Any) -> None:
    """Start reporting; Celery says "ready" again after each new connection to the broker."""
    global _reporter  # noqa: PLW0603  (one worker, one reporter)
    pulse = Pulse(sender)

    def measure() -> None:
        measure_worker(sender, pulse)
        if _reporter is not None:
            pulse.paused = pauses.read(_reporter.server)

    if _reporter is None:
        _reporter = Reporter("worker", sender.hostname, measure)
        _reporter.start()
    else:
        _reporter._measure = measure


def beat_init(sender: Any, **kwargs: Any) -> None:
    """Start reporting; beat has nothing to tell but that it lives, and what it schedules."""
    global _reporter  # noqa: PLW0603
    if _reporter is None:
        _reporter = Reporter("beat", "", lambda: measure_beat(sender))
        _reporter.start()


def worker_shutdown(**kwargs: Any) -> None:
    """Say goodbye."""
    if _reporter is not None:
        _reporter.stop()


def measure_worker(consumer: Any, pulse: Pulse) -> None:
    """Take the worker's figures from Celery's own bookkeeping."""
    requests = list(state.requests.values())  # fetched: running, waiting or counting down
    active = len(state.active_requests)
    metrics.gauge("worker.active", active)
    metrics.gauge("worker.reserved", max(0, len(requests) - active))
    metrics.gauge("worker.processed", state.all_total_count[0])
    metrics.gauge("worker.loop_age", max(0.0, time.monotonic() - pulse.last))
    pool = _pool(consumer)
    children = list(pool.get("processes", ()))
    metrics.gauge("worker.pool", len(children) or pool.get("max-concurrency", 1))
    metrics.gauge("worker.pool_memory", sum(map(metrics.memory, children)))
    fetched = Counter(request.delivery_info.get("routing_key") for request in requests)
    queues = consumer.app.amqp.queues.consume_from
    metrics.detail(
        "queues",
        [
            {"name": name, "in_flight": fetched[queue.routing_key or name]}
            for name, queue in list(queues.items())
        ],
    )
    metrics.detail("tasks", task_times.told())
    metrics.detail("held", task_times.held(requests))


def _pool(consumer: Any) -> dict[str, Any]:
    """What the pool says of itself; nothing while it is being taken down under this thread."""
    try:
        info: dict[str, Any] = consumer.controller.pool.info
    except AttributeError:
        return {}
    return info


def measure_beat(service: Any) -> None:
    """How many entries the schedule has."""
    metrics.gauge("beat.entries", len(service.scheduler.schedule))


signals.worker_ready.connect(worker_ready)
signals.worker_shutdown.connect(worker_shutdown)
signals.beat_init.connect(beat_init)
