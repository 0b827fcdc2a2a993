"""Log lines as people and as collectors read them; errors that go to Sentry, not in floods."""

import gzip
import json
import logging
import logging.config
import os
import subprocess
import sys
from email.message import Message
from typing import Any

import pytest
from structlog.contextvars import bound_contextvars

from kogame.logs import logging_config
from kogame.sentry import EVENTS_MOST
from tests.processes import ROOT
from tests.receiver import receiver


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
