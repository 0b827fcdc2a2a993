"""What must not end Celery: killed children, a broker that hangs, a stop in good order."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from django.conf import settings

from game import store, tasks
from game.models import Life
from kogame.celery import app
from tests import factory
from tests.factory import put
from tests.live.fleet import ROOT, Process, database_held, until, worker

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(180)]


@pytest.fixture(autouse=True)
def _empty() -> None:
    """Nothing to save, and no task that an earlier test left for somebody else's worker."""
    factory.empty()
    app.control.purge()
    store.redis().delete("unacked", "unacked_index")


def test_a_child_that_is_killed_loses_no_task(tmp_path: Path) -> None:
    """The worker gives the killed child's task out again, without a new nudge."""
    put(*factory.crowd(20))
    with worker(tmp_path, "parent") as parent:
        with database_held():
            tasks.persist.delay()
            until(lambda: store.redis().exists("kg:lock:persist"), "the lock was taken")
            for child in parent.family()[1:]:
                child.kill()
            store.redis().delete("kg:lock:persist")  # or the test waits until it expires
        until(lambda: Life.objects.count() == 20, "the task was done again", 30)


# --- A broker that hangs must not hang the engine --------------------------------------------
@pytest.fixture
def silence() -> Iterator[int]:
    """The port of a server that accepts and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=16) as server:
        yield server.getsockname()[1]


NUDGE = """
import os, time, django
os.environ["DJANGO_SETTINGS_MODULE"] = "kogame.settings"
django.setup()
from game import metrics, tasks
for _ in range(2):
    started = time.monotonic()
    taken = tasks.nudge()
    print(taken, time.monotonic() - started, metrics._counters["tasks.publish_failures"])
"""


def nudges(**environment: str) -> list[tuple[str, float, int]]:
    """(taken, seconds, failures counted) of two nudges in a process of their own."""
    words = [sys.executable, "-c", NUDGE]
    ran = subprocess.run(
        words,
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    rows = [line.split() for line in ran.stdout.splitlines()]
    assert ran.stderr.count("does not take") <= 1, ran.stderr  # said once
    return [(taken, float(seconds), int(failures)) for taken, seconds, failures in rows]


@pytest.mark.parametrize("away", ["redis hangs", "redis refuses", "amqp hangs", "amqp refuses"])
def test_a_nudge_takes_less_than_a_second_whatever_hangs(away: str, silence: int) -> None:
    port = silence if "hangs" in away else 1  # nothing listens on port 1
    if "redis" in away:
        told_of = {"REDIS_URL": f"redis://127.0.0.1:{port}/0", "CELERY_BROKER_URL": ""}
    else:
        told_of = {"CELERY_BROKER_URL": f"amqp://guest:guest@127.0.0.1:{port}//"}
    for taken, seconds, failures in nudges(**told_of):
        assert (taken, failures > 0) == ("False", True)
        assert seconds < 1


def test_nudges_are_coalesced() -> None:
    """A hundred lives at once cost the broker one message."""
    published: list[Any] = []
    done = threading.Event()

    def watch() -> None:
        with redis.Redis.from_url(settings.REDIS_URL).monitor() as monitor:
            published.append(None)
            for command in monitor.listen():
                if "kgtest-end" in command["command"]:
                    done.set()
                    return
                if command["command"].upper().startswith("LPUSH SCORES "):
                    published.append(command)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    until(lambda: published, "the monitor listened")
    assert all(tasks.nudge() for _ in range(100))
    store.redis().set("kgtest-end", 1, px=1)
    assert done.wait(5)
    if settings.CELERY_BROKER_URL.startswith("redis"):
        assert len(published) == 2  # the mark that it listens, and one message
    store.redis().delete(tasks.PENDING, "scores")


# --- A worker in good order ------------------------------------------------------------------
@pytest.mark.parametrize("what", ["worker", "beat"])
def test_debug_is_refused_outside_development(what: str, tmp_path: Path) -> None:
    process = Process([what], tmp_path / "log", DEBUG="1", KOGAME_ENV="test")
    try:
        assert process.popen.wait(30) != 0
    finally:
        process.kill()
    assert "DEBUG is on and KOGAME_ENV is not development" in process.log.read_text()


def test_a_worker_told_to_stop_finishes_its_batch(tmp_path: Path) -> None:
    put(*factory.crowd(20))
    with worker(tmp_path) as stopping:
        with database_held():
            tasks.persist.delay()
            until(lambda: store.redis().exists("kg:lock:persist"), "the lock was taken")
            stopping.popen.terminate()
            until(lambda: stopping.says("Warm shutdown"), "it was stopping")
        assert stopping.popen.wait(20) == 0
    assert Life.objects.count() == 20
    assert not store.redis().exists("kg:lock:persist")
