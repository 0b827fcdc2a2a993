"""The web process: its limits, its graceful end, and what it refuses to start on."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
import websockets
from twisted.internet import task
from twisted.internet.error import ConnectionDone
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.web import http
from websockets.exceptions import ConnectionClosedError, InvalidStatus

from kogame import checks, patience
from kogame.proxies import Proxies
from kogame.turns import Turns
from tests.beneath import runner
from tests.processes import free_port

BASE = Path(__file__).resolve().parent.parent
START_SECONDS = 30

# A server with an application that says what it was given, instead of the game.
ECHO = """
import asyncio
import sys
from kogame.server import Server
from kogame.proxies import Proxies

async def application(scope, receive, send):
    if scope["type"] == "http":
        await receive()
        body = repr((scope["client"], scope["scheme"])).encode()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})
        return
    socket = scope["extensions"]["kogame.socket"]
    await receive()
    if scope["path"] == "/full":
        assert "websocket.http.response" in scope["extensions"]
        await send({"type": "websocket.http.response.start", "status": 503, "headers": []})
        await send({"type": "websocket.http.response.body", "body": b""})
        return
    await send({"type": "websocket.accept"})
    socket.sendMessage(b"straight", True)
    while (message := await receive())["type"] != "websocket.disconnect":
        if message.get("text") == "be slow":
            await asyncio.sleep(1)
        if message.get("text") == "leave":
            await send({"type": "websocket.close", "code": 4003, "reason": "as you wish"})
    print("disconnected", message["code"], flush=True)

server = Server(application, ["tcp:port=%s:interface=127.0.0.1" % sys.argv[1]], Proxies([]))
server.run()
print("problem", server.problem, flush=True)
"""


def get(port: int, **headers: str) -> str:
    request = urllib.request.Request(f"http://127.0.0.1:{port}/", headers=headers)
    with urllib.request.urlopen(request, timeout=START_SECONDS) as page:
        return str(page.read().decode())


@pytest.fixture
async def echo() -> AsyncIterator[tuple[int, subprocess.Popen[str]]]:
    """The port and process of a server that answers with what it was given."""
    async with runner(ECHO) as started:
        yield started


async def test_sigterm_tells_every_socket_that_we_restart(
    echo: tuple[int, subprocess.Popen[str]],
) -> None:
    port, process = echo
    sockets = [await websockets.connect(f"ws://127.0.0.1:{port}/") for _ in range(5)]
    for one in sockets:
        assert await one.recv() == b"straight"
    await asyncio.to_thread(get, port)  # a connection that has only just ended

    process.send_signal(signal.SIGTERM)

    for one in sockets:
        with pytest.raises(ConnectionClosedError) as closed:
            await one.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4012
        assert "restarting" in closed.value.rcvd.reason
    said, _ = await asyncio.to_thread(process.communicate, timeout=10)
    assert process.returncode == 0
    assert said.count("disconnected") == 5
    assert said.endswith("problem None\n")
    assert "Traceback" not in said


async def test_a_drain_ends_a_socket_that_does_not_answer(
    echo: tuple[int, subprocess.Popen[str]],
) -> None:
    port, process = echo
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    assert b"101" in await reader.readline()
    process.send_signal(signal.SIGTERM)
    await asyncio.to_thread(process.communicate, timeout=10)
    assert process.returncode == 0
    writer.close()


async def test_a_close_brings_its_reason(echo: tuple[int, subprocess.Popen[str]]) -> None:
    async with websockets.connect(f"ws://127.0.0.1:{echo[0]}/") as one:
        await one.recv()
        await one.send("leave")
        with pytest.raises(ConnectionClosedError) as closed:
            await one.recv()
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4003, "as you wish")


async def test_a_handshake_may_be_answered_with_a_status_of_http(
    echo: tuple[int, subprocess.Popen[str]],
) -> None:
    port, process = echo
    with pytest.raises(InvalidStatus) as refused:
        await websockets.connect(f"ws://127.0.0.1:{port}/full")
    assert refused.value.response.status_code == 503
    async with websockets.connect(f"ws://127.0.0.1:{port}/") as one:  # it serves on
        assert await one.recv() == b"straight"
    process.send_signal(signal.SIGTERM)
    said, _ = await asyncio.to_thread(process.communicate, timeout=10)
    assert "Traceback" not in said


async def test_a_message_over_4_kib_ends_the_connection(
    echo: tuple[int, subprocess.Popen[str]],
) -> None:
    async with websockets.connect(f"ws://127.0.0.1:{echo[0]}/") as one:
        await one.send(b"x" * 4096)
        await one.recv()
        await one.send(b"x" * 4097)
        with pytest.raises(ConnectionClosedError) as closed:
            await one.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1009


async def test_a_client_that_sends_faster_than_it_is_served_is_closed(
    echo: tuple[int, subprocess.Popen[str]],
) -> None:
    async with websockets.connect(f"ws://127.0.0.1:{echo[0]}/") as one:
        await one.recv()
        await one.send("be slow")
        for _ in range(200):
            await one.send(b"x")
        with pytest.raises(ConnectionClosedError) as closed:
            await one.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4008


async def test_who_pings_all_the_time_gets_few_pongs(
    echo: tuple[int, subprocess.Popen[str]],
) -> None:
    async with websockets.connect(f"ws://127.0.0.1:{echo[0]}/", ping_interval=None) as one:
        await one.recv()
        first = await one.ping(b"first")
        await first
        many = [await one.ping(bytes((number,))) for number in range(100)]
        await one.send("leave")
        with pytest.raises(ConnectionClosedError):
            await one.recv()
        assert not any(ping.done() and not ping.exception() for ping in many)


async def test_frames_are_not_compressed(echo: tuple[int, subprocess.Popen[str]]) -> None:
    async with websockets.connect(f"ws://127.0.0.1:{echo[0]}/", compression="deflate") as one:
        assert not one.protocol.extensions


async def test_a_strangers_forwarded_headers_count_nothing(
    echo: tuple[int, subprocess.Popen[str]],
) -> None:
    claims = {"X-Forwarded-For": "8.8.8.8", "X-Forwarded-Proto": "https"}
    body = await asyncio.to_thread(get, echo[0], **claims)
    assert "8.8.8.8" not in body
    assert "'http'" in body


LIMITED = """
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (100, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
from kogame import server
server.allow_files()
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
print(soft == hard, soft > 100)
"""


def test_the_server_takes_as_many_open_files_as_it_may_have() -> None:
    said = subprocess.run(
        [sys.executable, "-c", LIMITED], cwd=BASE, capture_output=True, text=True, check=True
    )
    assert said.stdout == "True True\n"


# --- Forwarded headers ---------------------------------------------------------------------------


def scope(client: str, **headers: str) -> dict[str, Any]:
    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http", "scheme": "http", "client": [client, 1], "headers": pairs}


def test_a_trusted_proxy_names_the_visitor_and_the_scheme() -> None:
    said = scope(
        "10.0.0.2", x_forwarded_for="6.6.6.6, 9.9.9.9, 10.0.0.3", x_forwarded_proto="https"
    )
    Proxies(["10.0.0.0/24"]).apply(said)
    assert said["client"] == ["9.9.9.9", 0]  # 6.6.6.6 is what the visitor claimed
    assert said["scheme"] == "https"


@pytest.mark.parametrize("chain", ["", "nonsense", "10.0.0.7", "<script>"])
def test_a_chain_without_a_visitor_leaves_the_proxys_address(chain: str) -> None:
    said = scope("10.0.0.2", x_forwarded_for=chain)
    Proxies(["10.0.0.0/24"]).apply(said)
    assert said["client"] == ["10.0.0.2", 1]


def test_a_strangers_claims_are_taken_out() -> None:
    said = scope("9.9.9.9", x_forwarded_for="1.1.1.1", x_forwarded_proto="https", cookie="a=b")
    Proxies(["10.0.0.0/24"]).apply(said)
    assert said["client"] == ["9.9.9.9", 1]
    assert said["headers"] == [(b"cookie", b"a=b")]


def test_a_proxy_that_is_no_address_is_refused() -> None:
    with pytest.raises(ValueError, match="proxy"):
        Proxies(["proxy.example.org"])


# --- Patience ------------------------------------------------------------------------------------


class Factory(http.HTTPFactory):
    """Connections with Kogame's patience, on a clock that the test turns."""

    def __init__(self, clock: task.Clock) -> None:
        super().__init__(reactor=clock)


@pytest.fixture
def clock() -> task.Clock:
    return task.Clock()


@pytest.fixture
def channel(clock: task.Clock) -> Iterator[patience.Channel]:
    channel = patience.Channel(Turns(lambda call: clock.callLater(0, call), patience.ADMITTED))
    channel.factory = channel.site = Factory(clock)
    channel.requestFactory = Silent
    channel.callLater = clock.callLater
    channel.timeOut = patience.REQUEST_SECONDS
    channel.makeConnection(StringTransport())
    yield channel
    channel.connectionLost(Failure(ConnectionDone()))


class Silent(http.Request):
    """A request that is answered when the test says so."""

    def process(self) -> None:
        self.channel.answer = self.finish


def test_of_many_who_come_at_once_a_few_are_let_in_at_each_turn() -> None:
    turns: list[Any] = []
    door = Turns(turns.append, patience.ADMITTED)
    crowd = [StringTransport() for _ in range(5 * patience.ADMITTED)]
    for one in crowd:
        patience.Channel(door).makeConnection(one)
    for turn in range(1, 6):
        let_in = [one for one in crowd if one.producerState == "producing"]
        assert let_in == crowd[: turn * patience.ADMITTED]  # who came first goes first
        turns.pop()()
    assert turns == []
    late = StringTransport()
    patience.Channel(door).makeConnection(late)
    assert late.producerState == "producing"


def test_a_client_that_says_nothing_is_cut(clock: task.Clock, channel: patience.Channel) -> None:
    clock.advance(patience.REQUEST_SECONDS)
    assert channel.transport.disconnecting


def test_a_client_that_drips_headers_is_cut(clock: task.Clock, channel: patience.Channel) -> None:
    channel.dataReceived(b"GET / HTTP/1.1\r\n")
    for _ in range(int(patience.REQUEST_SECONDS)):
        assert not channel.transport.disconnecting
        clock.advance(1)
        channel.dataReceived(b"X-More: 1\r\n")
    assert channel.transport.disconnecting


def test_an_answer_may_take_its_time_and_the_next_request_too(
    clock: task.Clock, channel: patience.Channel
) -> None:
    for _ in range(3):
        channel.dataReceived(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        clock.advance(patience.REQUEST_SECONDS * 2)  # the page is slow: not the client's fault
        assert not channel.transport.disconnecting
        channel.answer()
        clock.advance(patience.IDLE_SECONDS - 1)
        assert not channel.transport.disconnecting


def test_a_request_over_its_size_is_refused(channel: patience.Channel) -> None:
    channel.dataReceived(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 999999999\r\n\r\n")
    channel.dataReceived(b"x" * patience.REQUEST_BYTES)
    assert channel.transport.value().startswith(b"HTTP/1.1 400")
    assert channel.transport.disconnecting


# --- What it refuses to start on -----------------------------------------------------------------


@pytest.fixture
def empty() -> Iterator[dict[str, str]]:
    """The environment of a process with a database of its own, without tables."""
    with tempfile.TemporaryDirectory() as folder:
        yield {**os.environ, "KOGAME_STATE_DIR": folder, "DATABASE_URL": f"sqlite:///{folder}/db"}


def web(environment: dict[str, str], port: int = 0) -> subprocess.CompletedProcess[str]:
    """Run a web process that ends by itself."""
    return subprocess.run(
        [sys.executable, "-m", "kogame.server", "--port", str(port or free_port())],
        cwd=BASE,
        env=environment,
        capture_output=True,
        text=True,
        timeout=START_SECONDS,
        check=False,
    )


def test_missing_migrations_refuse_the_start(empty: dict[str, str]) -> None:
    ended = web(empty)
    assert ended.returncode == checks.EXIT_CONFIG
    assert "migrations" in ended.stderr
    assert "python manage.py migrate" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_redis_that_is_away_refuses_the_start_without_its_password(empty: dict[str, str]) -> None:
    ended = web({**empty, "REDIS_URL": f"redis://:hunter2@127.0.0.1:{free_port()}/0"})
    assert ended.returncode == checks.EXIT_CONFIG
    assert "Redis does not answer" in ended.stderr
    assert "hunter2" not in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_redis_that_evicts_refuses_the_start() -> None:
    server = redis.Redis.from_url(os.environ["REDIS_URL"])
    server.config_set("maxmemory-policy", "allkeys-lru")
    try:
        problem = checks.redis_problem()
    finally:
        server.config_set("maxmemory-policy", "noeviction")
        server.close()
    assert problem is not None
    assert "maxmemory-policy noeviction" in problem


def test_a_taken_port_is_one_line(empty: dict[str, str]) -> None:
    subprocess.run(
        [sys.executable, "manage.py", "migrate", "--verbosity=0"], cwd=BASE, env=empty, check=True
    )
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ended = web(empty, taken.getsockname()[1])
    assert ended.returncode == 69
    last = ended.stderr.strip().splitlines()[-1]
    assert last.startswith("Cannot listen")
    assert "--port" in last
    assert "Traceback" not in ended.stderr


def test_a_folder_that_cannot_be_written_is_said() -> None:
    problem = checks.disk_problem(Path("/proc/kogame"))
    assert problem is not None
    assert "cannot be written" in problem
    assert "KOGAME_STATE_DIR" in problem


def test_a_full_disk_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(checks, "FREE_BYTES", 2**62)
    problem = checks.disk_problem(tmp_path)
    assert problem is not None
    assert "Make room" in problem


def test_a_broker_that_is_down_is_a_warning(settings: Any) -> None:
    settings.CELERY_BROKER_URL = f"amqp://guest:guest@127.0.0.1:{free_port()}//"
    problem = checks.broker_problem()
    assert problem is not None
    assert "guest" not in problem
    assert "Scores wait" in problem
