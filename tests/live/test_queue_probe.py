"""The queue probe as operators start it: real brokers, several at once, nothing of Django."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings

from game.queues import address, probe
from tests.conftest import absent
from tests.live.fleet import ROOT, until
from tests.live.queue_broker import Bench
from tests.receiver import receiver

RABBITMQ = os.environ.get("TEST_RABBITMQ_URL", "amqp://guest:guest@127.0.0.1:5672//")
NOWHERE = "redis://127.0.0.1:1/0"


@pytest.fixture(params=["redis", "rabbitmq"])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    if request.param == "rabbitmq":
        parts = urlsplit(RABBITMQ)
        try:
            socket.create_connection((parts.hostname or "", parts.port or 5672), 1).close()
        except OSError as error:
            absent("RabbitMQ", str(error))
    bench = Bench(address.url(settings.REDIS_URL) if request.param == "redis" else RABBITMQ)
    yield bench
    bench.clean()


def of(bench: Bench) -> list[str]:
    """The flags that name a broker and its queues."""
    return ["--broker", bench.broker, *(word for name in bench.names for word in ("--queue", name))]


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "game.queues.probe", *words]


def once(*words: str) -> "subprocess.CompletedProcess[str]":
    """One turn of a probe; its whole output."""
    return subprocess.run(
        command("--once", *words), cwd=ROOT, capture_output=True, text=True, timeout=30, check=False
    )


def events(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_it_tells_how_long_each_queue_is(bench: Bench) -> None:
    scores, odd = bench.names
    bench.publish(scores, 3)
    bench.publish(scores, 2, priority=9 if "redis" in bench.broker else None)
    bench.publish(odd, 4)
    said = once(*of(bench))
    assert said.returncode == 0, said.stderr
    told = {event["queue"]: event for event in events(said.stdout)}
    assert [told[name]["length"] for name in (scores, odd)] == [5, 4]
    assert {event["eventType"] for event in told.values()} == {"QueueLength"}
    assert bench.drain() == {scores: 5, odd: 4}


def test_two_probes_tell_of_each_interval_once_and_one_takes_over(
    bench: Bench, tmp_path: Path
) -> None:
    words = (*of(bench), "--every", "1")
    logs = [tmp_path / "one", tmp_path / "two"]
    probes = []
    try:
        for log in logs:
            with log.open("wb") as file:
                probes.append(subprocess.Popen(command(*words), cwd=ROOT, stdout=file))

        def told() -> list[str]:
            return [event["id"] for log in logs for event in events(log.read_text())]

        until(lambda: len(told()) >= 6, "three intervals were told of")
        teller = max((0, 1), key=lambda n: len(logs[n].read_text()))
        probes[teller].kill()
        probes[teller].wait()
        before = len(told())
        until(lambda: len(told()) >= before + 4, "the other one told of two more")
        assert len(set(told())) == len(told())
        probes[1 - teller].terminate()
        assert probes[1 - teller].wait(10) == 0
    finally:
        for process in probes:
            process.kill()
            process.wait()


def test_it_needs_neither_django_nor_celery() -> None:
    code = "import sys, game.queues.probe; print({'django', 'celery'} & set(sys.modules))"
    said = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True)
    assert said.stdout == b"set()\n"


def test_it_knows_kogames_own_queues() -> None:
    assert probe.settings([]).queue == list(settings.CELERY_TASK_QUEUES)


def test_it_posts_all_events_of_an_interval_at_once(bench: Bench) -> None:
    bench.publish(bench.names[0], 2)
    with receiver(204) as (port, taken):
        url = f"http://127.0.0.1:{port}/events"
        said = once(*of(bench), "--header", "X-Key: k:1", "--url", url)
    assert (said.returncode, said.stdout, said.stderr) == (0, "", "")
    [(body, headers)] = taken
    assert [event["length"] for event in json.loads(body)] == [2, 0]
    assert headers["X-Key"] == "k:1"


def test_events_that_nobody_takes_are_a_sentence(bench: Bench) -> None:
    with receiver(500) as (port, _):
        url = f"http://127.0.0.1:{port}/events"
        said = once(*of(bench), "--url", url)
    assert said.returncode == 1
    assert "nobody took the events" in said.stderr
    assert "Traceback" not in said.stderr


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("--broker", NOWHERE), 1, "the broker does not answer"),
        (("--broker", "smoke://signals"), 2, "no broker's address"),
        (("--queue", " "), 2, "which queues?"),
        (("--every", "0"), 2, "at least 1 s"),
        (("--url", "file:///etc/passwd"), 2, "http:// or https://"),
        (("--header", "nothing"), 2, 'a header is "Name: value"'),
    ],
)
def test_what_is_wrong_is_said(words: tuple[str, ...], code: int, sentence: str) -> None:
    said = once(*words)
    assert said.returncode == code
    assert sentence in said.stderr
    assert "Traceback" not in said.stderr


def test_trouble_is_said_once(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as log:
        running = subprocess.Popen(
            command("--broker", NOWHERE, "--every", "1"), cwd=ROOT, stderr=log
        )
    try:
        until(lambda: "does not answer" in (tmp_path / "log").read_text(), "it said so")
        with pytest.raises(subprocess.TimeoutExpired):  # two intervals: time is the subject
            running.wait(2)
        assert len((tmp_path / "log").read_text().splitlines()) == 1
    finally:
        running.kill()
        running.wait()
