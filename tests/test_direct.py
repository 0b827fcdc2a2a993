"""Direct writes on a real transport: they fail here when Twisted or autobahn changes beneath."""

import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest

from game.sinks import DirectSink, choose, server_frame
from game.sinks.direct import FOLLOWING_BYTES, OPEN
from game.sinks.frames import BEHIND_BYTES
from tests.beneath import Beneath, beneath, passes, read

SMALL = 4096  # bytes of a client's receive buffer: soon full
PAYLOAD = b"\x82" + bytes(range(256)) * 3
FRAME = server_frame(PAYLOAD)


@pytest.fixture
async def server() -> AsyncIterator[Beneath]:
    async with beneath() as running:
        yield running


async def send(message: dict[str, Any]) -> None:
    raise AssertionError("the portable way was taken")


async def fill(sink: DirectSink, protocol: Any) -> int:
    """Push until the kernel takes no more; how many frames it took whole or in part."""
    protocol.transport.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL)
    for pushed in range(10_000):
        if not sink.push(FRAME, PAYLOAD):
            return pushed
    raise AssertionError("the kernel takes everything")


async def test_the_parts_of_twisted_and_autobahn_are_where_they_are_looked_for(
    server: Beneath,
) -> None:
    _, protocol = await server.open()
    sink = choose({"extensions": {"kogame.socket": protocol}}, send)
    assert isinstance(sink, DirectSink)
    assert sink.straight
    assert protocol.state == protocol.STATE_OPEN == OPEN
    transport = protocol.transport
    assert (transport.dataBuffer, transport.offset) == (b"", 0)
    assert (transport._tempDataBuffer, transport._tempDataLen) == ([], 0)
    assert transport.connected
    assert not transport.disconnecting
    assert not transport.TLS
    transport.write(b"\x82\x01a")
    assert (transport._tempDataBuffer, transport._tempDataLen) == ([b"\x82\x01a"], 3)
    assert sink.behind()
    await passes(lambda: not sink.behind())


async def test_a_frame_goes_to_the_kernel_at_once(server: Beneath) -> None:
    client, protocol = await server.open()
    sink = DirectSink(protocol)
    assert sink.push(FRAME, PAYLOAD) == len(FRAME)
    assert client.recv(len(FRAME) + 1) == FRAME  # before the loop has turned
    assert sink.write((b"a", b"bc")) == 7
    assert client.recv(100) == b"\x82\x01a\x82\x02bc"
    assert not sink.behind()


async def test_who_does_not_read_is_behind_loses_no_byte_and_goes_on(server: Beneath) -> None:
    client, protocol = await server.open(SMALL)
    sink = DirectSink(protocol)
    pushed = await fill(sink, protocol)
    assert sink.behind()
    waiting = len(protocol.transport.dataBuffer) + protocol.transport._tempDataLen
    assert 0 < waiting <= len(FRAME)  # the rest of one frame, however long this lasts
    assert sink.write((b"a",)) == 3  # what must come is kept, in order
    assert await read(client, pushed * len(FRAME) + 3) == FRAME * pushed + b"\x82\x01a"
    await passes(lambda: not sink.behind())
    assert sink.push(FRAME, PAYLOAD)
    assert await read(client, len(FRAME)) == FRAME


async def test_a_picture_larger_than_a_lines_buffer_does_not_cost_the_next_frames(
    server: Beneath,
) -> None:
    client, protocol = await server.open(SMALL)
    protocol.transport.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL)
    sink = DirectSink(protocol)
    picture = bytes(200_000)
    sink.write((picture,))
    assert not sink.behind()  # though most of it waits
    pushed = 0
    while sink.push(FRAME, PAYLOAD):
        pushed += 1
    assert FOLLOWING_BYTES // len(FRAME) <= pushed <= FOLLOWING_BYTES // len(FRAME) + 1
    assert sink.behind()
    whole = server_frame(picture) + FRAME * pushed
    assert await read(client, len(whole)) == whole
    await passes(lambda: not sink.behind())
    await fill(sink, protocol)
    assert sink.behind()  # by the first byte that waits, as ever


async def test_what_autobahn_writes_itself_is_not_overtaken(server: Beneath) -> None:
    client, protocol = await server.open()
    sink = DirectSink(protocol)
    protocol.sendMessage(b"first", True)
    assert sink.behind()
    assert sink.push(FRAME, PAYLOAD) == 0
    sink.write((b"second",))
    assert await read(client, 15) == server_frame(b"first") + server_frame(b"second")


async def test_a_socket_that_is_being_closed_gets_no_frame(server: Beneath) -> None:
    client, protocol = await server.open()
    sink = DirectSink(protocol)
    protocol.sendClose(4012)
    assert sink.push(FRAME, PAYLOAD) == 0
    assert sink.write((b"a",)) == 0
    assert await read(client, 4) == b"\x88\x02" + (4012).to_bytes(2, "big")


async def test_a_broken_connection_is_ended_by_the_transport(server: Beneath) -> None:
    client, protocol = await server.open()
    sink = DirectSink(protocol)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, bytes((1, 0, 0, 0, 0, 0, 0, 0)))
    client.close()  # a reset, which the loop has not seen yet
    sink.push(FRAME, PAYLOAD)
    sink.push(FRAME, PAYLOAD)
    await passes(lambda: server.factory.closed)
    assert sink.push(FRAME, PAYLOAD) == 0
    assert sink.write((b"a",)) == 0


@pytest.mark.parametrize(("part", "value"), [("socket", object()), ("TLS", True)])
async def test_without_a_plain_socket_the_transport_writes(
    server: Beneath, monkeypatch: pytest.MonkeyPatch, part: str, value: Any
) -> None:
    client, protocol = await server.open()
    with monkeypatch.context() as patch:
        patch.setattr(protocol.transport, part, value)
        sink = DirectSink(protocol)
    assert not sink.straight
    assert sink.push(FRAME, PAYLOAD) == len(FRAME)
    assert sink.push(FRAME, PAYLOAD) == len(FRAME)  # waits for the loop, and is not yet behind
    assert not sink.behind()
    assert await read(client, 2 * len(FRAME)) == FRAME * 2
    for _ in range(BEHIND_BYTES // len(FRAME) + 1):
        sink.push(FRAME, PAYLOAD)
    assert sink.behind()
    assert sink.push(FRAME, PAYLOAD) == 0


async def test_without_a_visible_buffer_asgi_is_the_way(server: Beneath) -> None:
    class Unknown:
        state = OPEN
        transport = object()

    assert not isinstance(choose({"extensions": {"kogame.socket": Unknown()}}, send), DirectSink)
    assert not isinstance(choose({}, send), DirectSink)
