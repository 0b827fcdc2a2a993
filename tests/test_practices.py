"""Ways of working that a slip would undo silently: no signals, no sessions, tasks with manners."""

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from celery.schedules import crontab
from django.conf import settings
from django.core import signals as core
from django.db import transaction
from django.db.backends import signals as backends
from django.db.models import signals as models

from game import scores
from game.queues import address
from kogame import broker
from kogame.celery import app
from tests import factory

ROOT = Path(__file__).resolve().parent.parent
SIGNALS = {
    f"{module.__name__}.{name}": signal
    for module in (models, core, backends)
    for name, signal in vars(module).items()
    if hasattr(signal, "receivers")
}


def modules() -> Iterator[tuple[str, ast.Module]]:
    """Every module of the project with its syntax tree."""
    for folder in ("game", "kogame"):
        for path in (ROOT / folder).rglob("*.py"):
            yield str(path.relative_to(ROOT)), ast.parse(path.read_text())


# --- Signals ---------------------------------------------------------------------------------
def test_nothing_here_hangs_on_djangos_signals() -> None:
    """What happens on a save stands where the save is; a test needs to suspend nothing."""
    found = [
        f"{name}: {receiver}"
        for name, signal in SIGNALS.items()
        for _, reference, *_ in signal.receivers
        if (receiver := getattr(reference, "__self__", None) or reference()) is not None
        and (inspect.getmodule(receiver) or receiver).__name__.split(".")[0] in ("game", "kogame")
    ]
    assert found == []
    for path, tree in modules():
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module:
                assert node.module not in {"django.dispatch", "django.db.models.signals"}, path


# --- Sessions --------------------------------------------------------------------------------
def test_nothing_in_the_game_touches_a_session() -> None:
    """Sockets, tasks and pages know guests by a signed cookie; only the admin has sessions.

    One module reads them: it lets the admin's operators into the console's sockets.
    """
    for path, tree in modules():
        if path == "game/console/operators.py":
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute):
                assert node.attr not in {"session", "SessionStore"}, f"{path}:{node.lineno}"
            if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
                assert node.slice.value != "session", f"{path}:{node.lineno}"
            if isinstance(node, ast.ImportFrom) and node.module:
                assert not node.module.startswith("channels.sessions"), path
                assert node.module != "channels.auth", path  # it would load and save sessions
                session_models = node.module.startswith("django.contrib.sessions")
                assert not session_models or path == "game/tasks.py", path  # deletes expired ones


# --- Tasks -----------------------------------------------------------------------------------
def own_tasks() -> dict[str, Any]:
    app.loader.import_default_modules()
    return {name: task for name, task in app.tasks.items() if name.startswith("game.")}


def test_every_task_of_the_schedule_exists_and_may_expire() -> None:
    for name, entry in settings.CELERY_BEAT_SCHEDULE.items():
        assert entry["task"] in own_tasks(), name
        assert entry["options"]["expires"] > 0, f"{name} would pile up while workers are away"
        assert isinstance(entry["schedule"], float | crontab), name


def test_tasks_have_manners() -> None:
    conf = app.conf
    assert conf.task_acks_late
    assert conf.task_reject_on_worker_lost
    assert conf.task_ignore_result
    assert not conf.result_backend
    assert not conf.task_always_eager
    assert conf.accept_content == ["json"]
    assert conf.task_serializer == "json"
    assert conf.worker_prefetch_multiplier == 1
    assert conf.worker_max_tasks_per_child
    assert not conf.task_publish_retry
    assert conf.broker_connection_retry_on_startup
    assert conf.broker_connection_max_retries is None
    assert conf.task_soft_time_limit < conf.task_time_limit < broker.VISIBLE_AGAIN
    for name, task in own_tasks().items():
        if name == "game.tasks.persist":
            continue  # one try for all who ask, not one for each
        assert task.max_retries is not None, name
        assert task.retry_backoff, name
        assert task.retry_jitter, name
        assert task.ignore_result, name


def test_tasks_go_to_one_of_the_two_queues() -> None:
    for name in own_tasks():
        queue = app.amqp.router.route({}, name)["queue"].name
        assert queue == ("scores" if name.endswith((".persist", ".announce")) else "maintenance")


def test_no_error_is_sent_by_mail() -> None:
    assert settings.ADMINS == settings.MANAGERS == []


def test_no_task_is_asked_for_inside_a_transaction() -> None:
    """Outside the tasks and the schedule, the ways to a broker are `nudge` and `after_commit`."""
    for path, tree in modules():
        if path in {"game/tasks.py", "kogame/beat.py"}:
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute):
                assert node.attr not in {"delay", "apply_async", "send_task"}, f"{path} asks"


@pytest.mark.django_db(transaction=True)
def test_a_lives_batch_refuses_to_be_part_of_another_transaction() -> None:
    """It acknowledges after its commit, so the commit must be its own."""
    factory.empty()
    factory.put(factory.told())
    with transaction.atomic(), pytest.raises(RuntimeError, match="durable"):
        scores.persist()
    factory.empty()


@pytest.mark.parametrize(
    ("redis", "celery"),
    [
        ("redis://127.0.0.1:6379/0", "redis://127.0.0.1:6379/0"),
        ("rediss://user:word@host:1/2", "rediss://user:word@host:1/2"),
        ("unix:///run/kg/redis.sock", "redis+socket:///run/kg/redis.sock?virtual_host=0"),
        ("unix:///a%20b/r.sock?db=3", "redis+socket:///a%20b/r.sock?virtual_host=3"),
        ("unix://:word@/r.sock", "redis+socket://:word@/r.sock?virtual_host=0"),
    ],
)
def test_celery_finds_redis_where_the_rest_does(redis: str, celery: str) -> None:
    assert address.url(redis) == celery
    assert address.is_redis(celery)
    assert not address.is_redis("amqp://guest@localhost//")
