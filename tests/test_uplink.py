"""The way to the engines: what waits at the end is sent, and a Redis that is away is said once."""

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
import redis
from channels.layers import get_channel_layer
from structlog.contextvars import bound_contextvars, get_contextvars

from game import metrics, protocol, store
from game.hub import uplink as uplink_module
from game.hub.uplink import Uplink
from game.protocol import Drop


@pytest.fixture
async def uplink() -> AsyncIterator[Uplink]:
    metrics.start("web", "here")
    store.away.over()
    own = Uplink()
    yield own
    await own.close()
    store.away.over()
    await get_channel_layer().flush()


async def test_what_waits_when_the_process_ends_is_still_sent(uplink: Uplink) -> None:
    layer = get_channel_layer()
    receiving = asyncio.create_task(layer.receive("engine.e1"))
    async with asyncio.timeout(5):
        while not await store.aredis().pubsub_channels("*engine.e1*"):
            await asyncio.sleep(0)
    uplink.put("e1", "abc", Drop("w:1"))
    await uplink.close()
    uplink.put("e1", "abc", Drop("w:2"))
    async with asyncio.timeout(5):
        message = await receiving
    assert protocol.decode_batch(message["batch"]) == [("abc", Drop("w:1"))]
    await store.close_aredis()


async def test_an_end_does_not_wait_for_a_redis_that_hangs(
    uplink: Uplink, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang(*_: Any) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(get_channel_layer(), "send", hang)
    monkeypatch.setattr(uplink_module, "FLUSH_SECONDS", 0.02)
    uplink.put("e1", "abc", Drop("w:1"))
    async with asyncio.timeout(uplink_module.SEND_SECONDS / 2):
        await uplink.close()


async def test_an_outage_is_said_once_and_of_nobody(
    uplink: Uplink, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    bound: list[dict[str, Any]] = []

    async def fail(*_: Any) -> None:
        bound.append(get_contextvars())
        raise redis.ConnectionError("away")

    monkeypatch.setattr(get_channel_layer(), "send", fail)
    caplog.set_level(logging.WARNING, "game")
    monkeypatch.setattr(store.away, "_over", float("-inf"))  # no outage was just before
    for number in range(3):
        with bound_contextvars(player="ada"):
            uplink.put("e1", "abc", Drop(f"w:{number}"))
        async with asyncio.timeout(5):
            while uplink._senders:
                await asyncio.sleep(0.001)
    assert bound == [{}, {}, {}]
    assert len(caplog.records) == 1
    assert "Redis does not answer" in caplog.text
    assert metrics.report()["counters"]["web.inputs_dropped"] == 3
