"""Failed tasks: from a worker's memory to the admin, tried again once, or let go."""

import json
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from celery import current_app
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from game import failures, metrics, store, tasks
from game.models import AuditEntry, FailedTask

pytestmark = pytest.mark.django_db
LIST = "admin:game_failedtask_changelist"


@pytest.fixture(autouse=True)
def _empty() -> Iterator[None]:
    failures._notes.clear()
    store.redis().delete(failures.STREAM)
    yield
    failures._notes.clear()
    store.redis().delete(failures.STREAM)


def note(id: str = "t1", *args: Any, error: str = "no such player") -> None:
    about = {"task": "game.tasks.persist", "queue": "scores", "worker": "w@h", "tries": 9}
    failures.note(ValueError(error), "Traceback …\nValueError", (args, {}), id=id, **about)


def failed(number: int = 1, **changes: Any) -> list[FailedTask]:
    """Rows of failed tasks, as they stand in the database."""
    rows = [
        FailedTask(
            id=uuid.uuid4().hex,
            **{
                "task": "game.tasks.persist",
                "queue": "scores",
                "arguments": json.dumps([[n], {}]),
                "error": "OperationalError: away",
                "at": datetime.now(UTC),
                **changes,
            },
        )
        for n in range(number)
    ]
    return FailedTask.objects.bulk_create(rows)


# --- The way into the database ---------------------------------------------------------------
def test_a_failure_is_kept_once_with_all_that_is_needed() -> None:
    note("t1", 7, "x")
    failures.send(store.redis())
    failures.send(store.redis())
    assert failures.save() == 1
    row = FailedTask.objects.get()
    assert json.loads(row.arguments) == [[7, "x"], {}]
    assert (row.id, row.task, row.queue, row.tries) == ("t1", "game.tasks.persist", "scores", 9)
    assert (row.error, row.state) == ("ValueError: no such player", "failed")
    assert abs((datetime.now(UTC) - row.at).total_seconds()) < 10
    assert store.redis().xlen(failures.STREAM) == 0


def test_the_same_entry_again_is_the_same_row() -> None:
    for _ in range(2):  # as after a crash between the row and the end of the entry
        note("t1")
        failures.send(store.redis())
        failures.save()
    assert FailedTask.objects.count() == 1


def test_more_than_a_worker_can_hold_is_counted() -> None:
    before = metrics._here.counters["tasks.failures_lost"]
    for n in range(failures.NOTES_MOST + 3):
        note(str(n))
    assert len(failures._notes) == failures.NOTES_MOST
    assert metrics._here.counters["tasks.failures_lost"] == before + 3


def test_arguments_of_a_megabyte_are_shown_and_cannot_be_retried() -> None:
    note("t1", "x" * 1_000_000)
    failures.send(store.redis())
    failures.save()
    row = FailedTask.objects.get()
    assert len(row.shown) == failures.SHOWN_MOST
    with pytest.raises(tasks.NotKept, match="too large"):
        tasks.start_again(row, "olga")
    row.refresh_from_db()
    assert row.state == FailedTask.FAILED


def test_old_failures_are_forgotten_a_bounded_number_at_a_time(settings: Any) -> None:
    long_ago = datetime.now(UTC) - timedelta(days=settings.KEEP_FAILURES_DAYS + 1)
    failed(5, at=long_ago)
    failed(2)
    assert failures.delete_old(3) == 3
    tasks.clean_failures()
    assert FailedTask.objects.count() == 2


# --- What operators do -----------------------------------------------------------------------
@pytest.fixture
def queue() -> Iterator[Any]:
    """The queue that no worker here reads: what was put into it, read and emptied."""

    def taken() -> list[list[Any]]:
        found = []
        with current_app.connection_for_read() as connection:
            while message := connection.default_channel.basic_get("scores", no_ack=True):
                found.append(json.loads(message.body)[0])
        return found

    taken()
    yield taken
    taken()


def operator(client: Client, *may: str) -> Client:
    user = User.objects.create_user("olga", is_staff=True)
    codenames = ("view_failedtask", *may)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client.force_login(user)
    return client


def act(client: Client, action: str, rows: list[FailedTask], **more: str) -> Any:
    chosen = {"action": action, "_selected_action": [row.pk for row in rows], **more}
    return client.post(reverse(LIST), chosen, follow=True)


def test_it_asks_first_and_then_starts_them_again(client: Client, queue: Any) -> None:
    rows = failed(3)
    olga = operator(client, "retry_failedtask")
    asked = act(olga, "retry", rows).content.decode()
    assert "Start 3 tasks again?" in asked
    assert queue() == []
    done = act(olga, "retry", rows, sure="yes").content.decode()
    assert "3 tasks started again." in done
    assert sorted(queue()) == [[0], [1], [2]]
    assert set(FailedTask.objects.values_list("state", "settled_by")) == {("retried", "olga")}
    assert AuditEntry.objects.get().detail == "3 tasks started again"


def test_two_operators_at_once_start_it_once(client: Client, queue: Any) -> None:
    [row] = failed()
    assert tasks.start_again(row, "olga")
    assert not tasks.start_again(row, "sam")
    assert queue() == [[0]]
    said = act(operator(client, "retry_failedtask"), "retry", [row], sure="yes").content.decode()
    assert "None of them waits for a decision" in said
    assert queue() == []


def test_what_the_broker_does_not_take_is_left_as_it_was(client: Client, queue: Any) -> None:
    rows = failed(2, queue="nowhere")
    said = act(operator(client, "retry_failedtask"), "retry", rows, sure="yes").content.decode()
    assert "The task broker does not take them" in said
    assert FailedTask.objects.filter(state=FailedTask.FAILED, settled_by="").count() == 2


def test_what_is_let_go_stays_to_be_looked_at(client: Client) -> None:
    rows = failed(2)
    said = act(operator(client, "discard_failedtask"), "discard", rows, sure="yes")
    assert "2 tasks let go." in said.content.decode()
    assert set(FailedTask.objects.values_list("state", flat=True)) == {FailedTask.DISCARDED}


@pytest.mark.parametrize("action", ["retry", "discard"])
def test_who_may_only_look_has_no_lever_and_cannot_forge_one(client: Client, action: str) -> None:
    rows = failed(1)
    sam = operator(client)
    assert f'value="{action}"' not in sam.get(reverse(LIST)).content.decode()
    act(sam, action, rows, sure="yes")
    assert FailedTask.objects.get().state == FailedTask.FAILED


def test_they_are_found_by_their_words(client: Client) -> None:
    failed(1, error="ValueError: the moon is full")
    failed(1, shown='["needle"]')
    olga = operator(client)
    for word, found in (("moon", 1), ("needle", 1), ("sun", 0)):
        page = olga.get(reverse(LIST), {"q": word})
        assert page.context["cl"].result_count == found


def test_words_are_looked_for_in_the_newest_and_an_id_in_all(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A search of a million rows' traces would hold the database up for half a minute."""
    monkeypatch.setattr("game.console.failed.SEARCHED", 2)
    now = datetime.now(UTC)
    rows = [failed(1, error="moon", at=now - timedelta(hours=ago))[0] for ago in range(4)]
    olga = operator(client)
    for word, found in (("moon", rows[:2]), (rows[3].pk, rows[3:])):
        page = olga.get(reverse(LIST), {"q": word})
        assert list(page.context["cl"].result_list) == found


def test_they_are_filtered_by_the_tasks_and_queues_there_are(client: Client) -> None:
    name = tasks.clean_failures.name
    [row] = failed(1, task=name)
    failed(1, queue="nowhere")
    olga = operator(client)
    page = olga.get(reverse(LIST), {"task": name, "queue": row.queue})
    assert f'?queue={row.queue}&amp;task={name}"' in page.content.decode()
    assert list(page.context["cl"].result_list) == [row]


def test_one_click_settles_a_bounded_number(client: Client, monkeypatch: Any) -> None:
    monkeypatch.setattr("game.console.failed.AT_ONCE", 2)
    rows = failed(3)
    said = act(operator(client, "discard_failedtask"), "discard", rows, sure="yes")
    assert "2 tasks let go." in said.content.decode()
