"""A process's internal port: its figures for Prometheus, and whether it lives and can work.

KOGAME_METRICS_PORT names the port; without it there is none. It tells much and asks for nothing,
so it listens on this machine only, unless KOGAME_METRICS_HOST says otherwise.
"""

import json
import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from django.conf import settings
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    InfoMetricFamily,
    Metric,
    SummaryMetricFamily,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from game import metrics, store
from game.queues import election

log = logging.getLogger(__name__)

TURN_SECONDS = 10.0  # a main loop that has not turned for so long hangs; restart the process
REPORT_SECONDS = 5.0  # a process that Redis has not heard for so long cannot work; see EXPIRES_MS
ANSWER_SECONDS = 5.0  # who does not send or take within that is cut; one is answered at a time
BACKLOG = 8  # connections that may wait for their turn

Answer = tuple[str, str, bytes]  # status, content type, body


# --- Prometheus ------------------------------------------------------------------------------
class Figures(Collector):
    """Everything `game.metrics` knows of this process, under its own names."""

    def collect(self) -> Iterator[Metric]:
        """The families; close codes become a label, measured times a summary and a window."""
        report = metrics.report()
        counters, gauges = report["counters"], report["gauges"]
        told = {"kind": report["kind"], "id": report["id"]}
        yield InfoMetricFamily("kogame_process", "which process this is", value=told)
        closed = CounterMetricFamily(
            "kogame_web_closed", "sockets closed, by code", labels=["code"]
        )
        for name, meaning in metrics.COUNTERS.items():
            if name.startswith("web.closed."):
                closed.add_metric([name.rpartition(".")[2]], counters.get(name, 0))
            # From the start, at zero: else the first one counted would be no increase.
            elif name in counters or _of(name) not in metrics.KINDS or _of(name) == report["kind"]:
                yield CounterMetricFamily(_name(name), meaning, counters.get(name, 0))
        if report["kind"] == "web":
            yield closed
        for name, value in gauges.items():
            yield GaugeMetricFamily(_name(name), metrics.GAUGES[name], value)
        for name, spread in report["observed"].items():
            yield from _spread(name, spread)
        yield GaugeMetricFamily(
            "kogame_process_loop_age_seconds", "seconds since the main loop turned", loop_age()
        )


def _name(name: str) -> str:
    return "kogame_" + name.replace(".", "_")


def _of(name: str) -> str:
    """What a figure is of: a kind of process, or something that several kinds have."""
    return name.partition(".")[0]


def _spread(name: str, spread: dict[str, float]) -> Iterator[Metric]:
    meaning = metrics.OBSERVATIONS[name]
    yield SummaryMetricFamily(_name(name), meaning, int(spread["n"]), spread["sum"])
    window = GaugeMetricFamily(
        f"{_name(name)}_window", f"{meaning}, of the last {metrics.WINDOW_SECONDS} s", labels=["q"]
    )
    for which in ("p50", "p99", "max"):
        if which in spread:
            window.add_metric([which], spread[which])
    yield window


class Queues(Collector):
    """What the sampler last found, told by the process that is the sampler and by no other.

    Asking the broker for each scrape of each process would load it, and tell everything often.
    """

    def collect(self) -> Iterator[Metric]:
        """Depths and ages by queue, the outbox, Redis and the database; nothing without Redis."""
        try:
            sample = election.read(store.redis())
        except store.FAILURES:
            return
        if sample is None or sample["by"] != metrics.identity():
            return
        up = not sample["broker"]["error"]
        yield GaugeMetricFamily("kogame_broker_up", "whether the task broker answers", int(up))
        if up:
            yield from _queues(sample["queues"])
        outbox, server = sample["outbox"], sample["redis"]
        for name, meaning, value in (
            ("outbox_length", "finished lives that wait for the database", outbox["length"]),
            ("outbox_oldest_seconds", "age of the oldest of them", outbox["oldest"] or 0),
            ("outbox_bad", "outbox entries that could not be read", outbox["bad"]),
            ("redis_latency_seconds", "how long Redis took to answer", server["latency"]),
            ("redis_memory_bytes", "memory that Redis uses", server["memory"]),
            ("redis_memory_most_bytes", "its limit; 0: none", server["memory_most"]),
            ("redis_evicted_keys", "keys that Redis threw away", server["evicted"]),
            ("redis_aof_ok", "whether it keeps its file", int(server["aof"] and server["aof_ok"])),
        ):
            yield GaugeMetricFamily(f"kogame_{name}", meaning, value)
        if database := sample.get("database"):  # a sampler of an older release has none
            yield from _database(database)


def _database(server: dict[str, Any]) -> Iterator[Metric]:
    up = not server["error"]
    yield GaugeMetricFamily("kogame_database_up", "whether the database answers", int(up))
    for key, name, meaning in (
        ("latency", "database_latency_seconds", "how long the database took to answer"),
        ("size", "database_bytes", "what the database holds"),
        ("clients", "database_clients", "connections to the database server"),
        ("clients_most", "database_clients_most", "connections that it takes"),
    ):
        if up and server[key] is not None:
            yield GaugeMetricFamily(f"kogame_{name}", meaning, server[key])


def _queues(rows: Iterable[dict[str, Any]]) -> Iterator[Metric]:
    for key, name, meaning in (
        ("ready", "queue_ready", "tasks that wait in the queue"),
        ("in_flight", "queue_in_flight", "tasks fetched by workers and not acknowledged"),
        ("oldest_ready", "queue_oldest_seconds", "age of the oldest waiting task"),
        ("consumers", "queue_consumers", "workers on the queue, as the broker counts them"),
    ):
        family = GaugeMetricFamily(f"kogame_{name}", meaning, labels=["queue"])
        for row in rows:
            if row[key] is not None:
                family.add_metric([row["name"]], row[key])
        yield family


# --- Life and readiness ----------------------------------------------------------------------
def loop_age() -> float:
    """Seconds since this process's main loop last turned; a worker's says so in a gauge."""
    age = metrics.report()["gauges"].get("worker.loop_age")
    return metrics.since_turn() if age is None else age


def healthz() -> Answer:
    """200 while the main loop turns; 503 means that only a restart helps."""
    age = loop_age()
    if age < TURN_SECONDS:
        return "200 OK", "text/plain", b"ok\n"
    said = f"the main loop has not turned for {age:.0f} s\n"
    return "503 Service Unavailable", "text/plain", said.encode()


def readyz() -> Answer:
    """200 while Redis takes this process's reports, and operators do not drain it of players."""
    age = metrics.since_report()
    turns = age < REPORT_SECONDS and loop_age() < TURN_SECONDS
    said = "ok" if turns else f"Redis has not taken a report of this process for {age:.0f} s"
    drained = bool(metrics.level("web.drained"))
    ready = turns and not drained
    body = json.dumps({"ready": ready, "redis": said, "drained": drained}).encode()
    return ("200 OK" if ready else "503 Service Unavailable"), "application/json", body


# --- The port --------------------------------------------------------------------------------
class _Handler(WSGIRequestHandler):
    timeout = ANSWER_SECONDS  # socketserver's own name for it

    def log_message(self, *_: Any) -> None:
        """A scrape every few seconds is no news."""


class _Server(WSGIServer):
    request_queue_size = BACKLOG

    def handle_error(self, request: Any, client_address: Any) -> None:
        log.debug("a request on the internal port failed", exc_info=True)


def application() -> Callable[..., Iterable[bytes]]:
    """The three pages as WSGI."""
    registry = CollectorRegistry(auto_describe=False)
    for collector in (Figures(), Queues()):
        registry.register(collector)
    for standard in (ProcessCollector, PlatformCollector, GCCollector):
        standard(registry=registry)

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        status, kind, body = "404 Not Found", "text/plain", b"/metrics, /healthz, /readyz\n"
        match environ["PATH_INFO"]:
            case "/metrics":
                encode, kind = choose_encoder(environ.get("HTTP_ACCEPT", ""))
                status, body = "200 OK", encode(registry)
            case "/healthz":
                status, kind, body = healthz()
            case "/readyz":
                status, kind, body = readyz()
        start_response(status, [("Content-Type", kind), ("Content-Length", str(len(body)))])
        return [body]

    return answer


def open_port() -> WSGIServer | None:
    """Serve in a thread of its own, if a port is set; a taken port is said and costs nothing else.

    Close it with `shutdown()`; the thread ends with the process anyway.
    """
    host, port = settings.KOGAME_METRICS_HOST, settings.KOGAME_METRICS_PORT
    if not port:
        return None
    try:
        server = make_server(host, port, application(), _Server, _Handler)
    except (OSError, OverflowError) as error:
        log.error(
            "No figures for Prometheus: %s:%s cannot be listened on (%s). Give each process on a "
            "machine a KOGAME_METRICS_PORT of its own.",
            host,
            port,
            error,
        )
        return None
    threading.Thread(target=server.serve_forever, name="internal", daemon=True).start()
    return server
