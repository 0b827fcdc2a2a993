"""What operators do to queues and the schedule: who may, what happens, and what is on record."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from celery import current_app
from django.conf import settings
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from game import store
from game.console.overview import overview
from game.models import AuditEntry
from game.queues import pauses

pytestmark = pytest.mark.django_db
Login = Callable[..., Client]
LEVERS = [
    ("purge", "purge_queue", {"queue": "scores"}),
    ("pause", "pause_queue", {"queue": "scores"}),
    ("resume", "pause_queue", {"queue": "scores"}),
    ("run", "run_task", {"entry": "persist"}),
]


@pytest.fixture(autouse=True)
def waiting() -> Iterator[Callable[[], int]]:
    """How many tasks wait in the queue of scores; none at the beginning and at the end."""

    def count() -> int:
        with current_app.connection_for_read() as connection:
            queue = current_app.amqp.queues["scores"](connection.default_channel)
            return int(queue.queue_declare().message_count)

    def empty() -> None:
        with current_app.connection_for_write() as connection:
            queue = current_app.amqp.queues["scores"](connection.default_channel)
            queue.queue_declare()
            queue.purge()
        store.redis().delete(pauses.KEY)

    empty()
    yield count
    empty()


@pytest.fixture
def login(client: Client) -> Login:
    def log_in(*may: str) -> Client:
        user = User.objects.create_user("olga", is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__in=may))
        client.force_login(user)
        return client

    return log_in


def pull(client: Client, lever: str, **fields: str) -> tuple[int, dict[str, str]]:
    answer = client.post(reverse(f"admin:metrics_{lever}"), fields)
    return answer.status_code, answer.json()


def audited() -> list[tuple[str, ...]]:
    return list(AuditEntry.objects.values_list("who_name", "action", "target", "detail"))


def test_a_purge_empties_the_queue_at_every_priority(login: Login, waiting: Any) -> None:
    for priority in (0, 3, 9):
        current_app.send_task("game.tasks.persist", queue="scores", priority=priority)
    assert waiting() == 3
    told = pull(login("purge_queue"), "purge", queue="scores")
    assert told == (200, {"done": "What waited in queue scores is gone."})
    assert waiting() == 0
    assert audited() == [("olga", "purge_queue", "scores", "")]


def test_a_pause_is_kept_shown_and_taken_back(login: Login) -> None:
    olga = login("pause_queue", "view_metrics")
    assert pull(olga, "pause", queue="scores")[0] == 200
    assert pauses.read(store.redis()) == {"scores"}
    assert pull(olga, "resume", queue="scores")[0] == 200
    assert pauses.read(store.redis()) == frozenset()
    assert [row[1] for row in audited()] == ["pause_queue", "resume_queue"]


def test_what_is_scheduled_runs_now(login: Login, waiting: Any) -> None:
    told = pull(login("run_task"), "run", entry="persist")
    assert told == (200, {"done": "“persist” was asked for."})
    assert waiting() == 1


@pytest.mark.parametrize("entry", settings.CELERY_BEAT_SCHEDULE)
def test_every_entry_of_the_schedule_is_a_task(entry: str) -> None:
    current_app.loader.import_default_modules()
    assert settings.CELERY_BEAT_SCHEDULE[entry]["task"] in current_app.tasks


@pytest.mark.parametrize(("lever", "permission", "fields"), LEVERS)
def test_a_forged_request_is_refused_and_audited(
    login: Login, waiting: Any, lever: str, permission: str, fields: dict[str, str]
) -> None:
    every = {"purge_queue", "pause_queue", "run_task", "view_metrics"} - {permission}
    status, told = pull(login(*every), lever, **fields)
    assert (status, told) == (403, {"error": "You do not have the permission for this."})
    [(who, _, target, detail)] = audited()
    assert (who, target) == ("olga", *fields.values())
    assert detail == "refused: no permission"
    assert waiting() == 0
    assert pauses.read(store.redis()) == frozenset()


@pytest.mark.parametrize("lever", ["purge", "pause", "resume"])
def test_another_queue_is_refused(login: Login, lever: str) -> None:
    told = pull(login("purge_queue", "pause_queue"), lever, queue="unacked")
    assert told == (400, {"error": "There is no such queue."})


def test_levers_are_shown_to_those_who_may_pull_them(login: Login) -> None:
    page = reverse("admin:metrics")
    shown = login("view_metrics", "purge_queue").get(page).content.decode()
    assert "data-purge" in shown
    assert "data-pause" not in shown
    assert "kgm-schedule" not in shown


def test_a_paused_queue_is_said(login: Login) -> None:
    from game import metrics
    from game.queues import election
    from game.queues.sampler import Sampler

    pauses.pause(store.redis(), "scores")
    metrics.start("web", "here")
    sampler = Sampler(current_app)
    try:
        store.redis().set(election.KEY, metrics.msgspec.json.encode(sampler.sample()))
    finally:
        sampler.close()
    said = [problem["words"] for problem in overview()["status"]["problems"]]
    store.redis().delete(election.KEY)
    assert "Queue scores is paused: 0 tasks waiting" in said
