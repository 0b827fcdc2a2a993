"""Lets a worker outlive its Redis: kombu 5.7.0 trips over its own broken connection.

When Redis goes away while a task is running, the worker closes the connection, and then looks in
it for the way to the server: to give the task back, and later to acknowledge it. The connection is
taken apart by then, and the worker ends with "'NoneType' object has no attribute 'hostname'". Said
as what it is, a lost connection, the worker expects it and connects anew.

And when Redis hangs while a task ends, its acknowledgement fails, and the worker takes the task for
one that it still works on: with as many of them as it may fetch, it never fetches another.

Either way the task is given out again after the visibility time-out. The drills in
tests/live/faults hold both.
"""

from collections.abc import Callable
from typing import Any

import redis
from kombu.transport.redis import Channel, QoS
from kombu.transport.virtual import base

_connparams: Any = Channel._connparams


def _connparams_while_connected(self: Any, asynchronous: bool = False) -> Any:
    if self.connection is None or self.connection.client is None:
        raise redis.ConnectionError("The connection of this channel has been closed.")
    return _connparams(self, asynchronous)


def _or_forgotten(done: Callable[..., None]) -> Callable[..., None]:
    """An acknowledgement after which the task is off this worker's hands, whatever Redis says."""

    def acknowledge(self: Any, delivery_tag: str, *args: Any, **options: Any) -> None:
        try:
            done(self, delivery_tag, *args, **options)
        except BaseException:
            base.QoS.ack(self, delivery_tag)  # type: ignore[no-untyped-call]
            raise

    return acknowledge


def apply() -> None:
    """Do so in this process."""
    setattr(Channel, "_connparams", _connparams_while_connected)  # noqa: B010  (kombu has no types)
    setattr(QoS, "ack", _or_forgotten(QoS.ack))  # noqa: B010
    setattr(QoS, "reject", _or_forgotten(QoS.reject))  # noqa: B010
