"""An outage is one line in the log, and its end another."""

import logging

import pytest

from game import outage
from game.outage import Outage

LOG = logging.getLogger("tests.outage")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(outage.time, "monotonic", lambda: now[0])
    return now


def test_an_outage_is_said_once_and_so_is_its_end(
    clock: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, LOG.name)
    it = Outage(LOG, "It is back.")
    it.over()
    for _ in range(3):
        it.felt("It is away (%s).", "refused")
        clock[0] += 60
    it.over()
    it.over()
    assert caplog.messages == ["It is away (refused).", "It is back."]


def test_who_is_told_to_leaves_the_saying_to_another(
    clock: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    """A pool process knows of the outage, and says neither that it begins nor that it ends."""
    caplog.set_level(logging.INFO, LOG.name)
    it = Outage(LOG, "It is back.")
    it.hush()
    it.felt("away")
    assert it.on
    it.over()
    assert not it.on
    assert caplog.messages == []


def test_a_late_failure_of_an_outage_is_no_new_one(
    clock: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever asked before the return hears of it when its own time-out ends."""
    caplog.set_level(logging.WARNING, LOG.name)
    it = Outage(LOG, "It is back.")
    it.felt("first")
    it.over()
    clock[0] += outage.ECHO_SECONDS - 1
    assert it.near
    it.felt("echo")
    assert caplog.messages == ["first"]
    it.over()
    clock[0] += 2
    assert not it.near
    it.felt("second")
    assert caplog.messages == ["first", "second"]


def test_an_outage_that_nobody_feels_any_more_is_over(clock: list[float]) -> None:
    it = Outage(LOG, "It is back.")
    assert not it.on
    it.felt("away")
    assert it.on
    clock[0] += outage.FELT_SECONDS + 1
    assert not it.on
    it.felt("away")
    it.over()
    assert not it.on
