"""Tasks that tests load into real workers, to see from inside what the workers do."""

import os
from typing import Any

from celery import shared_task

from game import store
from game.lock import one_at_a_time
from game.models import Life

SEEN = "kgtest:seen"  # list: what the tasks here saw
GO = "kgtest:go"  # list: each entry lets one waiting task go on
MENDED = "kgtest:mended"  # is there once a failing task may succeed
PATIENCE = 20  # seconds a task waits for the test


@shared_task
def look(life: str) -> None:
    """Say whether a life stands in the database."""
    found = Life.objects.filter(pk=life).exists()
    store.redis().rpush(SEEN, "there" if found else "missing")


@shared_task(bind=True)
def stay(self: Any) -> None:
    """Hold the lock "stay" until the test says go; ask again, behind it, for whom it kept out."""
    client = store.redis()
    with one_at_a_time("stay") as hold:
        if hold is None:
            client.rpush(SEEN, f"out {os.getpid()}")
            return
        client.rpush(SEEN, "in")
        for _ in range(PATIENCE):
            if client.blpop([GO], timeout=1):
                break
        client.rpush(SEEN, "over")
    client.rpush(SEEN, "again" if hold.again else "done")
    if hold.again:
        self.delay()


@shared_task
def heal() -> None:
    """Raise until the test has mended what is wrong."""
    mended = store.redis().exists(MENDED)
    store.redis().rpush(SEEN, "well" if mended else "ill")
    if not mended:
        raise ValueError("not mended yet")


@shared_task
def fail(why: str = "as asked") -> None:
    """Raise what nobody retries."""
    raise ValueError(why)
