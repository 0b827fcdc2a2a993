"""Direct writes on a real transport: they fail here when Twisted or autobahn changes beneath."""

import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest

from game.sinks import DirectSink, choose, send_all, server_frame
from game.sinks.direct import FOLLOWING_BYTES, OPEN
from game.sinks.frames import BEHIND_BYTES
from tests.beneath import Beneath, beneath, client_frame, passes, read

SMALL = 4096  # bytes of a client's receive buffer: soon full
PAYLOAD = b"\x82" + bytes(range(256)) * 3
FRAME = server_frame(PAYLOAD)


@pytest.fixture
async def server() -> AsyncIterator[Beneath]:
    async with beneath() as running:
        yield running


async def send(message: dict[str, Any]) -> None:
    raise AssertionError("the portable way was taken")


class Told:
    """Whether a sink has said that frames must wait."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> None:
        self.times += 1


async def fill(sink: DirectSink, protocol: Any) -> int:
    """Send until the kernel takes no more; how many frames it took whole or in part."""
    protocol.transport.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL)
    way = sink.straight(told := Told())
    assert way
    for sent in range(1, 10_000):
        for _, taken in send_all((way,), (FRAME,)):
            assert not told.times
            sink.finish(FRAME[taken:])
            assert told.times
            return sent
    raise AssertionError("the kernel takes everything")


async def test_the_parts_of_twisted_and_autobahn_are_where_they_are_looked_for(
    server: Beneath,
) -> None:
    _, protocol = await server.open()
    sink = choose({"extensions": {"kogame.socket": protocol}}, send)
    assert isinstance(sink, DirectSink)
    told = Told()
    assert sink.straight(told) == protocol.transport.socket.send
    assert protocol.state == protocol.STATE_OPEN == OPEN
    transport = protocol.transport
    assert (transport.dataBuffer, transport.offset) == (b"", 0)
    assert (transport._tempDataBuffer, transport._tempDataLen) == ([], 0)
    assert transport.connected
    assert not transport.disconnecting
    assert not transport.TLS
    transport.write(b"\x82\x01a")
    assert (transport._tempDataBuffer, transport._tempDataLen) == ([b"\x82\x01a"], 3)
    assert told.times == 1
    assert sink.behind()
    await passes(lambda: not sink.behind())
    sink.let_go()
    assert "startWriting" not in vars(transport)
    transport.write(b"\x82\x01b")
    assert told.times == 1
    await passes(lambda: not sink.behind())


async def test_a_frame_goes_to_the_kernel_at_once(server: Beneath) -> None:
    client, protocol = await server.open()
    sink = DirectSink(protocol)
    way = sink.straight(told := Told())
    assert way
    assert send_all((way, way), (FRAME, FRAME)) == []
    assert client.recv(2 * len(FRAME) + 1) == FRAME * 2  # before the loop has turned
    assert sink.write((b"a", b"bc")) == 7
    assert client.recv(100) == b"\x82\x01a\x82\x02bc"
    assert not sink.behind()
    assert not told.times


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
    way = sink.straight(Told())
    assert way
    assert way(FRAME) == len(FRAME)
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
    assert sink.straight(Told()) is None
    pushed = 0
    while not sink.behind():
        sink.write((PAYLOAD,))
        pushed += 1
    assert FOLLOWING_BYTES // len(FRAME) <= pushed <= FOLLOWING_BYTES // len(FRAME) + 1
    whole = server_frame(picture) + FRAME * pushed
    assert await read(client, len(whole)) == whole
    await passes(lambda: not sink.behind())
    await fill(sink, protocol)
    assert sink.behind()  # by the first byte that waits, as ever


async def test_nor_does_a_view_of_new_regions_that_is_sent_without_a_look(server: Beneath) -> None:
    client, protocol = await server.open(SMALL)
    protocol.transport.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL)
    sink = DirectSink(protocol)
    way = sink.straight(Told())
    assert way
    view = server_frame(bytes(100_000))
    ((_, sent),) = send_all((way,), (view,))
    sink.finish(view[sent:])
    assert not sink.behind()
    sink.write((PAYLOAD,))
    assert not sink.behind()
    assert await read(client, len(view) + len(FRAME)) == view + FRAME


async def test_what_autobahn_writes_itself_is_not_overtaken(server: Beneath) -> None:
    client, protocol = await server.open()
    sink = DirectSink(protocol)
    sink.straight(told := Told())
    protocol.sendMessage(b"first", True)
    assert told.times
    assert sink.behind()
    assert sink.straight(Told()) is None
    sink.write((b"second",))
    assert await read(client, 15) == server_frame(b"first") + server_frame(b"second")
    await passes(lambda: sink.straight(Told()))


@pytest.mark.parametrize(
    "act",
    [
        lambda protocol: protocol.sendPing(b"x"),
        lambda protocol: protocol.sendPong(b"x"),
        lambda protocol: protocol.sendClose(4012),
        lambda protocol: protocol.transport.writeSequence([b"\x82", b"\x00"]),
        lambda protocol: protocol.transport.loseConnection(),
    ],
    ids=["ping", "pong", "close", "sequence", "lose"],
)
async def test_whatever_the_server_says_itself_makes_frames_wait(server: Beneath, act: Any) -> None:
    _, protocol = await server.open()
    DirectSink(protocol).straight(told := Told())
    act(protocol)
    assert told.times == 1


async def test_the_answer_to_a_close_makes_frames_wait_for_ever(server: Beneath) -> None:
    client, protocol = await server.open()
    sink = DirectSink(protocol)
    told = Told()
    assert sink.straight(told)
    client.send(client_frame((1000).to_bytes(2, "big"), 0x88))
    await passes(lambda: told.times)
    await passes(lambda: not sink._waiting())
    assert sink.straight(Told()) is None


async def test_a_socket_that_is_being_closed_gets_no_frame(server: Beneath) -> None:
    client, protocol = await server.open()
    sink = DirectSink(protocol)
    protocol.sendClose(4012)
    assert sink.straight(Told()) is None
    assert sink.write((b"a",)) == 0
    assert await read(client, 4) == b"\x88\x02" + (4012).to_bytes(2, "big")


async def test_a_broken_connection_is_ended_by_the_transport(server: Beneath) -> None:
    client, protocol = await server.open()
    sink = DirectSink(protocol)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, bytes((1, 0, 0, 0, 0, 0, 0, 0)))
    client.close()  # a reset, which the loop has not seen yet
    way = sink.straight(Told())
    assert way
    send_all((way, way), (FRAME, FRAME))
    await passes(lambda: server.factory.closed)
    assert send_all((way,), (FRAME,)) == [(0, 0)]  # its number may be another's by now
    sink.finish(FRAME)
    assert sink.straight(Told()) is None
    assert sink.write((b"a",)) == 0


@pytest.mark.parametrize(("part", "value"), [("socket", object()), ("TLS", True)])
async def test_without_a_plain_socket_the_transport_writes(
    server: Beneath, monkeypatch: pytest.MonkeyPatch, part: str, value: Any
) -> None:
    client, protocol = await server.open()
    with monkeypatch.context() as patch:
        patch.setattr(protocol.transport, part, value)
        sink = DirectSink(protocol)
    assert sink.straight(Told()) is None
    assert sink.write((PAYLOAD, PAYLOAD)) == 2 * len(FRAME)  # waits for the loop, and is not behind
    assert not sink.behind()
    assert await read(client, 2 * len(FRAME)) == FRAME * 2
    for _ in range(BEHIND_BYTES // len(FRAME) + 1):
        sink.write((PAYLOAD,))
    assert sink.behind()


async def test_without_a_visible_buffer_asgi_is_the_way(server: Beneath) -> None:
    class Unknown:
        state = OPEN
        transport = object()

    assert not isinstance(choose({"extensions": {"kogame.socket": Unknown()}}, send), DirectSink)
    assert not isinstance(choose({}, send), DirectSink)
