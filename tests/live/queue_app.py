"""A Celery application for tests of queue length: any broker, its own queues, tasks that wait."""

import os

import redis
from celery import Celery

NAMES = [f"{name}{os.environ['QUEUE_SUFFIX']}" for name in ("scores", "odd \"q', ü ")]

app = Celery("queue_app", broker=os.environ["QUEUE_BROKER"], include=["game.worker_report"])
app.conf.update(
    task_queues={name: {} for name in NAMES},
    task_default_queue=NAMES[0],
    task_acks_late=True,
    task_ignore_result=True,
    worker_prefetch_multiplier=4,
    worker_hijack_root_logger=False,
)


@app.task(name="hold")
def hold(until: str) -> None:
    """Run until there is something in a Redis list."""
    redis.Redis.from_url(os.environ["REDIS_URL"], socket_timeout=None).blpop([until], timeout=50)
