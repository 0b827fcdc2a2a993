"""One sample: every queue of the broker, the score outbox, Redis itself, and the database."""

import contextlib
import time
from collections import deque
from typing import TYPE_CHECKING, Any, cast

import redis
from celery import current_app

from game import history, metrics, store
from game.queues import database, on_rabbitmq, on_redis, pauses

if TYPE_CHECKING:
    from celery import Celery

ANSWER_SECONDS = 1.0  # per answer of the broker: a sample has three in all
HISTORY = 60  # samples kept per queue: a minute, enough to say that a queue grows
QUEUES_MOST = 200  # queues sampled; more would be a naming accident, and the page says how many
GROWN = 30  # samples: a queue grows when it is longer now than it was at any time then
GROWING_FROM = 10  # waiting tasks; below that nobody needs to look
NEVER_GROWN = 20  # samples: too little history to say anything

OUTBOX_BAD = "kg:outbox:bad"  # stream: entries that could not be read as a life, kept for people


class Sampler:
    """Asks the broker, over one connection that it keeps; not for two threads at once."""

    def __init__(self, app: "Celery | None" = None) -> None:
        self._app = app or current_app
        self._connection: Any = None
        self._channel: Any = None
        self._management: on_rabbitmq.Management | None = None
        self._history: dict[str, deque[int]] = {}
        self._last: dict[str, Any] = {}
        self._database = database.Watch()
        self._recorder = history.Recorder(store.redis())

    def remember(self, sample: dict[str, Any] | None) -> None:
        """Go on from another sampler's last sample: its history, its broker's state."""
        self._last = sample or {}
        for row in self._last.get("queues", []):
            self._history[row["name"]] = deque(row["history"], HISTORY)

    def sample(self) -> dict[str, Any]:
        """Everything asked for at this moment, in under three seconds, as plain data.

        {"at", "by", "broker": {"kind", "error", "since", "alarms"}, "queues": [...],
         "outbox": {...}, "redis": {...}, "database": {...}}.
        A broker that is away leaves the queues as last known.
        """
        now, report = metrics.clock(store.redis()), metrics.identity()
        broker, rows = self._broker(now)
        paused = pauses.read(store.redis())
        for row in rows:
            row["paused"] = row["name"] in paused
        self._last = {
            "at": now,
            "by": report,
            "broker": broker,
            "queues": rows,
            "outbox": _outbox(store.redis(), now),
            "redis": _redis(store.redis()),
            "database": self._database.look(now),
        }
        self._recorder.take(self._last)
        return self._last

    def _broker(self, now: float) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """The broker's state and its queues; when it is away: since when, and the last known."""
        try:
            kind, rows, alarms = self._ask()
        except Exception as error:  # any library may stand behind a broker URL; each has its own
            self.hang_up()
            was = self._last.get("broker") or {}
            since = was.get("since") or now
            kind = was.get("kind") or str(self._app.conf.broker_url).partition(":")[0]
            words = f"{type(error).__name__}: {error}"[:200]
            away: dict[str, Any] = {"kind": kind, "error": words, "since": since, "alarms": []}
            return away, self._last.get("queues") or []
        for row in rows:
            history = self._history.setdefault(row["name"], deque(maxlen=HISTORY))
            history.append(row["ready"])
            row["growing"] = growing(list(history))
            row["history"] = list(history)
        return {"kind": kind, "error": "", "since": None, "alarms": alarms}, rows

    def _ask(self) -> tuple[str, list[dict[str, Any]], list[str]]:
        """Connect if need be, and ask for every queue that the settings declare."""
        if self._connection is None:
            self._connect()
        queues = {
            name: queue.routing_key or name
            for name, queue in list(self._app.amqp.queues.items())[:QUEUES_MOST]
        }
        if self._connection.transport.driver_type == "redis":
            return "redis", on_redis.depths(self._channel, queues), []
        rows = on_rabbitmq.depths(self._channel.connection.channel(), queues)
        management = cast("on_rabbitmq.Management", self._management)
        in_flight = management.in_flight()
        for row in rows:
            row["in_flight"] = None if in_flight is None else in_flight.get(row["name"])
        return "rabbitmq", rows, management.alarms() if in_flight is not None else []

    def _connect(self) -> None:
        wanted = self._app.connection_for_read()
        limits = {
            "redis": {"socket_timeout": ANSWER_SECONDS, "socket_connect_timeout": ANSWER_SECONDS},
            "amqp": {"read_timeout": ANSWER_SECONDS, "write_timeout": ANSWER_SECONDS},
        }
        driver = wanted.transport.driver_type
        if driver not in limits:
            raise RuntimeError(f"Queues on {driver} cannot be measured; use Redis or RabbitMQ.")
        self._connection = wanted.clone(
            connect_timeout=ANSWER_SECONDS,
            transport_options={**wanted.transport_options, **limits[driver]},
        )
        self._connection.connect()
        self._channel = self._connection.channel()
        self._management = on_rabbitmq.Management(
            wanted.hostname, wanted.userid, wanted.password, wanted.virtual_host
        )

    def close(self) -> None:
        """Let every connection go, for good."""
        self.hang_up()
        self._database.close()

    def hang_up(self) -> None:
        """Let the connection to the broker go; the next sample makes another."""
        connection, self._connection, self._channel = self._connection, None, None
        if connection is not None:
            with contextlib.suppress(Exception):  # it is being thrown away because it failed
                connection.release()


def growing(history: list[int]) -> bool:
    """Whether a queue's shortest of late is above its longest of before: trend, not flicker."""
    before, late = history[-GROWN : -GROWN // 3], history[-GROWN // 3 :]
    if len(history) < NEVER_GROWN:
        return False
    return history[-1] >= GROWING_FROM and min(late) > max(before)


def _outbox(server: "redis.Redis", now: float) -> dict[str, Any]:
    """How many finished lives wait for the database, since when, and how many were unreadable."""
    pipe = server.pipeline(transaction=False)
    pipe.xlen(store.OUTBOX)
    pipe.xrange(store.OUTBOX, count=1)
    pipe.xlen(OUTBOX_BAD)
    length, first, bad = pipe.execute()
    oldest = max(0.0, now - int(first[0][0].split(b"-")[0]) / 1000) if first else None
    return {"length": length, "oldest": oldest, "bad": bad}


def _redis(server: "redis.Redis") -> dict[str, Any]:
    """Redis' own figures, and how long it took to answer."""
    started = time.perf_counter()
    server.ping()
    latency = time.perf_counter() - started
    info = server.info("memory", "clients", "stats", "persistence")
    return {
        "latency": latency,
        "memory": info.get("used_memory", 0),
        "memory_most": info.get("maxmemory", 0),
        "clients": info.get("connected_clients", 0),
        "commands": info.get("instantaneous_ops_per_sec", 0),
        "evicted": info.get("evicted_keys", 0),
        "rejected": info.get("rejected_connections", 0),
        "aof": bool(info.get("aof_enabled", 0)),
        "aof_ok": info.get("aof_last_write_status", "ok") == "ok",
    }
