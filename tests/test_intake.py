"""Messages taken beneath the dispatch: the same, in the same order, as autobahn alone would give.

On a real transport; these fail when Twisted, autobahn or daphne changes beneath.
"""

import asyncio
import random
import socket
import subprocess
from collections.abc import AsyncIterator
from typing import Any

import pytest
import websockets
from twisted.internet import error
from twisted.python import failure
from websockets.exceptions import ConnectionClosedError

from kogame import intake
from tests.beneath import Beneath, Plain, beneath, client_frame, passes, read, runner

SPLITS = 4_000  # of random streams, at random places


class Taking(Plain):
    """Takes messages beneath the dispatch, unless they begin with "no"."""

    got = 0  # bytes that were read

    def onOpen(self) -> None:
        self.reader = intake.read_directly(self, self.factory.long_way)
        super().onOpen()

    def taken(self, payload: bytes) -> bool:
        if payload.startswith(b"no"):
            return False
        self.got += intake.HEAD + len(payload)
        self.factory.heard.append((payload, True))
        return True

    def dataReceived(self, data: bytes) -> None:
        self.got += len(data)
        super().dataReceived(data)


@pytest.fixture
async def server() -> AsyncIterator[Beneath]:
    async with beneath(Taking) as running:
        yield running


async def say(client: socket.socket, protocol: Any, *segments: bytes) -> None:
    """Send segments, each only when the last was read."""
    for segment in segments:
        due = protocol.got + len(segment)
        client.send(segment)
        await passes(lambda due=due: protocol.got >= due)


async def test_the_parts_of_twisted_and_autobahn_are_where_they_are_looked_for(
    server: Beneath,
) -> None:
    client, protocol = await server.open()
    assert isinstance(protocol.reader, intake.Reader)
    assert (protocol.data, protocol.current_frame, protocol.inside_message) == (b"", None, False)
    assert protocol.state == protocol.STATE_OPEN
    assert protocol.autoPingTimeoutCall is None
    await say(client, protocol, client_frame(b"abc")[:4])
    assert protocol.data == client_frame(b"abc")[:4]
    await say(client, protocol, client_frame(b"abc")[4:7])
    assert protocol.current_frame is not None
    await say(client, protocol, client_frame(b"abc")[7:], client_frame(b"d", 0x02))
    assert protocol.current_frame is None
    assert protocol.inside_message
    assert protocol.reader.straight == 0


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 9, 124, 125])
async def test_a_small_message_alone_is_taken_at_once(server: Beneath, size: int) -> None:
    client, protocol = await server.open()
    message = random.Random(size).randbytes(size)
    await say(client, protocol, client_frame(message), client_frame(b"x"))
    assert server.heard == [(message, True), (b"x", True)]
    assert protocol.reader.straight == 2


ONE, TWO = client_frame(b"one"), client_frame(b"two")
LONG = b"l" * 126


@pytest.mark.parametrize(
    ("segments", "heard", "straight"),
    [
        ([ONE[:5], ONE[5:], TWO], [b"one", b"two"], 1),  # split in two
        ([ONE[:1], ONE[1:], TWO], [b"one", b"two"], 1),
        ([ONE + TWO, ONE], [b"one", b"two", b"one"], 1),  # two at once
        ([ONE + TWO[:6], TWO[6:], TWO], [b"one", b"two", b"two"], 1),  # and half of the next
        ([client_frame(b"?", 0x89), ONE], [b"one"], 1),  # a ping
        ([client_frame(b"a", 0x02), client_frame(b"b", 0x80), ONE], [b"ab", b"one"], 1),
        ([client_frame(b"a", 0x02), client_frame(b"", 0x89), client_frame(b"b", 0x80)], [b"ab"], 0),
        ([client_frame(LONG), ONE], [LONG, b"one"], 1),  # a length of two bytes
        ([client_frame(b""), ONE], [b"", b"one"], 1),
        ([client_frame(b"text", 0x81), ONE], [b"text", b"one"], 1),
        ([client_frame(b"no, thanks"), ONE], [b"no, thanks", b"one"], 1),  # refused
    ],
)
async def test_everything_else_is_left_to_autobahn(
    server: Beneath, segments: list[bytes], heard: list[bytes], straight: int
) -> None:
    client, protocol = await server.open()
    await say(client, protocol, *segments)
    assert [payload for payload, _ in server.heard] == heard
    assert protocol.reader.straight == straight


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (client_frame(b"bare", masked=False), 1002),
        (client_frame(b"reserved", 0xC2), 1002),
        (client_frame(b"unknown", 0x83), 1002),
        (client_frame(b"continued from nowhere", 0x80), 1002),
        (client_frame(b"l" * 4097), 1009),
        (client_frame((1000).to_bytes(2, "big"), 0x88), 1000),
    ],
)
async def test_what_is_wrong_is_answered_as_ever_and_nothing_after_it_is_taken(
    server: Beneath, wrong: bytes, code: int
) -> None:
    client, protocol = await server.open()
    await say(client, protocol, ONE, wrong)
    client.send(TWO)
    answer = await read(client, 4)
    assert answer[:1] == b"\x88"
    assert answer[2:] == code.to_bytes(2, "big")
    client.close()
    await passes(lambda: server.factory.closed)
    assert server.heard == [(b"one", True)]


async def test_an_answer_to_a_ping_that_is_waited_for_is_noted(server: Beneath) -> None:
    class Timer:
        cancelled = False

        def cancel(self) -> None:
            self.cancelled = True

    client, protocol = await server.open()
    protocol.autoPingTimeoutCall = timer = Timer()
    await say(client, protocol, ONE, ONE)
    assert timer.cancelled
    assert protocol.reader.straight == 1


async def test_reading_goes_on_after_a_pause(server: Beneath) -> None:
    client, protocol = await server.open()
    await say(client, protocol, ONE)
    protocol.transport.pauseProducing()
    client.send(TWO)
    with pytest.raises(TimeoutError):
        await passes(lambda: len(server.heard) > 1, 0.05)
    protocol.transport.resumeProducing()
    await passes(lambda: len(server.heard) == 2)
    assert server.heard[1] == (b"two", True)


@pytest.mark.parametrize("linger", [bytes(8), bytes((1, 0, 0, 0, 0, 0, 0, 0))])
async def test_the_end_of_a_connection_is_seen(server: Beneath, linger: bytes) -> None:
    client, protocol = await server.open()
    await say(client, protocol, ONE)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    client.close()
    await passes(lambda: server.factory.closed)
    assert not protocol.transport.connected


async def test_many_who_take_the_long_way_at_once_leave_turns_to_others(server: Beneath) -> None:
    pairs = [await server.open() for _ in range(3 * intake.AT_ONCE)]
    _, quick = pairs.pop()
    heard: list[int] = []
    quick.taken = lambda payload: heard.append(len(server.heard)) or True
    for client, protocol in pairs:
        client.send(client_frame(b"no: the long way"))
        protocol.reader.ready()
    assert len(server.heard) == intake.AT_ONCE
    protocol.reader.ready()  # its turn has not come: nothing more is read
    asyncio.get_running_loop().call_soon(lambda: quick.taken(b""))
    await passes(lambda: len(server.heard) == len(pairs))
    assert heard == [2 * intake.AT_ONCE]


async def test_one_that_is_lost_before_its_turn_is_forgotten(server: Beneath) -> None:
    pairs = [await server.open() for _ in range(intake.AT_ONCE + 1)]
    for client, protocol in pairs:
        client.send(client_frame(b"no: the long way"))
        protocol.reader.ready()
    protocol.transport.connectionLost(failure.Failure(error.ConnectionDone()))
    await passes(lambda: len(server.factory.closed) == 1)
    await passes(lambda: not protocol.reader._long_way._turning)
    assert len(server.heard) == intake.AT_ONCE


async def test_an_aborted_connection_is_not_read(server: Beneath) -> None:
    client, protocol = await server.open()
    client.send(ONE)
    protocol.transport.abortConnection()
    await passes(lambda: server.factory.closed)
    assert server.heard == []


@pytest.mark.parametrize(("part", "value"), [("TLS", True), ("protocol", None), ("reactor", None)])
async def test_a_transport_of_another_kind_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, part: str, value: Any
) -> None:
    async with beneath() as server:
        _, protocol = await server.open()
        protocol.taken = lambda payload: True
        with monkeypatch.context() as patch:
            patch.setattr(protocol.transport, part, value)
            assert intake.read_directly(protocol, server.factory.long_way) is None
        del protocol.taken
        assert intake.read_directly(protocol, server.factory.long_way) is None
        assert "doRead" not in vars(protocol.transport)
    assert intake.read_directly(object(), server.factory.long_way) is None


# --- Any stream, cut anywhere ------------------------------------------------------------------
def a_stream(rng: random.Random) -> list[bytes]:
    """Valid frames: mostly small messages, with pings, texts, long and broken up ones between."""
    frames: list[bytes] = []
    for _ in range(rng.randint(1, 12)):
        kind = rng.random()
        message = rng.randbytes(rng.choice((0, 1, 9, 9, 9, 60, 125, 126, 300)))
        if kind < 0.6:
            frames.append(client_frame(message))
        elif kind < 0.7:
            frames.append(client_frame(b"no" + message[:100]))
        elif kind < 0.8:
            frames.append(client_frame(message.hex().encode(), 0x81))
        elif kind < 0.9:
            frames.append(client_frame(message[:125], rng.choice((0x89, 0x8A))))
        else:
            frames += [client_frame(message, 0x02), client_frame(b"p", 0x89)]
            frames += [client_frame(message, 0x00)] * rng.randint(0, 2)
            frames.append(client_frame(message, 0x80))
    return frames


def cut(rng: random.Random, frames: list[bytes]) -> list[bytes]:
    """The stream in segments: some are whole frames, others end anywhere."""
    stream, places, at = b"".join(frames), set(), 0
    for frame in frames:
        at += len(frame)
        if rng.random() < 0.7:
            places.add(at)
    places |= {rng.randrange(len(stream)) for _ in range(rng.choice((0, 0, 1, 3)))}
    ends = [*sorted(places - {0, len(stream)}), len(stream)]
    return [stream[a:b] for a, b in zip([0, *ends], ends, strict=False)]


async def test_however_a_stream_is_cut_the_messages_are_those_of_autobahn_alone() -> None:
    rng = random.Random(7)
    async with beneath() as alone, beneath(Taking) as server:
        _, plain = await alone.open()
        _, protocol = await server.open()
        kernel = protocol.reader._recv
        for number in range(SPLITS):
            if number % 10 == 0:
                frames = a_stream(rng)
                alone.heard.clear()
                alone.factory.pinged.clear()
                plain.dataReceived(b"".join(frames))
            segments = cut(rng, frames)
            server.heard.clear()
            server.factory.pinged.clear()
            left = iter(segments)
            protocol.reader._recv = lambda size, left=left: next(left)
            for _ in segments:
                protocol.reader.ready()
                while protocol.reader._held is not None:  # it waits for its turn
                    await asyncio.sleep(0)
            assert server.heard == alone.heard, segments
            assert server.factory.pinged == alone.factory.pinged
        protocol.reader._recv = kernel
        assert protocol.reader.straight > SPLITS
        assert protocol.state == protocol.STATE_OPEN


# --- Under Kogame's own runner -----------------------------------------------------------------
TAKER = """
import asyncio, sys
from kogame.server import Server
from kogame.proxies import Proxies

async def application(scope, receive, send):
    socket = scope["extensions"]["kogame.socket"]
    said = []
    def take(data):
        if data == b"fail":
            raise RuntimeError("as asked")
        if data.startswith(b"no") or data == b"":
            return False
        said.append("taken " + data.decode())
        socket.sendMessage(b"heard", True)
        return True
    await receive()
    await send({"type": "websocket.accept"})
    await receive()
    while socket.application_queue.qsize() < 2:
        await asyncio.sleep(0)
    socket.hand_to(take)  # the two that wait come by ASGI, and first
    await send({"type": "websocket.send", "text": "handed over"})
    while (message := await receive())["type"] != "websocket.disconnect":
        said.append("asgi " + (message.get("text") or message["bytes"].decode()))
        await send({"type": "websocket.send", "bytes": b"heard"})
        if said[-1] == "asgi no more":
            said.append(f"straight {socket.reader.straight}")
            await send({"type": "websocket.send", "text": "|".join(said)})
            socket.hand_to(None)
    print("gone", message["code"], "doRead" in vars(socket.transport), flush=True)

Server(application, ["tcp:port=%s:interface=127.0.0.1" % sys.argv[1]], Proxies([])).run()
"""


@pytest.fixture
async def taker() -> AsyncIterator[tuple[int, subprocess.Popen[str]]]:
    """The port and process of a server whose application takes messages beneath ASGI."""
    async with runner(TAKER) as started:
        yield started


async def test_messages_keep_their_order_whichever_way_they_come(
    taker: tuple[int, subprocess.Popen[str]],
) -> None:
    async with websockets.connect(f"ws://127.0.0.1:{taker[0]}/") as one:
        for word in (b"hello", b"a", b"b"):
            await one.send(word)
        assert await one.recv() == "handed over"
        assert await one.recv() == await one.recv() == b"heard"  # the two that had waited
        for word in (b"c", b"no 1", b"d", "text", b"e", b"no more"):
            await one.send(word)
            assert await one.recv() == b"heard"  # so that each is a segment of its own
        assert await one.recv() == (
            "asgi a|asgi b|taken c|asgi no 1|taken d|asgi text|taken e|asgi no more|straight 3"
        )
        await one.send(b"by ASGI again")
        assert await one.recv() == b"heard"
    said = await asyncio.to_thread(taker[1].stdout.readline)  # type: ignore[union-attr]
    assert said == "gone 1000 False\n"


async def test_a_failure_closes_the_socket_as_one_of_the_application_does(
    taker: tuple[int, subprocess.Popen[str]],
) -> None:
    async with websockets.connect(f"ws://127.0.0.1:{taker[0]}/") as one:
        for word in (b"hello", b"a", b"b"):
            await one.send(word)
        assert await one.recv() == "handed over"
        assert await one.recv() == await one.recv() == b"heard"
        await one.send(b"fail")
        with pytest.raises(ConnectionClosedError) as closed:
            await one.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1011
