"""The Celery application: workers that persist scores and clean up, and the beat that asks them to.

Everything that tunes it is in settings under `CELERY_`; the tasks are in game/tasks.py.
"""

import logging
import logging.config
import os
import time
from typing import Any

from celery import Celery
from celery.signals import (
    beat_init,
    before_task_publish,
    celeryd_init,
    setup_logging,
    task_postrun,
    task_prerun,
)
from django.conf import settings
from structlog.contextvars import bind_contextvars, unbind_contextvars

from kogame import broker, checks, lost_redis

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "kogame.settings")
app = Celery("kogame")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
log = logging.getLogger(__name__)


@before_task_publish.connect
def say_when(headers: dict[str, Any] | None = None, **_: Any) -> None:
    """Put the time of publishing (seconds since 1970) into each message: brokers keep none."""
    if headers is not None:
        headers["published_at"] = time.time()


@setup_logging.connect
def log_as_django_does(**_: Any) -> None:
    """Keep the project's logging; LOG_LEVEL sets the level, as in every other process."""
    logging.config.dictConfig(settings.LOGGING)


@task_prerun.connect
def name_the_task(task_id: str, task: Any, **_: Any) -> None:
    """Each line that a task logs says which task it was."""
    bind_contextvars(task=task.name, task_id=task_id)


@task_postrun.connect
def forget_the_task(**_: Any) -> None:
    """What a pool process logs between tasks is of none."""
    unbind_contextvars("task", "task_id")


def _refuse_debug() -> None:
    if settings.DEBUG and settings.KOGAME_ENV != "development":
        # With DEBUG on, Django remembers every query: a process that runs for weeks fills up.
        raise SystemExit(
            "DEBUG is on and KOGAME_ENV is not development: unset DEBUG, it makes this process "
            "remember every database query until the memory is full."
        )


@celeryd_init.connect
def become_worker(conf: Any = None, **_: Any) -> None:
    """Check the settings of a worker, and give it the patience a publisher must not have."""
    _refuse_debug()
    checks.refuse_unless_ready()
    lost_redis.apply()
    conf.broker_transport_options = broker.options(conf.broker_url, broker.WORK_SECONDS)
    conf.broker_connection_timeout = broker.WORK_SECONDS


@beat_init.connect
def become_beat(**_: Any) -> None:
    """Check the settings of beat, which touches no database."""
    _refuse_debug()
    checks.refuse_unless_ready(database=False)
