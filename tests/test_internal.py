"""The internal port: what Prometheus reads, and when a process counts as alive and ready."""

import json
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from wsgiref.util import setup_testing_defaults

import pytest
from prometheus_client.parser import text_string_to_metric_families

from game import internal, metrics, store
from game.queues import election
from tests import processes


@pytest.fixture(autouse=True)
def _own_figures() -> Iterator[None]:
    metrics.start("web", "here")
    store.redis().delete(election.KEY)
    yield
    metrics.start("web", "here")
    store.redis().delete(election.KEY)


def ask(path: str) -> tuple[str, str]:
    """Status and text of a page of the port."""
    environ: dict[str, Any] = {}
    setup_testing_defaults(environ)
    environ["PATH_INFO"] = path
    status: list[str] = []
    body = internal.application()(environ, lambda said, headers: status.append(said))
    return status[0], b"".join(body).decode()


def series(text: str) -> dict[tuple[str, str], float]:
    """Every sample as (name, its labels' values) → value."""
    return {
        (sample.name, "/".join(sample.labels[name] for name in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_every_kind_of_figure_is_told() -> None:
    metrics.count("web.messages_in", 3)
    metrics.count("web.closed.4012", 2)
    metrics.count("web.closed.4999")
    metrics.gauge("web.connections", 7)
    for seconds in (0.1, 0.3):
        metrics.observe("process.loop_lag_seconds", seconds)
    status, text = ask("/metrics")
    found = series(text)
    assert status == "200 OK"
    assert found["kogame_process_info", "here/web"] == 1
    assert found["kogame_web_messages_in_total", ""] == 3
    assert found["kogame_web_refused_total", ""] == 0
    assert found["kogame_web_closed_total", "4012"] == 2
    assert found["kogame_web_closed_total", "other"] == 1
    assert found["kogame_web_connections", ""] == 7
    assert found["kogame_process_loop_lag_seconds_count", ""] == 2
    assert found["kogame_process_loop_lag_seconds_sum", ""] == pytest.approx(0.4)
    assert found["kogame_process_loop_lag_seconds_window", "max"] == 0.3
    assert found["process_open_fds", ""] > 3
    assert not any(name.startswith("kogame_engine") for name, _ in found)


SAMPLE = {
    "broker": {"kind": "redis", "error": "", "since": None, "alarms": []},
    "queues": [
        {"name": "scores", "ready": 4, "in_flight": None, "oldest_ready": 2.5, "consumers": 1}
    ],
    "outbox": {"length": 9, "oldest": None, "bad": 0},
    "redis": {
        "latency": 0.001,
        "memory": 1000,
        "memory_most": 0,
        "evicted": 0,
        "aof": True,
        "aof_ok": True,
    },
    "database": {
        **{"kind": "postgresql", "latency": 0.002, "size": 5000, "clients": 7, "clients_most": 100},
        **{"error": "", "since": None},
    },
}


def test_only_the_sampler_tells_of_the_queues() -> None:
    store.redis().set(election.KEY, json.dumps({**SAMPLE, "by": "web:another"}))
    assert "kogame_queue_ready" not in ask("/metrics")[1]
    store.redis().set(election.KEY, json.dumps({**SAMPLE, "by": "web:here"}))
    found = series(ask("/metrics")[1])
    assert found["kogame_queue_ready", "scores"] == 4
    assert ("kogame_queue_in_flight", "scores") not in found
    assert found["kogame_outbox_length", ""] == 9
    assert found["kogame_redis_aof_ok", ""] == found["kogame_broker_up", ""] == 1
    assert found["kogame_database_up", ""] == 1
    assert found["kogame_database_clients", ""] == 7


def test_a_database_that_is_away_tells_no_figures() -> None:
    away = {**SAMPLE, "by": "web:here", "database": {**SAMPLE["database"], "error": "refused"}}
    store.redis().set(election.KEY, json.dumps(away))
    found = series(ask("/metrics")[1])
    assert found["kogame_database_up", ""] == 0
    assert ("kogame_database_latency_seconds", "") not in found


def test_a_broker_that_is_away_is_told_and_its_last_depths_are_not() -> None:
    away = {**SAMPLE, "by": "web:here", "broker": {**SAMPLE["broker"], "error": "refused"}}
    store.redis().set(election.KEY, json.dumps(away))
    found = series(ask("/metrics")[1])
    assert found["kogame_broker_up", ""] == 0
    assert ("kogame_queue_ready", "scores") not in found


def test_a_loop_that_hangs_is_unhealthy(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ask("/healthz") == ("200 OK", "ok\n")
    monkeypatch.setattr(metrics._here, "turned", time.monotonic() - 11)
    status, said = ask("/healthz")
    assert status.startswith("503")
    assert said == "the main loop has not turned for 11 s\n"


def test_a_worker_says_itself_when_its_loop_hangs() -> None:
    metrics.start("worker", "here")
    metrics.gauge("worker.loop_age", 30)
    assert ask("/healthz")[0].startswith("503")
    assert ask("/readyz")[0].startswith("503")


async def test_a_process_is_ready_while_redis_takes_its_reports(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(metrics._here, "reported", time.monotonic() - 6)
    status, said = ask("/readyz")
    assert status.startswith("503")
    assert json.loads(said)["redis"] == "Redis has not taken a report of this process for 6 s"
    await metrics.publish(store.aredis())
    assert ask("/readyz")[0] == "200 OK"
    await store.close_aredis()


def test_an_unknown_page_names_the_known_ones() -> None:
    assert ask("/") == ("404 Not Found", "/metrics, /healthz, /readyz\n")


def page(port: int, path: str) -> str:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return str(answer.read().decode())
    except (urllib.error.URLError, OSError):
        return ""


@pytest.mark.parametrize("kind", ["web", "engine", "worker", "beat"])
def test_a_real_process_tells_of_itself(kind: str, tmp_path: Path) -> None:
    command = {
        "web": ["-m", "kogame.server", "--port", str(processes.free_port())],
        "engine": ["manage.py", "runengine"],
        "worker": ["-m", "celery", "-A", "kogame", "worker", "-c", "1", "-n", "internal@test"],
        "beat": [
            "-m",
            "celery",
            "-A",
            "kogame",
            "beat",
            "--pidfile",
            "",
            "-s",
            str(tmp_path / "schedule"),
        ],
    }
    processes.migrated()
    port = processes.free_port()
    with processes.process(*command[kind], KOGAME_METRICS_PORT=str(port)):
        processes.wait(lambda: page(port, "/readyz"), 40, "readiness")
        assert page(port, "/healthz") == "ok\n"
        found = series(page(port, "/metrics"))
        [told] = [labels for name, labels in found if name == "kogame_process_info"]
        assert kind in told.split("/")


def test_a_taken_port_is_said_and_the_engine_runs_all_the_same() -> None:
    port = processes.free_port()
    with processes.engine(KOGAME_METRICS_PORT=str(port)):
        processes.wait(lambda: page(port, "/readyz"), 40, "the first engine's readiness")
        command = [processes.sys.executable, "manage.py", "runengine"]
        env = {**processes.os.environ, "KOGAME_METRICS_PORT": str(port)}
        second = subprocess.Popen(
            command, cwd=processes.ROOT, env=env, stderr=subprocess.PIPE, text=True
        )
        assert second.stderr is not None
        with second, second.stderr as said:
            lines = iter(said.readline, "")
            assert any("a KOGAME_METRICS_PORT of its own" in line for line in lines)
            assert second.poll() is None
            second.terminate()
