"""Scores through a real worker: from the outbox to the database, with locks, batches and races."""

import json
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse
from kombu import Connection

from game import metrics, scores, store, tasks
from game.models import FailedTask, Life, Match, Player, Standing
from game.queues import pauses
from kogame.celery import app
from tests import factory
from tests.factory import MATCH, put, told
from tests.live import probe_tasks
from tests.live.fleet import Process, until, worker

WAITS = "Scores cannot be saved"  # what a worker says of a database that fails
LOOKS = 5  # 10 ms apart; from fetching a task to logging it, a worker takes about one

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def running(
    tmp_path_factory: pytest.TempPathFactory, django_db_setup: None, django_db_blocker: Any
) -> Iterator[Process]:
    """One worker for the module's tests."""
    with django_db_blocker.unblock(), worker(tmp_path_factory.mktemp("worker")) as process:
        yield process


@pytest.fixture(autouse=True)
def _empty(running: Process, transactional_db: None) -> Iterator[None]:
    """Each test begins with nothing, and ends when its last task has.

    A task that still read while the tables are emptied would lock one that the emptying waits
    for, and wait for one that it has locked.
    """
    factory.empty()
    store.redis().delete(probe_tasks.SEEN, probe_tasks.GO, probe_tasks.MENDED, pauses.KEY)
    yield
    store.redis().delete(pauses.KEY)
    until(lambda: idle(running), "the worker had ended all tasks")


def idle(process: Process) -> bool:
    """Whether no task waits or runs, in several looks: one that was fetched is not yet logged."""
    with app.connection_for_read() as broker:
        for _ in range(LOOKS):
            queues = [queue(broker.default_channel) for queue in app.amqp.queues.values()]
            if process.busy() or any(queue.queue_declare().message_count for queue in queues):
                return False
            time.sleep(0.01)
    return True


def saved() -> int:
    return Life.objects.count()


def seen() -> list[str]:
    return [raw.decode() for raw in store.redis().lrange(probe_tasks.SEEN, 0, -1)]


# --- The way of a score ----------------------------------------------------------------------
def test_a_life_is_saved_and_told_within_two_seconds(running: Process) -> None:
    put(told())
    started = time.monotonic()
    assert tasks.nudge()
    until(saved, "the life was saved")
    until(lambda: store.redis().hlen("kg:scores:told") == 9, "the boards were told")
    assert time.monotonic() - started < 2


def test_a_requeue_from_behind_the_lock_is_not_swallowed(running: Process) -> None:
    """One nudge, no beat: each full batch asks for the next, until the outbox is empty."""
    put(*factory.crowd(60, lives=2))
    tasks.persist.delay(10)
    until(lambda: store.redis().xlen(store.OUTBOX) == 0, "the outbox was empty")
    assert saved() == 120
    assert Match.objects.get().lives == 120
    assert scores.check(Player.objects.values_list("pk", flat=True)) == []


def test_many_nudges_and_tasks_at_once_save_each_life_once(running: Process) -> None:
    for number in range(30):
        put(told(number + 1, player=uuid.UUID(int=number + 1).hex))
        tasks.persist.delay(7)
        assert tasks.nudge()
    until(lambda: saved() == 30, "all lives were saved")
    until(lambda: store.redis().xlen(store.OUTBOX) == 0, "the outbox was empty")
    assert Match.objects.get().lives == 30
    assert Standing.objects.count() == 90


def test_two_never_overlap_and_who_was_turned_away_is_not_forgotten(running: Process) -> None:
    client = store.redis()
    probe_tasks.stay.delay()
    until(lambda: seen() == ["in"], "the first was in")
    probe_tasks.stay.delay()
    until(lambda: len(seen()) == 2, "the second was turned away")
    assert seen()[1].startswith("out ")
    client.rpush(probe_tasks.GO, 1)
    until(lambda: seen()[2:] == ["over", "again", "in"], "the first had asked for the second")
    client.rpush(probe_tasks.GO, 1)
    until(lambda: seen()[5:] == ["over", "done"], "nobody was left")


def test_a_failing_database_is_tried_again_and_nothing_is_lost(running: Process) -> None:
    put(*factory.crowd(5))
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE game_life RENAME TO game_life_away")
        try:
            tasks.persist.delay()
            until(lambda: running.says(WAITS), "the worker had said that scores wait")
            assert store.redis().xlen(store.OUTBOX) == 5
        finally:
            cursor.execute("ALTER TABLE game_life_away RENAME TO game_life")
    until(lambda: saved() == 5, "the retry had saved the lives")


def test_pages_write_and_read_while_two_children_write(running: Process) -> None:
    """SQLite's one writer at a time is waited for, by all of them, and refuses nobody."""
    put(*factory.crowd(300, lives=4))
    before = running.log.read_text().count(WAITS)
    tasks.persist.delay(100)
    tasks.verify_standings.delay()
    written = 0
    while store.redis().xlen(store.OUTBOX):
        page = SessionStore()
        page["n"] = written
        page.save()
        scores.board("day")
        written += 1
    until(lambda: saved() == 1200, "all lives were saved")
    assert Session.objects.count() == written > 0
    tasks.verify_standings.delay()
    assert scores.check(Player.objects.values_list("pk", flat=True)) == []
    assert running.log.read_text().count(WAITS) == before


# --- After the commit ------------------------------------------------------------------------
def test_a_task_asked_for_inside_a_transaction_loses_the_race(running: Process) -> None:
    """The race itself: the worker looks before the commit, and finds nothing."""
    with transaction.atomic():
        add_life()
        probe_tasks.look.delay(f"{MATCH}-7")
        until(seen, "the worker had looked")
    assert seen() == ["missing"]


def test_a_task_asked_for_after_the_commit_finds_what_was_written(running: Process) -> None:
    with transaction.atomic():
        add_life()
        tasks.after_commit(probe_tasks.look, f"{MATCH}-7")
    until(seen, "the worker had looked")
    assert seen() == ["there"]


def test_a_task_of_a_transaction_that_failed_is_never_asked_for(running: Process) -> None:
    with transaction.atomic():
        add_life()
        tasks.after_commit(probe_tasks.look, f"{MATCH}-7")
        transaction.set_rollback(True)
    probe_tasks.look.delay("mark")
    until(seen, "the worker had looked")
    assert seen() == ["missing"]  # the mark's, and no other


def add_life() -> None:
    now = datetime.now(UTC)
    who = Player.objects.create(id=uuid.uuid4(), name="Mia", first_seen=now, last_seen=now)
    match = Match.objects.create(
        id=uuid.UUID(MATCH), game="snek", room="a", first_life_at=now, last_life_at=now
    )
    Life.objects.create(
        id=f"{MATCH}-7",
        match=match,
        player=who,
        name="Mia",
        colour=1,
        score=1,
        length=3,
        kills=0,
        seconds=1,
        cause="wall",
        ended_at=now,
    )


# --- Sessions --------------------------------------------------------------------------------
def test_no_task_writes_to_a_session(running: Process) -> None:
    """A session that a page changed meanwhile keeps what the page wrote, to the byte."""
    alive, dead = SessionStore(), SessionStore()
    alive["note"] = "of the page"
    alive.save()
    dead.set_expiry(-1)
    dead.save()
    before = Session.objects.filter(pk=alive.session_key).values().get()
    put(told())
    for task in (name for name in app.tasks if name.startswith("game.tasks.clean_")):
        app.tasks[task].delay()
    tasks.persist.delay()
    until(saved, "the life was saved")
    until(lambda: Session.objects.count() == 1, "the expired session was cleaned up")
    assert Session.objects.values().get() == before


# --- Many rows -------------------------------------------------------------------------------
def test_forgotten_guests_are_fanned_out_and_gone(running: Process) -> None:
    long_ago = datetime.now(UTC) - timedelta(days=1000)
    put(*factory.crowd(350), at=int(long_ago.timestamp() * 1000))
    put(told(9_999, score=1_000))
    scores.persist()
    assert Player.objects.count() == 351
    tasks.clean_guests.delay()
    # Who is among the first hundred of all time by any measure is remembered.
    kept = len(scores.clean._leaders())
    until(lambda: Player.objects.count() == kept, "the rest was forgotten")
    assert Standing.objects.filter(period="all").count() == kept
    assert saved() == Match.objects.get().lives == kept


def test_a_wrong_standing_is_repaired_by_the_nightly_check(running: Process) -> None:
    put(*factory.crowd(3))
    scores.persist()
    Standing.objects.filter(period="all", score=3).update(score=333)
    tasks.verify_standings.delay()
    until(lambda: running.says("stood score 333"), "the difference was logged")
    until(lambda: scores.board("all")[0]["value"] == 3, "it was repaired")


# --- Practice --------------------------------------------------------------------------------
def test_a_message_says_when_it_was_published_and_is_json() -> None:
    """No worker listens to this queue: the message can be looked at."""
    with Connection(app.conf.broker_url, transport_options=app.conf.broker_transport_options) as c:
        queue = c.SimpleQueue(f"kgtest-{uuid.uuid4().hex}", queue_opts={"durable": False})
        tasks.announce.apply_async(
            queue=app.amqp.queues.new_missing(queue.queue.name), declare=[queue.queue]
        )
        message = queue.get(timeout=5)
        message.ack()
        queue.close()
        queue.queue(c.default_channel).delete()
    assert abs(time.time() - message.headers["published_at"]) < 5
    assert message.content_type == "application/json"
    assert json.loads(message.body)[0] == []


def test_the_worker_tells_how_tasks_ended_and_how_long_they_took(running: Process) -> None:
    def row(task: str) -> list[Any]:
        living = metrics.snapshot(store.redis())["living"]
        told = [row for report in living for row in report["details"].get("tasks", ())]
        return next((row for row in told if row[1].endswith(f".{task}")), ["", task, 0, 0, 0])

    # Of this test alone: the others' may be in a later report.
    probe_tasks.fail.delay()
    store.redis().set(probe_tasks.MENDED, 1)
    probe_tasks.heal.apply_async(countdown=3)
    until(lambda: row("fail")[3] >= 1, "one had failed")
    until(lambda: row("heal")[2] == 1, "one was done")
    queue, _, well, _, put_off, *times = row("fail")
    assert (queue, well, put_off) == ("maintenance", 0, 0)
    assert all(0 <= time < 20 for time in times)
    # The seconds for which it was to wait are not the queue's fault.
    assert 0 <= row("heal")[5] < 3


def test_a_paused_queue_is_left_alone_until_it_goes_on(running: Process) -> None:
    def takes() -> list[str]:
        living = metrics.snapshot(store.redis())["living"]
        told = [row for report in living for row in report["details"].get("queues", ())]
        return sorted(row["name"] for row in told)

    until(lambda: takes() == ["maintenance", "scores"], "it took from both")
    pauses.pause(store.redis(), "maintenance")
    until(lambda: takes() == ["scores"], "it took from one")
    probe_tasks.look.delay("nothing")
    tasks.nudge()  # the other queue goes on
    until(lambda: running.says("game.tasks.persist"), "a score's task was taken")
    assert seen() == []
    pauses.resume(store.redis(), "maintenance")
    until(seen, "what had waited was done")


# --- Revoking --------------------------------------------------------------------------------
@pytest.fixture
def revoke(client: Client) -> Callable[[str, str], dict[str, str]]:
    """Pull the lever on a task."""
    client.force_login(User.objects.create_superuser("olga"))

    def pull(id: str, task: str) -> dict[str, str]:
        answer = client.post(reverse("admin:metrics_revoke"), {"id": id, "task": task})
        return dict(answer.json())

    return pull


def in_hand(id: str) -> list[Any]:
    """A task as the workers report it: id, task, queue, whether it runs, since when."""
    living = metrics.snapshot(store.redis())["living"]
    rows = [row for report in living for row in report["details"].get("held", ())]
    return next((row for row in rows if row[0] == id), [])


def test_a_revoked_task_that_waits_is_not_run_and_no_score_is_lost(
    running: Process, revoke: Callable[[str, str], dict[str, str]]
) -> None:
    put(told())
    id = tasks.persist.apply_async(countdown=3).id
    until(lambda: in_hand(id), "the worker had it in hand")
    assert in_hand(id)[1:4] == ["game.tasks.persist", "scores", False]
    assert "done" in revoke(id, "game.tasks.persist")
    until(lambda: running.says(f"Discarding revoked task: game.tasks.persist[{id}]"), "its end")
    until(lambda: not in_hand(id), "the worker had let it go")
    assert saved() == 0
    assert tasks.nudge()
    until(saved, "the next task had saved the life")


def test_a_revoked_task_that_runs_ends_by_itself(
    running: Process, revoke: Callable[[str, str], dict[str, str]]
) -> None:
    id = probe_tasks.stay.delay().id
    until(lambda: in_hand(id), "the worker had it in hand")
    until(lambda: in_hand(id)[3], "it ran")
    assert "done" in revoke(id, "tests.live.probe_tasks.stay")
    until(lambda: running.says(f"flagged as revoked: {id}"), "the worker knew")
    store.redis().rpush(probe_tasks.GO, 1)
    until(lambda: seen() == ["in", "over", "done"], "it had ended")


def test_a_failed_task_stands_in_the_database_and_runs_again_when_asked(running: Process) -> None:
    probe_tasks.fail.apply_async(kwargs={"why": "the moon"})

    def kept() -> FailedTask | None:
        tasks.save_failures()
        return FailedTask.objects.filter(error="ValueError: the moon").first()

    failure = until(kept, "it was kept")
    assert json.loads(failure.arguments) == [[], {"why": "the moon"}]
    assert "raise ValueError(why)" in failure.trace
    assert (failure.queue, failure.tries) == ("maintenance", 1)
    assert tasks.start_again(failure, "olga")
    again = FailedTask.objects.filter(error="ValueError: the moon", state=FailedTask.FAILED)
    until(lambda: tasks.save_failures() or again.exclude(pk=failure.pk).count(), "it ran again")


def test_the_processes_have_titles(running: Process) -> None:
    titles = [" ".join(process.cmdline()) for process in running.family()]
    assert sum("celeryd" in title for title in titles) == 3, titles  # the main one and two children
