"""What Prometheus and Grafana are told to look at is there."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from prometheus_client.registry import CollectorRegistry

from game import engine, internal, metrics, store
from game.console import runbook, words
from game.queues import election
from tests.test_internal import SAMPLE

CONFIG = Path(__file__).resolve().parent.parent / "config"
ALERTS: list[dict[str, Any]] = yaml.safe_load((CONFIG / "prometheus/alerts.yml").read_text())[
    "groups"
][0]["rules"]
BOARD: dict[str, Any] = json.loads((CONFIG / "grafana/kogame.json").read_text())
STANDARD = {"up", "process_cpu_seconds_total", "process_resident_memory_bytes"}


@pytest.fixture(scope="module")
def told() -> set[str]:
    """The name of every series that some process of Kogame has."""
    names = set(STANDARD)
    for kind in metrics.KINDS:
        metrics.start(kind, "here")
        store.redis().set(election.KEY, json.dumps({**SAMPLE, "by": metrics.identity()}))
        for gauge in metrics.GAUGES:
            metrics.gauge(gauge, 0)
        for name in metrics.OBSERVATIONS:
            metrics.observe(name, 0.1)
        registry = CollectorRegistry()
        registry.register(internal.Figures())
        registry.register(internal.Queues())
        names |= {sample.name for family in registry.collect() for sample in family.samples}
    store.redis().delete(election.KEY)
    metrics.start("web", "here")
    return names


def series(expression: str) -> set[str]:
    """The series that an expression reads."""
    return set(re.findall(r"\b(?:kogame|process|up)\w*", re.sub(r"by \(\w+\)", "", expression)))


@pytest.mark.parametrize("alert", [rule["alert"] for rule in ALERTS])
def test_every_alarm_reads_what_is_told(alert: str, told: set[str]) -> None:
    [rule] = [rule for rule in ALERTS if rule["alert"] == alert]
    read = series(rule["expr"]) - {"kogame"}  # the job's name
    assert read
    assert read <= told
    assert rule["labels"]["severity"] in {"page", "ticket"}


@pytest.mark.parametrize("title", [panel["title"] for panel in BOARD["panels"]])
def test_every_panel_reads_what_is_told(title: str, told: set[str]) -> None:
    [panel] = [panel for panel in BOARD["panels"] if panel["title"] == title]
    for target in panel["targets"]:
        assert series(target["expr"])
        assert series(target["expr"]) <= told


def test_no_two_panels_lie_on_each_other() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in BOARD["panels"]:
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert at["x"] + at["w"] <= 24
        assert not cells & taken
        taken |= cells


def bounds(alert: str) -> list[float]:
    """What the figures of an alarm are compared with."""
    [rule] = [rule for rule in ALERTS if rule["alert"] == alert]
    return [float(bound) for bound in re.findall(r"> ([\d.]+)", rule["expr"])]


@pytest.mark.parametrize(
    ("alert", "said"),
    [
        ("LoopHangs", [words.HUNG]),
        ("ProcessOverloaded", [words.LAG, words.JOINED]),
        ("QueueStuck", [words.STUCK]),
        ("ScoresWait", [words.OUTBOX_STUCK, words.OUTBOX_ALARM]),
        ("RedisSlow", [words.LATENCY]),
        ("DatabaseSlow", [words.DATABASE_LATENCY, words.DATABASE_CLIENTS]),
        ("RedisFull", [0, words.MEMORY, 0]),
    ],
)
def test_an_alarm_and_the_page_mean_the_same(alert: str, said: list[float]) -> None:
    assert bounds(alert) == said


def test_what_hangs_and_what_is_full_is_one_number() -> None:
    assert internal.TURN_SECONDS == words.HUNG
    assert engine.OUTBOX_BOUND == words.OUTBOX_MOST


# --- The runbook -----------------------------------------------------------------------------
def slug(alert: str) -> str:
    """QueueStuck → queue-stuck."""
    return re.sub(r"(?<!^)([A-Z])", r"-\1", alert).lower()


@pytest.mark.parametrize("alert", [rule["alert"] for rule in ALERTS])
def test_every_alarm_has_its_page(alert: str) -> None:
    assert slug(alert) in runbook.pages()


@pytest.mark.parametrize("alarm", sorted(path.stem for path in runbook.FOLDER.glob("*.md")))
def test_a_page_says_what_it_means_where_to_look_and_what_to_do(alarm: str) -> None:
    title, text = runbook.pages()[alarm]
    assert title
    assert re.findall(r"<h2>(.*)</h2>", text) == ["What players notice", "Look at", "Do"]
    for figure in re.findall(r"<code>((?:web|engine|layer|queues)\.\w+)</code>", text):
        assert figure in metrics.meanings(), figure


def test_what_the_metrics_page_says_leads_to_a_page() -> None:
    source = (CONFIG.parent / "game/console/words.py").read_text()
    named = set(re.findall(r'"([a-z]+(?:-[a-z]+)+)"', source))
    assert len(named) > 15
    kinds = {f"no-{kind}" for kind in metrics.KINDS} - {"no-web"}  # who would show it?
    assert named | kinds <= set(runbook.pages())


@pytest.mark.django_db
def test_the_admin_shows_them_to_who_may_see_the_metrics(client: Client) -> None:
    address = reverse("admin:metrics_runbook", args=["queue-stuck"])
    client.force_login(User.objects.create_user("sam", is_staff=True))
    assert client.get(address).status_code == 403
    client.force_login(User.objects.create_superuser("olga"))
    assert "every write behind it" in client.get(address).content.decode()
    assert address in client.get(reverse("admin:metrics_runbook")).content.decode()
    assert client.get(reverse("admin:metrics_runbook", args=["nothing"])).status_code == 404
