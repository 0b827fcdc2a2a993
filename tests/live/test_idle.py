"""Nothing closes a socket that merely watches."""

import asyncio
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
