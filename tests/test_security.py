"""What every answer and every socket owes to the people who trust it."""

import asyncio
import re
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
import websockets
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from django.contrib.auth.models import User
from django.http import HttpResponseBase
from django.test import AsyncClient, Client
from websockets.exceptions import InvalidStatus

from game import matchmaking, store
from game.models import Player
from tests import processes
from tests.player import cookie
from tests.test_server import ECHO, free_port

pytestmark = pytest.mark.django_db(transaction=True)
ROOT = Path(__file__).resolve().parent.parent
EVIL = '"><img src=x onerror=alert(1)>'
OPEN = ("/", "/how/", "/leaderboard/", "/nothing/", "/admin/login/")
STAFF = ("/admin/", "/admin/metrics/", "/admin/game/player/", "/admin/game/life/", "/admin/auth/")
STAFF += ("/admin/game/ban/", "/admin/game/ban/add/")
# What a key looks like; the development key says of itself that it is none.
SECRETS = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY|AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{36}")
MARKUP = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(")
INLINE = re.compile(r"<script(?![^>]*\bsrc=)(?![^>]*application/json)[^>]*>|\son[a-z]+=|\sstyle=")


@pytest.fixture
def staff() -> Client:
    """A browser in which an operator is logged in."""
    client = Client()
    client.force_login(User.objects.create_superuser("olga", password="x"))
    return client


@pytest.fixture
async def guest() -> AsyncIterator[AsyncClient]:
    """A browser of somebody who was never here."""
    yield AsyncClient()
    await store.close_aredis()  # pages ask Redis for the rooms that are open


def body(answer: HttpResponseBase) -> str:
    return bytes(answer.content).decode()  # type: ignore[attr-defined]


@pytest.mark.parametrize("path", [*OPEN, *STAFF])
async def test_every_page_is_closed_to_foreign_scripts_frames_and_caches(
    staff: Client, guest: AsyncClient, path: str
) -> None:
    answer = await (sync_to_async(staff.get) if path in STAFF else guest.get)(path)
    assert answer.status_code == (404 if path == "/nothing/" else 200)
    policy = answer.headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    for rule in ("default-src 'self'", "object-src 'none'", "base-uri 'none'"):
        assert rule in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "same-origin"
    assert "no-store" in answer.headers["Cache-Control"]
    assert not INLINE.search(body(answer))


def test_a_name_is_text_and_nothing_else(staff: Client) -> None:
    player = Player.objects.create(
        id=uuid4(), name=EVIL[:16], first_seen="2026-01-01T00:00Z", last_seen="2026-01-01T00:00Z"
    )
    for client, path in (
        (staff, "/admin/game/player/"),
        (staff, f"/admin/game/player/{player.pk}/change/"),
        (Client(), f"/player/{player.pk.hex}/"),
    ):
        page = body(client.get(path))
        assert EVIL[:16] not in page
        assert "&quot;&gt;&lt;img src=x" in page


async def test_cookies_are_out_of_reach_of_scripts_and_other_sites(guest: AsyncClient) -> None:
    await User.objects.acreate_superuser("olga", password="x")
    await guest.get("/")
    await guest.post("/admin/login/", {"username": "olga", "password": "x"})
    assert {"kogame_guest", "sessionid", "csrftoken"} <= set(guest.cookies)
    for name, morsel in guest.cookies.items():
        assert morsel["samesite"] == "Lax", name
        assert morsel["httponly"] or name == "csrftoken", name  # scripts send that one back


def test_no_secret_is_in_the_tree() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode:
        pytest.skip("this is no clone: git does not know the files")
    names = listed.stdout.decode().split("\0")[:-1]
    assert not [name for name in names if Path(name).name in {".env", "admin-password"}]
    for name in names:
        path = ROOT / name
        if path.is_file() and path.suffix not in {".png", ".woff2"}:
            assert not SECRETS.search(path.read_text(errors="replace")), name


def test_the_pages_scripts_write_text_and_never_markup() -> None:
    """Names reach the page by `textContent` and the canvas by `fillText`."""
    scripts = list((ROOT / "frontend/src").rglob("*.ts"))
    assert len(scripts) > 40
    for script in scripts:
        assert not MARKUP.search(script.read_text()), script


def test_there_is_an_audit_of_every_pinned_package_that_cannot_pass_unanswered() -> None:
    """It asks registries, so it is no part of these tests; without --strict, silence is a pass."""
    said = subprocess.run(
        ["make", "-n", "audit"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert re.search(r"pip_audit --strict .*-r constraints\.txt", said)
    assert "npm audit" in said


def test_the_real_server_cuts_a_request_that_never_ends() -> None:
    program = f"from kogame import patience\npatience.REQUEST_SECONDS = 0.5\n{ECHO}"
    port = free_port()
    server = subprocess.Popen([sys.executable, "-c", program, str(port)], cwd=ROOT)
    try:
        processes.wait(lambda: processes.answers(f"http://127.0.0.1:{port}/"), what="the start")
        with socket.create_connection(("127.0.0.1", port), timeout=0.1) as dripping:
            began = time.monotonic()
            dripping.sendall(b"GET / HTTP/1.1\r\nX-Slow: ")
            while not cut(dripping):
                assert time.monotonic() - began < 10
            assert time.monotonic() - began >= 0.4
    finally:
        server.kill()
        server.wait()


def cut(connection: socket.socket) -> bool:
    """Send one byte more; whether the other side has had enough."""
    try:
        connection.sendall(b"a")
        return connection.recv(1) == b""
    except TimeoutError:
        return False
    except OSError:
        return True


async def test_the_real_servers_sockets_are_small_plain_and_known() -> None:
    """No message over 4 KiB, no compression, no unknown address, and no traceback for any."""
    room = await matchmaking.create_room({}, "", private=False)
    with processes.web() as base:
        headers = {"Cookie": cookie(uuid4()), "Origin": base}
        address = base.replace("http", "ws")
        room_address = f"{address}/ws/room/{room}/"
        async with websockets.connect(
            room_address, additional_headers=headers, compression="deflate"
        ) as socket:
            assert not socket.protocol.extensions
            await socket.send(b"\x01" * 4097)
            async with asyncio.timeout(10):
                await socket.wait_closed()
            assert socket.close_code == 1009
        for wrong in (f"{address}/ws/other/", f"{address}/"):
            with pytest.raises(InvalidStatus) as refused:
                await websockets.connect(wrong, additional_headers=headers)
            assert refused.value.response.status_code == 403
    await store.aredis().flushdb()
    await get_channel_layer().flush()
    await store.close_aredis()
