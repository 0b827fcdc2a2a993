"""The channel layer: bounded, and never deaf."""

import asyncio

import pytest
from redis.exceptions import ConnectionError

from game import layer, metrics
from game.layer import Inbox, Layer


def test_what_nobody_reads_is_bounded_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layer, "WAITING_BOUND", 2)
    metrics.start("engine", "test")
    inbox = Inbox()
    for message in (b"1", b"2", b"3", b"4"):
        inbox.put_nowait(message)
    assert [inbox.get_nowait() for _ in range(2)] == [b"1", b"2"]
    assert inbox.empty()
    assert metrics.report()["counters"]["layer.dropped"] == 2


async def test_a_channel_that_could_not_be_subscribed_is_subscribed_at_the_next_try() -> None:
    away = Layer(hosts=[{"address": "unix:///nowhere/redis.sock"}])
    for _ in range(2):  # the original would wait for ever at the second
        with pytest.raises(ConnectionError):
            async with asyncio.timeout(5):
                await away.receive("engine.test")
    await away.flush()
