"""Lets a worker outlive its Redis: kombu 5.7.0 trips over its own broken connection.

When Redis goes away while a task is running, the worker closes the connection, and then looks in
it for the way to the server: to give the task back, and later to acknowledge it. The connection is
taken apart by then, and the worker ends with "'NoneType' object has no attribute 'hostname'". Said
as what it is, a lost connection, the worker expects it and connects anew; the task is given out
again after the visibility time-out. A drill in tests/live/test_celery_drills.py holds it.
"""

from typing import Any

import redis
from kombu.transport.redis import Channel

_connparams: Any = Channel._connparams


def _connparams_while_connected(self: Any, asynchronous: bool = False) -> Any:
    if self.connection is None or self.connection.client is None:
        raise redis.ConnectionError("The connection of this channel has been closed.")
    return _connparams(self, asynchronous)


def apply() -> None:
    """Do so in this process."""
    setattr(Channel, "_connparams", _connparams_while_connected)  # noqa: B010  (kombu has no types)
