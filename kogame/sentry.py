"""Errors to Sentry, when SENTRY_DSN names one, and no flood of them.

A defect in a tick happens twenty times a second. The first few of a minute say all there is to
say; the others are counted, and the next one that is sent says how many they were.
"""

import threading
import time
from typing import Any

import sentry_sdk
from sentry_sdk.integrations.celery import CeleryIntegration
from sentry_sdk.integrations.django import DjangoIntegration

EVENTS_MOST = 10  # errors of one process in a minute
MINUTE = 60.0  # seconds
SHUTDOWN_SECONDS = 2.0  # what a process that ends waits for its last errors to be sent


class Limit:
    """So many events a minute; those beyond are counted."""

    def __init__(self, most: int = EVENTS_MOST) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._since = time.monotonic()
        self._sent = self._left_out = 0

    def __call__(self, event: Any, hint: Any) -> Any:
        """The event, or None when it is one too many."""
        with self._lock:
            now = time.monotonic()
            if now - self._since >= MINUTE:
                self._since, self._sent = now, 0
            if self._sent >= self._most:
                self._left_out += 1
                return None
            self._sent += 1
            if self._left_out:
                event.setdefault("extra", {})["left_out_before"] = self._left_out
                self._left_out = 0
        return event


def start(dsn: str, release: str, environment: str) -> None:
    """Send errors there from now on; nothing about people goes with them."""
    sentry_sdk.init(
        dsn=dsn,
        release=release or None,
        environment=environment,
        before_send=Limit(),
        send_default_pii=False,
        include_local_variables=False,  # names and cookies of players may be among them
        traces_sample_rate=0.0,
        shutdown_timeout=SHUTDOWN_SECONDS,
        integrations=[DjangoIntegration(), CeleryIntegration()],
    )
