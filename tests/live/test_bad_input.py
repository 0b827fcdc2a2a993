"""What goes wrong around Kogame: it says so, says what to do, and loses no score."""

import asyncio
import collections
import contextlib
import itertools
import json
import random
import struct
import time
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

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
from tests.player import Player, cookie
from tests.processes import free_port

pytestmark = pytest.mark.timeout(120)

SPAWN = 2  # Snek's action "Play again"
FULL, TAKEN, WAITING = 1, 2, 5  # errors of the wire
MEANING = {
    "dies": "Redis does not answer",
    "hangs": "does not answer",
    "refuses": "REDIS_URL must name the primary",
}
HELLO = b"\x01\x02"
HONEST = (  # what a page may send, as bytes
    b'\x02{"name":"Bo","colour":3}',
    struct.pack("<BHIBB", 3, 1, 0, 1, 2),
    b"\x04",
    b"\x05\x01\x00",
    b"\x06" + bytes(8),
    b"\x07",
)


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    """The Redis of the stage."""
    own = Valkey(tmp_path_factory.mktemp("redis"))
    own.start()
    yield own
    own.close()


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    """The task broker of the stage: apart from its Redis, so that either can be away."""
    own = Valkey(tmp_path_factory.mktemp("broker"))
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
def stage(
    redis: Valkey, broker: Valkey, full: Disk, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    """All of Kogame, running."""
    logs = tmp_path_factory.mktemp("logs")
    env = environment(full.folder, redis.url, CELERY_BROKER_URL=f"redis+socket://{broker.socket}")
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


def longest_gap(player: Player, since: float) -> float:
    """The longest time without a frame, in seconds."""
    times = [since, *(at for at in player.frame_times if at > since), time.monotonic()]
    return max(after - before for before, after in itertools.pairwise(times))


# --- While people play -----------------------------------------------------------------------
@pytest.mark.parametrize("how", ["dies", "hangs", "refuses"])
async def test_redis_is_away_for_seconds(stage: Stage, redis: Valkey, how: str) -> None:
    """Longer than a lease lasts. Nobody loses the socket, the seat or a score."""
    room = await asyncio.to_thread(stage.a_room)
    async with Player(stage.base, room) as ada:
        await ada.join("Ada")
        first, seat = await died(ada), ada.seat
        tick = ada.state.tick
        try:
            redis.lose(how)
            await ada.until(lambda: WAITING in ada.errors)
            status, page = await asyncio.to_thread(stage.get, "/")
            assert status == 200
            if how != "refuses":
                assert "The game server does not answer" in page
            await asyncio.sleep(1.0)  # the time it is away is the subject
        finally:
            redis.come_back(how)
        await ada.until(lambda: ada.state.tick > tick + 3, 20)
        assert ada.state.roster[seat][3] == 0  # still a person's
        await plays(ada)
        await saved(stage, first, await died(ada))
        assert not ada.closed
    assert MEANING[how] in stage.said("engine")
    assert stage.tracebacks() == []


async def test_the_broker_is_away(stage: Stage, broker: Valkey) -> None:
    """Neither frames nor pages wait for it; the scores do."""
    room = await asyncio.to_thread(stage.a_room)
    async with Player(stage.base, room) as ada:
        await ada.join("Ada")
        await ada.until(lambda: ada.state.body(ada.seat))
        broker.lose("dies")
        try:
            since = time.monotonic()
            life = await died(ada)
            for path in ("/", "/leaderboard/", f"/r/{room}/"):
                began = time.monotonic()
                assert (await asyncio.to_thread(stage.get, path))[0] == 200
                assert time.monotonic() - began < 1
            await ada.until(lambda: "task broker does not take" in stage.said("engine"))
            assert longest_gap(ada, since) < 0.5
        finally:
            broker.come_back("dies")
        await saved(stage, life)
    assert stage.tracebacks() == []


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
            status, page = await asyncio.to_thread(stage.get, "/leaderboard/")
            assert (status, NO_SCORES in page) == (503, True)
            await plays(ada)
            await ada.until(lambda: "Scores cannot be saved" in stage.said("worker"), 30)
        finally:
            full.empty()
        await saved(stage, life)
    assert "disk has room" in stage.said("web")
    assert "disk has room" in stage.said("worker")
    assert stage.tracebacks() == []


async def test_malformed_frames(stage: Stage) -> None:
    """20,000 of them: each socket is closed with a reason, and the process serves on."""
    room = await asyncio.to_thread(stage.a_room)
    async with Player(stage.base, room) as ada:
        await ada.join("Ada")
        codes: collections.Counter[int] = collections.Counter()
        for first in range(0, 500, 100):
            batch = range(first, first + 100)
            ends = await asyncio.gather(*(fuzz(stage.base, room, number) for number in batch))
            codes.update(ends)
            await plays(ada)
    assert sum(codes.values()) == 500
    assert codes.pop(1006, 0) <= 5  # a reset may overtake the goodbye
    assert set(codes) <= {1002, 1007, 1009, 4001, 4008, 4010}, codes
    assert len(codes) >= 4, codes
    assert stage.tracebacks() == []


class Wire(asyncio.Protocol):
    """A connection without manners: what comes in is kept, and how it ends does not matter."""

    def __init__(self) -> None:
        self.said = b""
        self.heard = asyncio.Event()
        self.over = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        self.said += data
        self.heard.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self.over.set()


async def fuzz(base: str, room: str, seed: int) -> int:
    """Send 40 frames, most of them wrong, on a socket of its own; the code it is closed with."""
    address, chance = urlsplit(base), random.Random(seed)
    loop = asyncio.get_running_loop()
    transport, wire = await loop.create_connection(Wire, address.hostname, address.port)
    guest = uuid.UUID(int=chance.getrandbits(128))
    lines = (
        f"GET /ws/room/{room}/ HTTP/1.1",
        f"Host: {address.netloc}",
        f"Origin: {base}",
        f"Cookie: {cookie(guest)}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
    )
    transport.write("\r\n".join((*lines, "", "")).encode())
    async with asyncio.timeout(20):
        await wire.heard.wait()
        well = chance.randrange(40)  # as many are as they should be: not all end at the first
        frames = []
        for number in range(40):
            message = chance.choice(HONEST) if number else HELLO
            wrong = number >= well
            frames.append(masked(mutated(message, chance) if wrong else message, wrong, chance))
        frames.append(masked(bytes(2), False, chance))  # the last is malformed for certain
        transport.write(b"".join(frames))
        await wire.over.wait()
    head, _, said = wire.said.partition(b"\r\n\r\n")
    assert b" 101 " in head
    return close_code(said)


def mutated(message: bytes, chance: random.Random) -> bytes:
    """A message with some of its bytes changed, taken out or put in; or nothing but noise."""
    data = bytearray(message)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(data) + 1)
        match chance.randrange(4):
            case 0:
                data[at : at + 1] = chance.randbytes(1)
            case 1:
                del data[at : at + chance.randint(1, 4)]
            case 2:
                data[at:at] = chance.randbytes(chance.choice((1, 1, 2, 2, 50, 50, 600, 5000)))
            case 3:
                data = bytearray(chance.randbytes(chance.randrange(64)))
    return bytes(data)


def masked(payload: bytes, wrong: bool, chance: random.Random) -> bytes:
    """A client's frame; where something is to be wrong, sometimes the frame itself is."""
    head = 0x82
    if wrong and chance.random() < 0.02:
        head = chance.randrange(256)
    size = len(payload)
    length = bytes((0x80 | size,)) if size < 126 else b"\xfe" + size.to_bytes(2, "big")
    key = chance.randbytes(4)
    return bytes((head,)) + length + key + bytes(b ^ key[n % 4] for n, b in enumerate(payload))


def close_code(said: bytes) -> int:
    """The code of the close frame in what a server sent; 1006 without one."""
    at, code = 0, 1006
    while at + 2 <= len(said):
        kind, size = said[at] & 0x0F, said[at + 1]
        at += 2
        if size >= 126:
            wide = 2 if size == 126 else 8
            size, at = int.from_bytes(said[at : at + wide], "big"), at + wide
        if kind == 8:
            code = int.from_bytes(said[at : at + 2], "big")
        at += size
    return code


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
