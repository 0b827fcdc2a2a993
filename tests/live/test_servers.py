"""Kogame on servers that are not its own: any ASGI server will do, on the portable way out."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import websockets
from channels.layers import get_channel_layer
from websockets.exceptions import InvalidStatus

from game import matchmaking, store
from tests import processes
from tests.live.fleet import ROOT, until
from tests.live.stage import end
from tests.player import Player

COMMANDS = {
    "daphne": ["-m", "daphne", "kogame.asgi:application", "--port"],
    "uvicorn": ["-m", "uvicorn", "kogame.asgi:application", "--port"],
}


@pytest.fixture(autouse=True)
async def clean() -> AsyncIterator[None]:
    await store.aredis().flushdb()
    yield
    await get_channel_layer().flush()
    await store.close_aredis()


@contextmanager
def served(server: str, log: Path) -> Iterator[str]:
    """The address of the application on a server."""
    processes.migrated()
    port = processes.free_port()
    base = f"http://127.0.0.1:{port}"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, *COMMANDS[server], str(port)],
            cwd=ROOT,
            env=os.environ,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
    try:
        until(lambda: processes.answers(f"{base}/healthz"), f"{server} served", 30)
        yield base
    finally:
        end(process)


@pytest.mark.parametrize("server", sorted(COMMANDS))
async def test_people_play_on_any_server(server: str, tmp_path: Path) -> None:
    """Two see each other, one is told what is wrong, and pages are answered."""
    log = tmp_path / "log"
    room = await matchmaking.create_room({"wrap": True, "rocks": 0}, "", private=False, fill=0)
    with served(server, log) as base, processes.engine():
        async with Player(base, room) as ada, Player(base, room) as bo:
            for player in (ada, bo):
                await player.until(lambda player=player: player.state.known)
            await ada.join("Ada")
            await bo.join("Bo")
            await ada.until(lambda: ada.state.body(bo.seat) and ada.state.body(ada.seat))
            await ada.turn(0)
            await ada.until(lambda: ada.acked == ada.seq)
            await ada.until(lambda: len(ada.frame_times) > 30)
            assert ada.state.gaps == 0
            await bo.socket.send(b"\xff")
            assert await bo.until_closed() == 4010
            assert not ada.closed
        with pytest.raises(InvalidStatus) as refused:
            await websockets.connect(f"{base.replace('http', 'ws')}/ws/nothing/")
        assert refused.value.response.status_code == 403
        assert await asyncio.to_thread(processes.answers, f"{base}/")
    assert "Traceback" not in log.read_text()
