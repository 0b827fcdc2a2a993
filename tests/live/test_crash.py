"""Real processes: rooms outlive their engine, sockets outlive it too, slow readers cost nothing."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator

import pytest
from channels.layers import get_channel_layer

from game import matchmaking, store
from tests import processes
from tests.player import Player


@pytest.fixture(autouse=True)
async def clean() -> AsyncIterator[None]:
    await store.aredis().flushdb()
    yield
    await get_channel_layer().flush()
    await store.close_aredis()


async def test_a_killed_engines_room_goes_on_from_its_last_committed_tick() -> None:
    room = await matchmaking.create_room({"wrap": True}, "", private=False, fill=4)
    with processes.web() as base, processes.engine() as first:
        async with Player(base, room) as ada:
            await ada.join("Ada")
            await ada.until(lambda: ada.state.tick > 30)
            seen: list[tuple[int, int]] = []
            receive = ada.receive

            def note(data: bytes) -> None:
                receive(data)
                seen.append((ada.state.epoch, ada.state.tick))

            ada.receive = note  # type: ignore[method-assign]
            os.killpg(first.pid, signal.SIGKILL)
            epoch = ada.state.epoch
            with processes.engine():
                await ada.until(lambda: ada.state.epoch > epoch, 20)
                committed = max(tick for e, tick in seen if e == epoch)
                resumed = min(tick for e, tick in seen if e > epoch)
                assert resumed > committed  # no tick was shown twice, or taken back
                assert resumed <= committed + 5  # what was in flight when the engine died
                assert ada.state.roster[ada.seat][3] == 0  # the same socket, the same seat
                acked = ada.acked
                await ada.turn(0)
                await ada.until(lambda: ada.acked != acked)
    assert ada.closed == 0


async def test_a_frozen_engine_that_wakes_changes_nothing() -> None:
    room = await matchmaking.create_room({"wrap": True}, "", private=False, fill=4)
    with processes.web() as base, processes.engine() as first:
        async with Player(base, room) as ada:
            await ada.join("Ada")
            await ada.until(lambda: ada.state.tick > 20)
            epoch = ada.state.epoch
            os.killpg(first.pid, signal.SIGSTOP)
            with processes.engine():
                await ada.until(lambda: ada.state.epoch > epoch, 20)
                new = ada.state.epoch
                os.killpg(first.pid, signal.SIGCONT)
                tick = ada.state.tick
                await ada.until(lambda: ada.state.tick > tick + 20)
                assert ada.state.epoch == new
                assert ada.state.gaps == 0


async def test_who_never_reads_is_cut_off_and_the_others_miss_nothing() -> None:
    """A client that does not read holds bounded memory, and is closed with a reason."""
    room = await matchmaking.create_room(
        {"width": 80, "height": 60}, "", private=False, capacity=64, fill=64
    )
    with processes.web() as base, processes.engine():
        async with Player(base, room) as ada, Player(base, room) as stuck:
            await stuck.until(lambda: stuck.state.known)
            await ada.join("Ada")
            stuck.socket.transport.pause_reading()  # type: ignore[attr-defined]
            start = ada.state.tick
            await ada.until(lambda: ada.state.tick > start + 100, 30)
            assert ada.state.gaps == 0
            await ada.until(lambda: _slow() >= 1 or _closed(4013) >= 1, 30)
            await ada.until(lambda: _closed(4013) >= 1, 40)


def _report() -> dict[str, dict[str, float]]:
    import json

    for key in store.redis().scan_iter("kg:proc:web:*"):
        body = store.redis().get(key)
        if body:
            return dict(json.loads(body))  # type: ignore[arg-type]
    return {"gauges": {}, "counters": {}}


def _slow() -> float:
    return _report()["gauges"].get("web.slow_clients", 0)


def _closed(code: int) -> float:
    return _report()["counters"].get(f"web.closed.{code}", 0)


async def test_idle_sockets_stay_open_for_half_a_minute() -> None:
    """The library's default time-out of 5 s would close them; elapsed time is the subject."""
    room = await matchmaking.create_room({}, "", private=False)
    with processes.web() as base, processes.engine():
        async with Player(base, room) as ada:
            await ada.until(lambda: ada.state.known)
            end = asyncio.get_running_loop().time() + 30
            await ada.until(lambda: asyncio.get_running_loop().time() > end, 40)
            assert ada.closed == 0
            assert ada.state.gaps == 0
