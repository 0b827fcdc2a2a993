"""Which broker Celery talks to, and how long it may wait for it."""

from typing import Any

from game.queues.address import is_redis

# Seconds a process that only publishes (web, engine, beat) waits for one answer of the broker.
# Short: whoever nudges is on the way of a score, and beat asks again in ten seconds anyway.
PUBLISH_SECONDS = 0.7
WORK_SECONDS = 10.0  # a worker has time: a reconnect in the middle of its loop costs more
# Seconds after which Redis hands a fetched but unacknowledged task to another worker. Above the
# hard limit of a task (settings), or a slow task would be given out twice.
VISIBLE_AGAIN = 60


def options(broker_url: str, seconds: float = PUBLISH_SECONDS) -> dict[str, Any]:
    """The transport's options, with `seconds` as the longest wait for one answer."""
    if is_redis(broker_url):
        return {
            "socket_timeout": seconds,
            "socket_connect_timeout": seconds,
            "visibility_timeout": VISIBLE_AGAIN,
            "unacked_restore_interval": 5,  # seconds between looks for tasks of dead workers
            "unacked_restore_throttle": 1,  # look each time, not each tenth
            # A worker killed while it looks must not keep the others from it for five minutes.
            "unacked_mutex_expire": 10,
            "health_check_interval": 10,  # seconds; a half-open connection is dropped after that
        }
    return {
        # Who publishes tries once more, at once; kombu would sleep two seconds in between, and
        # not look at the time-out meanwhile. Workers have their own, endless patience.
        "max_retries": 1,
        "interval_start": 0,
        "confirm_publish": True,  # published means that RabbitMQ has it
        "read_timeout": seconds,
        "write_timeout": seconds,
    }
