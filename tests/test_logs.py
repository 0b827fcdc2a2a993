"""Log lines as people and as collectors read them; errors that go to Sentry, not in floods."""

import gzip
import json
import logging
import logging.config
import os
import subprocess
import sys
from collections.abc import Iterator
from email.message import Message
from typing import Any
from uuid import uuid4

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from structlog.contextvars import bound_contextvars

from game import identity, store
from game.engine import Engine
from game.middleware import GuestMiddleware
from kogame.logs import ABOUT, logging_config
from kogame.sentry import EVENTS_MOST
from tests.processes import ROOT
from tests.receiver import receiver
from tests.test_sockets import Page, a_room, clean, engine, passes  # noqa: F401 (fixtures)


def said(form: str, capsys: pytest.CaptureFixture[str], **about: Any) -> str:
    """What comes out for one line about something, logged where a task is bound."""
    config = logging_config(form, "INFO")
    formatter = logging.config.DictConfigurator(config).configure_formatter(
        config["formatters"]["lines"]
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(formatter)
    logger = logging.getLogger("kogame.test")
    logger.addHandler(handler)
    logger.propagate = False
    try:
        with bound_contextvars(task_id="t-1"):
            try:
                raise ValueError("as asked")
            except ValueError:
                logger.warning("room %s failed", "abcd", extra=about, exc_info=True)
    finally:
        logger.removeHandler(handler)
        logger.propagate = True
    return capsys.readouterr().out


def test_a_line_for_collectors(capsys: pytest.CaptureFixture[str]) -> None:
    line = json.loads(said("json", capsys, room="abcd", secret="x"))
    assert line.pop("timestamp").endswith("Z")
    assert "ValueError: as asked" in line.pop("exception")
    assert line == {
        "message": "room abcd failed",
        "level": "warning",
        "logger": "kogame.test",
        "room": "abcd",
        "task_id": "t-1",
    }


def test_a_line_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    first, *trace = said("plain", capsys, room="abcd").splitlines()
    assert first.endswith("WARNING kogame.test room abcd failed [room=abcd task_id=t-1]")
    assert trace[-1] == "ValueError: as asked"


# --- What lines are about ----------------------------------------------------------------------
@pytest.fixture
def lines() -> Iterator[list[dict[str, Any]]]:
    """Every line of the game, and of Celery, as collectors get it."""
    config = logging_config("json", "INFO")
    formatter = logging.config.DictConfigurator(config).configure_formatter(
        config["formatters"]["lines"]
    )
    found: list[dict[str, Any]] = []
    handler = logging.Handler()
    handler.emit = lambda record: found.append(  # type: ignore[method-assign]
        json.loads(formatter.format(record))
    )
    loggers = [logging.getLogger(name) for name in ("game", "celery")]
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
    yield found
    for logger in loggers:
        logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)


def about(lines: list[dict[str, Any]], words: str) -> dict[str, Any]:
    """The ids in the one line that has these words."""
    [line] = [line for line in lines if words in line["message"]]
    return {name: line[name] for name in ABOUT if name in line}


async def test_a_line_of_a_socket_names_its_room_and_player(
    lines: list[dict[str, Any]],
) -> None:
    player = uuid4()
    page = await Page("abcdef", player).open(b"\x7f")
    await page.until(lambda: page.closed)
    found = about(lines, "a malformed message")
    assert found == {"player": player.hex, "room": "abcdef"}


async def test_a_line_of_a_room_in_an_engine_names_it(
    engine: Engine,  # noqa: F811
    lines: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    room = await a_room()
    await passes(lambda: room in engine.rooms)
    with monkeypatch.context() as patch:
        patch.setattr(engine.rooms[room].room, "step", lambda: 1 / 0)
        await passes(lambda: any("failed in a tick" in line["message"] for line in lines))
    assert about(lines, "failed in a tick") == {"room": room}
    await store.aredis().hset(store.room("abcdef"), "settings", b"{")  # type: ignore[misc]
    await store.aredis().zadd(store.ROOMS, {"abcdef": 1})
    await passes(lambda: any("cannot be opened" in line["message"] for line in lines))
    assert about(lines, "cannot be opened") == {"room": "abcdef"}


def test_a_line_of_a_page_names_who_asked_for_it(lines: list[dict[str, Any]]) -> None:
    def page(_: HttpRequest) -> HttpResponse:
        logging.getLogger("game.test").info("asked for")
        return HttpResponse()

    player = uuid4()
    request = RequestFactory().get("/")
    request.COOKIES[identity.COOKIE] = identity.issue(player)
    GuestMiddleware(page)(request)
    assert about(lines, "asked for") == {"player": player.hex}
    logging.getLogger("game.test").info("later")
    assert about(lines, "later") == {}


def test_a_line_of_celery_itself_names_the_task(lines: list[dict[str, Any]]) -> None:
    told = {"data": {"id": "t-1", "name": "game.tasks.persist"}}
    logging.getLogger("celery.worker.strategy").info("Task received", extra=told)
    assert about(lines, "received") == {"task": "game.tasks.persist", "task_id": "t-1"}


def test_another_form_is_refused() -> None:
    command = [sys.executable, "manage.py", "check"]
    env = {**os.environ, "LOG_FORMAT": "xml"}
    ran = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert ran.returncode != 0
    assert "LOG_FORMAT is plain or json, not 'xml'." in ran.stderr


# --- Sentry ------------------------------------------------------------------------------------
def events(taken: list[tuple[bytes, Message]]) -> list[dict[str, Any]]:
    """The errors in what a Sentry of a test's own was sent."""
    found: list[dict[str, Any]] = []
    for body, headers in taken:
        text = gzip.decompress(body) if headers["Content-Encoding"] == "gzip" else body
        lines = [json.loads(line) for line in text.splitlines() if line.startswith(b"{")]
        found.extend(line for line in lines if "exception" in line)
    return found


DEFECT = """
import django, logging
django.setup()
def step(secret):
    raise ValueError("a defect")
for _ in range(40):
    try:
        step("a player's cookie")
    except ValueError:
        logging.getLogger("game.engine").exception("a room failed in a tick")
"""


def test_errors_reach_sentry_and_no_flood_does() -> None:
    with receiver() as (port, taken):
        env = {
            **os.environ,
            "SENTRY_DSN": f"http://key@127.0.0.1:{port}/1",
            "SENTRY_RELEASE": "1.2",
        }
        command = [sys.executable, "-c", DEFECT]
        subprocess.run(command, cwd=ROOT, env=env, check=True, capture_output=True, timeout=60)
    errors = events(taken)
    assert len(errors) == EVENTS_MOST
    assert errors[0]["release"] == "1.2"
    assert errors[0]["exception"]["values"][0]["type"] == "ValueError"
    frames = errors[0]["exception"]["values"][0]["stacktrace"]["frames"]
    assert not any("vars" in frame for frame in frames)  # a player's cookie may be among them


def test_nothing_is_sent_where_no_address_is_set() -> None:
    code = "import django, sys; django.setup(); print('sentry_sdk' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True)
    assert ran.stdout == b"False\n"
