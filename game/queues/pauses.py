"""Queues that an operator has paused: workers leave their tasks where they are.

What is wanted stands in Redis, and every worker looks once a second: a worker that starts later,
or that missed a message, pauses as well.
"""

import logging
from typing import Any, cast

import redis

log = logging.getLogger(__name__)

KEY = "kg:queues:paused"  # set: names
NAMES_MOST = 200  # queues that can be paused; there are no more than that


def read(server: "redis.Redis") -> frozenset[str]:
    """The names of the paused queues; raises redis' errors."""
    names = cast("set[bytes]", server.smembers(KEY))
    return frozenset(name.decode(errors="replace") for name in list(names)[:NAMES_MOST])


def pause(server: "redis.Redis", queue: str) -> None:
    """Have workers take nothing more from a queue; what they have fetched they end."""
    server.sadd(KEY, queue)


def resume(server: "redis.Redis", queue: str) -> None:
    """Have them take from it again."""
    server.srem(KEY, queue)


def follow(consumer: Any, own: frozenset[str], paused: frozenset[str]) -> None:
    """Make a Celery consumer take from those of its own queues that are not paused.

    To be called in the worker's main loop.
    """
    taken = set(consumer.app.amqp.queues.consume_from)
    for queue in own & paused & taken:
        consumer.cancel_task_queue(queue)
    for queue in own - paused - taken:
        consumer.add_task_queue(queue)
