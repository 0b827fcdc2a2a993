"""The network of the drills does what the drills say it did."""

import socket
import time
from collections.abc import Iterator
from contextlib import closing
from threading import Thread

import pytest

from tests.live.faults.proxy import Proxy


def echo() -> tuple[str, socket.socket]:
    """A service that says back what it hears; its URL, and what to close."""
    server = socket.create_server(("127.0.0.1", 0))

    def one(end: socket.socket) -> None:
        with end:
            while data := end.recv(65_536):
                end.sendall(data)

    def serve() -> None:
        while True:
            try:
                end, _ = server.accept()
            except OSError:
                return
            Thread(target=one, args=(end,), daemon=True).start()

    Thread(target=serve, daemon=True).start()
    return f"http://127.0.0.1:{server.getsockname()[1]}", server


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    url, server = echo()
    with closing(server), Proxy(url) as proxy:
        yield proxy
        server.shutdown(socket.SHUT_RDWR)


def joined(proxy: Proxy) -> socket.socket:
    host, _, port = proxy.url.rpartition("/")[2].partition(":")
    return socket.create_connection((host, int(port)), timeout=10)


def said(end: socket.socket, data: bytes) -> float:
    """Say something and hear it back; the seconds that took."""
    began, heard = time.monotonic(), 0
    end.sendall(data)
    while heard < len(data):
        heard += len(end.recv(65_536))
    return time.monotonic() - began


def test_it_delays_and_narrows(proxy: Proxy) -> None:
    with joined(proxy) as end:
        said(end, b"hello")
        proxy.delay = 0.1
        assert 0.2 <= said(end, b"hello") < 2
        proxy.delay, proxy.rate = 0.0, 20_000
        said(end, b"hello")
        assert 0.3 <= said(end, bytes(10_000)) < 3


def test_a_black_hole_keeps_the_connection_and_loses_nothing(proxy: Proxy) -> None:
    with joined(proxy) as end:
        said(end, b"hello")
        proxy.freeze()
        end.settimeout(0.2)
        end.sendall(b"hello")
        with pytest.raises(TimeoutError):
            end.recv(5)
        proxy.thaw()
        end.settimeout(10)
        assert end.recv(5) == b"hello"


def test_a_cut_ends_all_and_lets_none_through_until_it_is_mended(proxy: Proxy) -> None:
    other, server = echo()
    with closing(server), joined(proxy) as end:
        said(end, b"hello")
        proxy.cut()
        assert end.recv(5) == b""
        with joined(proxy) as late:
            assert late.recv(5) == b""
        proxy.mend("http://127.0.0.1:1", other)  # one that refuses, and one that is there
        for _ in range(4):
            with joined(proxy) as back:
                said(back, b"hello")
        server.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize(
    ("to", "by"),
    [
        ("unix:///tmp/redis.sock", "redis://127.0.0.1:0/0"),
        ("postgres://me:secret@host/name", "postgres://me:secret@127.0.0.1:0/name"),
        ("amqp://guest:guest@host:5672//", "amqp://guest:guest@127.0.0.1:0//"),
    ],
)
def test_a_service_has_the_same_name_behind_it(to: str, by: str) -> None:
    assert Proxy(to).url == by
