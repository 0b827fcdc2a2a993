"""What goes wrong around Kogame: it says so, says what to do, and loses no score."""

import asyncio
import contextlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from game import store
from game.errors import NO_SCORES
from tests.live.fleet import until
from tests.live.stage import (
    COMMANDS,
    START_SECONDS,
    Stage,
    disk,
    end,
    environment,
    migrated,
    start,
)
from tests.live.valkey import Valkey
from tests.player import Player
from tests.processes import free_port

pytestmark = pytest.mark.timeout(120)

SPAWN = 2  # Snek's action "Play again"
FULL, TAKEN = 1, 2  # errors of the wire


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    """The Redis of the stage."""
    own = Valkey(tmp_path_factory.mktemp("redis"))
    own.start()
    yield own
    own.close()


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Disk"]:
    """A small disk for the state of the stage."""
    folder = tmp_path_factory.mktemp("disk")
    with disk(folder, megabytes=48) as small:
        yield Disk(folder, small)


class Disk:
    """A folder whose disk can be filled, where this user may mount one."""

    def __init__(self, folder: Path, small: bool) -> None:
        self.folder, self.small = folder, small
        self._ballast = folder / "ballast"

    def fill(self) -> None:
        """Leave no byte free."""
        with self._ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(bytes(4096)):
                pass

    def empty(self) -> None:
        """Make room again."""
        self._ballast.unlink(missing_ok=True)


@pytest.fixture(scope="module")
def stage(redis: Valkey, full: Disk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """All of Kogame, running."""
    logs = tmp_path_factory.mktemp("logs")
    env = environment(full.folder, redis.url)
    with migrated(logs, env) as stage:
        stage.start("web", "engine", "worker", "beat")
        yield stage


async def died(player: Player) -> str:
    """Let a player run into a wall; answers the life's id."""
    known = set(player.notes)
    await player.until(lambda: set(player.notes) - known, 20)
    return str(player.notes[max(player.notes)]["life"])


async def saved(stage: Stage, *lives: str) -> None:
    """Wait until lives stand in the database."""

    def so() -> bool:
        answers = [stage.get(f"/api/lives/{life}/")[1] for life in lives]
        return all(json.loads(answer).get("saved") for answer in answers)

    await asyncio.to_thread(until, so, "the lives were saved", 30)


async def plays(player: Player) -> None:
    """Wait until a player's action counts, which takes every process on its way."""
    await player.act(SPAWN)
    await player.until(lambda: player.acked == player.seq, 15)


# --- While people play -----------------------------------------------------------------------
async def test_the_databases_disk_is_full(stage: Stage, full: Disk) -> None:
    """The game goes on, the pages say what they cannot show, and the scores wait."""
    if not full.small:
        pytest.skip("only root may mount a small disk")
    room = await asyncio.to_thread(stage.a_room)
    async with Player(stage.base, room) as ada:
        await ada.join("Ada")
        full.fill()
        try:
            life = await died(ada)
            assert (await asyncio.to_thread(stage.get, "/"))[0] == 200
            assert (await asyncio.to_thread(stage.get, f"/r/{room}/"))[0] == 200
            # Shown by a process that has the database open already, which to read takes no room.
            status, page = await asyncio.to_thread(stage.get, "/leaderboard/")
            assert (status, NO_SCORES in page) in ((200, False), (503, True))
            await plays(ada)
            await ada.until(lambda: "Scores cannot be saved" in stage.said("worker"), 30)
        finally:
            full.empty()
        await saved(stage, life)
    assert "disk has room" in stage.said("worker")
    assert stage.tracebacks() == []


async def test_a_room_that_is_full_gone_or_never_was(stage: Stage) -> None:
    status, page = await asyncio.to_thread(stage.get, "/r/nowhere/")
    assert status == 404
    assert "gone" in page
    room = await asyncio.to_thread(stage.a_room)  # small: eight people
    async with contextlib.AsyncExitStack() as stack:
        players = [await stack.enter_async_context(Player(stage.base, room)) for _ in range(9)]
        for number, player in enumerate(players):
            await player.join(f"P{number}")
        assert [player.errors for player in players] == [[]] * 8 + [[FULL]]
        await players[8].until(lambda: players[8].state.known)  # and may watch
        late = await stack.enter_async_context(Player(stage.base, room))
        await late.join("p0")
        assert late.errors == [TAKEN]
    async with Player(stage.base, "nowhere") as lost:
        assert await lost.until_closed() == 4004


# --- At the start ----------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("kinds", "change", "words"),
    [
        (COMMANDS, {"REDIS_URL": "redis://127.0.0.1:1/0"}, "Redis does not answer at redis://127"),
        (("worker", "beat"), {"REDIS_URL": "http://host/0"}, "REDIS_URL is not an address"),
        (("web", "beat", "run"), {"KOGAME_STATE_DIR": "/proc/kogame"}, "et KOGAME_STATE_DIR to"),
        (("worker", "run"), {"CELERY_BROKER_URL": "kafka://x"}, "CELERY_BROKER_URL begins with"),
        (("web", "worker"), {"DATABASE_URL": "sqlite:///{new}"}, "Run `python manage.py migrate`"),
    ],
    ids=["redis away", "redis address", "folder", "broker", "migrations"],
)
def test_what_stops_a_start_is_said_in_a_sentence(
    stage: Stage, tmp_path: Path, kinds: Iterable[str], change: dict[str, str], words: str
) -> None:
    port = free_port()
    env = stage.env | {"PORT": str(port)}
    env |= {name: value.format(new=tmp_path / "new") for name, value in change.items()}
    started = {kind: start(kind, tmp_path / kind, env, port) for kind in kinds}
    try:
        for kind, process in started.items():
            assert process.wait(START_SECONDS) != 0
            said = (tmp_path / kind).read_text()
            assert words in said, (kind, said)
            assert "Traceback" not in said
            assert len(said.splitlines()) <= 5, (kind, said)
    finally:
        for process in started.values():
            end(process)


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("redis://no-such-host.invalid/0", "does not answer at redis://no-such-host.invalid/0"),
        ("nonsense", "REDIS_URL is not an address Redis understands"),
        ("unix://{socket}", "wants another login"),
        ("unix://:wrong@{socket}", "wants another login"),
        ("unix://:secret@{socket}", "Set `maxmemory-policy noeviction`"),
    ],
    ids=["host", "no address", "no login", "wrong login", "evicts"],
)
def test_a_redis_that_must_not_be_used(
    strict: Valkey, settings: Any, address: str, words: str
) -> None:
    settings.REDIS_URL = address.format(socket=strict.socket)
    store.redis.cache_clear()
    with pytest.raises(store.Unfit) as refusal:
        store.check()
    store.redis.cache_clear()
    assert words in str(refusal.value)
    assert "secret" not in str(refusal.value)


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    """A Redis that wants a password and throws away what is used least."""
    folder = tmp_path_factory.mktemp("strict")
    own = Valkey(folder, requirepass="secret", maxmemory_policy="allkeys-lru", maxmemory="100mb")
    own.start()
    yield own
    own.close()
