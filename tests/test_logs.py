"""Log lines as people and as collectors read them; errors that go to Sentry, not in floods."""

import gzip
import json
import logging
import logging.config
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from structlog.contextvars import bound_contextvars

from kogame.logs import logging_config
from kogame.sentry import EVENTS_MOST
from tests.processes import ROOT


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


def test_another_form_is_refused() -> None:
    command = [sys.executable, "manage.py", "check"]
    env = {**os.environ, "LOG_FORMAT": "xml"}
    ran = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert ran.returncode != 0
    assert "LOG_FORMAT is plain or json, not 'xml'." in ran.stderr


# --- Sentry ------------------------------------------------------------------------------------
@contextmanager
def receiver() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A Sentry of a test's own: its DSN, and the events that came."""
    events: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers["Content-Encoding"] == "gzip":
                body = gzip.decompress(body)
            lines = [json.loads(line) for line in body.splitlines() if line.startswith(b"{")]
            events.extend(line for line in lines if "exception" in line)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://key@127.0.0.1:{server.server_port}/1", events
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


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
    with receiver() as (dsn, events):
        env = {**os.environ, "SENTRY_DSN": dsn, "SENTRY_RELEASE": "1.2"}
        command = [sys.executable, "-c", DEFECT]
        subprocess.run(command, cwd=ROOT, env=env, check=True, capture_output=True, timeout=60)
    assert len(events) == EVENTS_MOST
    assert events[0]["release"] == "1.2"
    assert events[0]["exception"]["values"][0]["type"] == "ValueError"
    frames = events[0]["exception"]["values"][0]["stacktrace"]["frames"]
    assert not any("vars" in frame for frame in frames)  # a player's cookie may be among them


def test_nothing_is_sent_where_no_address_is_set() -> None:
    code = "import django, sys; django.setup(); print('sentry_sdk' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True)
    assert ran.stdout == b"False\n"
