"""What the operator's page knows of the database, also of one that does not answer."""

import threading
from collections.abc import Iterator

import pytest

from game.queues import database
from game.queues.database import Watch


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Iterator[Watch]:
    """One that asks each time, and waits a moment for an answer."""
    monkeypatch.setattr(database, "ASK_EVERY", 0.0)
    monkeypatch.setattr(database, "ANSWER_SECONDS", 5.0)
    watch = Watch()
    yield watch
    watch.close()
    watch._thread.shutdown()  # with its connection


@pytest.mark.django_db(transaction=True)
def test_a_database_that_answers(watch: Watch) -> None:
    found = watch.look(100.0)
    assert found["error"] == ""
    assert found["since"] is None
    assert 0 < found["latency"] < 5
    assert found["size"] > 1000
    if found["kind"] == "postgresql":
        assert 0 < found["clients"] < found["clients_most"]


def test_one_that_refuses_is_away_since_then_and_back_with_the_next_answer(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = {"latency": 0.1, "size": 5, "clients": None, "clients_most": None}
    refuse = True

    def ask() -> dict[str, object]:
        if refuse:
            raise OSError("Connection\nrefused")
        return answer

    monkeypatch.setattr(database, "_ask", ask)
    assert watch.look(100.0)["error"] == "OSError: Connection refused"
    assert watch.look(101.0)["since"] == 100.0
    refuse = False
    assert watch.look(102.0).items() >= {**answer, "error": "", "since": None}.items()
    refuse = True
    away = watch.look(103.0)
    assert (away["since"], away["size"]) == (103.0, 5)  # the last known


def test_one_that_hangs_holds_nobody_up_and_is_asked_once(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "ANSWER_SECONDS", 0.0)
    answers, asked = threading.Event(), []

    def ask() -> dict[str, object]:
        asked.append(1)
        assert answers.wait(10)
        return {"latency": 9.0, "size": 5, "clients": None, "clients_most": None}

    monkeypatch.setattr(database, "_ask", ask)
    for now in 100.0, 101.0, 102.0:
        away = watch.look(now)
        assert away["error"].startswith("no answer")
        assert away["since"] == 100.0
        assert away["latency"] is None
    assert len(asked) <= 1
    answers.set()
    monkeypatch.setattr(database, "ANSWER_SECONDS", 60.0)  # until it is there
    assert watch.look(103.0)["error"] == ""


def test_it_is_not_asked_each_second(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "ASK_EVERY", 60.0)
    asked: list[int] = []

    def ask() -> dict[str, object]:
        asked.append(1)
        return {"latency": 0.1, "size": 5, "clients": None, "clients_most": None}

    monkeypatch.setattr(database, "_ask", ask)
    assert watch.look(100.0) == watch.look(101.0)
    assert asked == [1]
