"""Workers are killed in the middle of it, and tasks come twice: each life is saved once."""

import contextlib
import itertools
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from game import lock, scores, store, tasks
from game.models import Life, Player
from kogame.celery import app
from tests import factory
from tests.live.faults.record import record
from tests.live.fleet import Process, beat, database_held, until

pytestmark = pytest.mark.django_db(transaction=True)

BAR = "exactly 1,000 rows; a killed worker's task is given out again ≤ 90 s"
PLAYERS = 20
BATCH = 15  # lives of a task: small, so that there are many to be killed in
TWICE = 0.1  # share of the lives that are told twice
HOLD = "kg:lock:persist"


@pytest.fixture(autouse=True)
def _empty() -> None:
    """Nothing to save, and no task that an earlier test left for somebody else's worker."""
    factory.empty()
    app.control.purge()
    store.redis().delete("unacked", "unacked_index")


class Workers:
    """Two workers at a time: one is killed, the other goes on, and a third is started."""

    def __init__(self, folder: Path, stack: contextlib.ExitStack) -> None:
        self._folder, self._stack = folder, stack
        self._numbers = itertools.count(1)
        self.all: list[Process] = []

    def start(self) -> None:
        """Start one; it is ready in its own time."""
        words = ["worker", "-n", f"w{next(self._numbers)}@drill", "-c", "2"]
        process = Process(words, self._folder / f"{len(self.all)}.log")
        self.all.append(process)
        self._stack.callback(process.kill)

    def working(self) -> Process:
        """The oldest that lives, once it is ready."""
        first = next(process for process in self.all if process.popen.poll() is None)
        until(lambda: first.says(" ready."), "a worker was ready", 60)
        return first

    def kill(self, whole: bool) -> None:
        """Kill the one at work, or only its pool; another goes on."""
        doomed = self.working()
        if whole:
            self.start()
            doomed.kill()
        else:
            for child in doomed.family()[1:]:
                with contextlib.suppress(Exception):  # it may have ended by itself
                    child.kill()

    def taken(self, id: str) -> list[Process]:
        """The workers that were given a task."""
        return [one for one in self.all if f"[{id}] received" in one.log.read_text()]


def doomed_task(workers: Workers) -> tuple[str, float]:
    """Kill a worker with all its children in the middle of a batch; its task, and when."""
    with database_held():
        id = tasks.persist.delay().id
        until(lambda: store.redis().exists(HOLD), "the lock was taken")
        workers.kill(whole=True)
    assert Life.objects.count() == 0
    assert 0 < store.redis().pttl(HOLD) <= lock.HELD_MS  # it does not linger
    return id, time.monotonic()


def tell(lives: list[dict[str, object]], chance: random.Random) -> Iterator[int]:
    """Put lives in the outbox bit by bit, some twice, and ask for them more often than needed."""
    while lives:
        some = [lives.pop() for _ in range(min(len(lives), chance.randint(1, 9)))]
        factory.put(*some, *(life for life in some if chance.random() < TWICE))
        for _ in range(chance.randint(1, 3)):
            tasks.persist.delay(BATCH)
        time.sleep(chance.uniform(0, 0.04))  # lives end when they end
        yield len(lives)


def test_each_life_is_saved_once_however_many_workers_are_killed(
    tmp_path: Path, full: bool
) -> None:
    chance, number, kills = random.Random(7), 1000 if full else 100, 50 if full else 4
    lives = factory.crowd(PLAYERS, number // PLAYERS)
    chance.shuffle(lives)
    with contextlib.ExitStack() as stack:
        workers = Workers(tmp_path, stack)
        workers.start()
        workers.start()
        stack.enter_context(beat(tmp_path))
        workers.working()
        factory.put(*lives[:3])
        id, killed_at = doomed_task(workers)
        points = sorted(chance.sample(range(number), kills), reverse=True)
        for left in tell(lives, chance):
            while points and left <= points[0]:
                points.pop(0)
                workers.kill(whole=len(points) % 3 == 0)
        until(lambda: Life.objects.count() == number, "all lives were saved", 60)
        until(lambda: not store.redis().xlen(store.OUTBOX), "none was left to save")
        saved_after = time.monotonic() - killed_at
        if full:
            until(lambda: len(workers.taken(id)) > 1, "the task was given out again", 95)
            again = time.monotonic() - killed_at
            record(
                "a worker is killed at 51 points over 1,000 lives",
                BAR,
                rows=Life.objects.count(),
                workers_used=len(workers.all),
                given_out_again_after_s=again,
                all_saved_after_s=saved_after,
            )
            assert again <= 90
    assert not scores.check(Player.objects.values_list("pk", flat=True), repair=False)
