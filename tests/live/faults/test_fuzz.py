"""What no page would send: each socket is closed with a reason, and the process serves on."""

import asyncio
import collections
import concurrent.futures
import contextlib
import random
import socket
import struct
import time
from collections.abc import Iterator
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, Phase, given, settings, strategies as st

from tests.live.faults.record import record
from tests.live.faults.test_web_process import handshake
from tests.live.stage import Stage, environment, migrated
from tests.live.valkey import Valkey
from tests.player import Player

BAR = "no traceback, no 1011, the process serves on"
FRAMES = 40  # on one socket
AT_ONCE = 16  # sockets: many of them wait for a time-out of the server's
CODES = {1000, 1002, 1003, 1007, 1009, 4001, 4003, 4008, 4010}  # with which a socket may be closed
ANSWER_SECONDS = 20
HELLO = b"\x01\x02"
HONEST = (  # what a page may send, as bytes
    b'\x02{"name":"Bo","colour":3}',
    struct.pack("<BHIBB", 3, 1, 0, 1, 2),
    b"\x04",
    b"\x05\x01\x00",
    b"\x06" + bytes(8),
    b"\x07",
    b"\x08\x01\x00",
)
END = b"\x00\x00"  # a message that is malformed for certain


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A web process and an engine."""
    folder = tmp_path_factory.mktemp("fuzz")
    (folder / "redis").mkdir()
    own = Valkey(folder / "redis")
    own.start()
    try:
        env = environment(folder, own.url, KOGAME_SOCKETS_PER_ADDRESS="1000")
        with migrated(folder, env) as stage:
            stage.start("web", "engine")
            yield stage
    finally:
        own.close()


@pytest.fixture(scope="module")
def room(stage: Stage) -> str:
    """Where they all go."""
    return stage.a_room()


def frame(payload: bytes, first: int = 0x82, *, key: bytes = b"\x01\x02\x03\x04") -> bytes:
    """A client's frame; without a key it is not masked, which is wrong."""
    size, flag = len(payload), 0x80 if key else 0
    if size < 126:
        length = bytes((flag | size,))
    elif size < 65_536:
        length = bytes((flag | 126,)) + size.to_bytes(2, "big")
    else:
        length = bytes((flag | 127,)) + size.to_bytes(8, "big")
    body = bytes(b ^ key[n % 4] for n, b in enumerate(payload)) if key else payload
    return bytes((first,)) + length + key + body


def send(stage: Stage, room: str, *frames: bytes) -> int:
    """Send frames on a socket of their own; the code with which it is closed, 1006 without one."""
    with socket.create_connection(("127.0.0.1", stage.port), ANSWER_SECONDS) as client:
        client.sendall(handshake(stage, room))
        said = b""
        while b"\r\n\r\n" not in said:
            said += client.recv(4096)
        assert b" 101 " in said
        until = time.monotonic() + ANSWER_SECONDS
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):  # before the goodbye
            client.sendall(b"".join(frames))
            while data := client.recv(65_536):
                said += data
                assert time.monotonic() < until, (frames, said[-200:])
    return close_code(said.partition(b"\r\n\r\n")[2])


def close_code(said: bytes) -> int:
    """The code of the close frame in what a server sent."""
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


# --- Real traffic, with mistakes in it -----------------------------------------------------------
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


def traffic(chance: random.Random) -> Iterator[bytes]:
    """Frames of which the first ones are as they should be: not every socket ends at once."""
    well = chance.randrange(FRAMES)
    for number in range(FRAMES):
        message = chance.choice(HONEST) if number else HELLO
        wrong = number >= well
        odd = wrong and chance.random() < 0.02  # then the frame itself is
        first = chance.randrange(256) if odd else 0x82
        yield frame(mutated(message, chance) if wrong else message, first)


# --- What hypothesis thinks of -------------------------------------------------------------------
MESSAGES = st.one_of(
    st.sampled_from(HONEST),
    st.binary(max_size=40),
    st.builds(lambda kind, rest: bytes((kind,)) + rest, st.integers(1, 9), st.binary(max_size=20)),
    st.text(max_size=30).map(lambda text: b"\x02" + text.encode("utf-8", "surrogatepass")),
    st.builds(lambda size: b"\x06" * size, st.sampled_from((125, 126, 4096, 4097, 70_000))),
)
WHOLE = st.builds(frame, MESSAGES)
KEYS = st.sampled_from((b"", b"\x07\x00\xff\x01"))
ODD = st.builds(frame, MESSAGES, st.integers(0, 255), key=KEYS)
SPLIT = st.builds(  # one message in fragments, a control frame between them, or never ended
    lambda message, cut, first, last, ping: (
        frame(message[:cut], first) + ping + frame(message[cut:], last)
    ),
    MESSAGES,
    st.integers(0, 40),
    st.sampled_from((0x02, 0x01)),
    st.sampled_from((0x80, 0x00, 0x82)),
    st.sampled_from((b"", frame(b"?", 0x89), frame(b"x" * 126, 0x89), frame(b"", 0x88))),
)
HALF = st.builds(lambda whole, cut: whole[:-cut] or whole, WHOLE, st.integers(1, 8))
SOCKETS = st.lists(st.one_of(WHOLE, WHOLE, ODD, SPLIT, HALF), min_size=1, max_size=FRAMES)
REQUESTS = st.one_of(
    st.binary(max_size=200),
    st.builds(
        lambda method, path, lines: (
            b" ".join((method, path, b"HTTP/1.1\r\n")) + lines + b"\r\n\r\n"
        ),
        st.sampled_from((b"GET", b"POST", b"BREW", b"\x00")),
        st.sampled_from((b"/", b"/ws/room/", b"/%ff%00", b"//", b"http://", b"\xff")),
        st.sampled_from((b"", b"Content-Length: -1", b"Host", b": x", b"A: " + b"b" * 20_000)),
    ),
)


def generated(examples: int) -> settings:
    """How hypothesis runs: the same examples each time, none of them made smaller."""
    return settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )


def test_frames_that_no_page_would_send(stage: Stage, room: str, full: bool) -> None:
    sockets = 2000 if full else 10
    sent = [[*traffic(random.Random(seed)), frame(END)] for seed in range(sockets)]

    @generated(sockets)
    @given(SOCKETS)
    def invent(invented: list[bytes]) -> None:
        # A half frame swallows what follows, and may wait for more: enough to fill any of them.
        sent.append([frame(HELLO), *invented, frame(END), END * 80_000])

    invent()
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as clients:
        codes = collections.Counter(clients.map(lambda frames: send(stage, room, *frames), sent))
    frames = sum(map(len, sent))
    asyncio.run(serves(stage, room))
    assert 1011 not in codes
    assert codes.pop(1006, 0) <= sockets, codes  # a reset may overtake the goodbye
    assert set(codes) <= CODES, codes
    assert len(codes) >= 3, codes
    assert stage.tracebacks() == []
    record("100,000 fuzzed frames", BAR, frames=frames, sockets=2 * sockets, **named(codes))


def named(codes: "collections.Counter[int]") -> dict[str, int]:
    """Close codes and how often each came, for the record."""
    return {f"closed_{code}": number for code, number in sorted(codes.items())}


def test_requests_that_no_browser_would_send(stage: Stage, room: str, full: bool) -> None:
    @generated(2_000 if full else 60)
    @given(REQUESTS)
    def invent(request: bytes) -> None:
        with socket.create_connection(("127.0.0.1", stage.port), ANSWER_SECONDS) as client:
            client.sendall(request)
            client.shutdown(socket.SHUT_WR)
            try:
                answer = client.recv(4096)
            except ConnectionResetError:
                answer = b""
            assert not answer or answer.startswith(b"HTTP/1.")
            assert b" 500 " not in answer[:20]

    invent()
    asyncio.run(serves(stage, room))
    assert stage.tracebacks() == []


async def serves(stage: Stage, room: str) -> None:
    """Fail unless somebody can come in and play."""
    async with Player(stage.base, room) as ada:
        await ada.join(f"Ada {uuid4().hex[:8]}")  # the last one's seat is held for a while
        async with asyncio.timeout(15):
            while not ada.acked:  # a turn that comes a second late, from a busy machine, is dropped
                await ada.turn(0)
                with contextlib.suppress(TimeoutError):
                    await ada.until(lambda: ada.acked == ada.seq, 1)
