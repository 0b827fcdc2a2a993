"""The queue probe: tells once an interval how long each task queue is, and needs no Django.

    python -m game.queues.probe --every 10
    {"eventType": "QueueLength", "queue": "scores", "length": 12, …}

One JSON object per queue and interval, a line each on standard output, or all of an interval as
one array, posted to an address. Several may run: each interval is claimed at the broker, and only
one of them tells of it. Settings come from the environment, and flags go before them.
"""

import argparse
import hashlib
import json
import os
import signal
import socket
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from amqp.exceptions import ResourceLocked  # type: ignore[import-untyped]
from kombu.connection import Connection

from game.queues import address, on_rabbitmq, on_redis

QUEUES = "scores,maintenance"  # Kogame's own
EVERY = 10.0  # seconds between events of a queue
EVERY_LEAST = 1.0  # seconds; asking more often costs the broker more than it tells
ANSWER_SECONDS = 2.0  # the longest wait for the broker, or for who takes the events
LIMITS = {
    "redis": {"socket_timeout": ANSWER_SECONDS, "socket_connect_timeout": ANSWER_SECONDS},
    "amqp": {"read_timeout": ANSWER_SECONDS, "write_timeout": ANSWER_SECONDS},
}


class Probe:
    """One connection to a broker, and the question how long its queues are."""

    def __init__(self, broker: str, queues: Sequence[str], every: float) -> None:
        self._queues = {name: name for name in queues}
        self._every = every
        # Probes of other queues or another interval do not stand in each other's way.
        told = json.dumps([*sorted(queues), every]).encode()
        self._claim = f"kogame.queue-probe.{hashlib.sha256(told).hexdigest()[:8]}"
        self._wanted = Connection(broker, connect_timeout=ANSWER_SECONDS)
        driver = self._wanted.transport.driver_type
        if driver not in LIMITS:
            raise ValueError(f"Queues on {driver} cannot be measured: use Redis or RabbitMQ.")
        self._kind = "redis" if driver == "redis" else "rabbitmq"
        self._limits = LIMITS[driver]
        self._connection: Connection | None = None
        self._lease: Any = None  # RabbitMQ: the channel that holds the exclusive queue

    def events(self) -> list[dict[str, Any]]:
        """An event per queue; none when another probe tells of this interval.

        Raises what the broker's library raises when it is away.
        """
        if self._connection is None:
            self._connection = self._wanted.clone(transport_options=self._limits)
        channel = self._connection.default_channel
        if self._kind == "redis":
            turn = self._claim_on_redis(channel)
            rows = on_redis.depths(channel, self._queues) if turn else []
        else:
            turn = self._claim_on_rabbitmq(self._connection)
            rows = on_rabbitmq.depths(self._connection.channel(), self._queues) if turn else []
        return [self._event(row, turn) for row in rows]

    def _claim_on_redis(self, channel: Any) -> int:
        """The interval's number, by Redis' own clock, if this probe is the first to ask for it."""
        with channel.conn_or_acquire() as client:
            turn = int(client.time()[0] // self._every)
            key = f"{channel.global_keyprefix}{self._claim}:{turn}"
            keep = int(self._every * 2000)  # ms: until nobody can ask for it any more
            return turn if client.set(key, socket.gethostname(), nx=True, px=keep) else 0

    def _claim_on_rabbitmq(self, connection: Any) -> int:
        """The interval's number, if this probe holds the exclusive queue, which ends with it."""
        if self._lease is None:
            channel = connection.channel()
            try:
                channel.queue_declare(self._claim, exclusive=True, durable=False)
            except ResourceLocked:  # another probe has it; RabbitMQ closed the channel over it
                return 0
            self._lease = channel
        return int(time.time() // self._every)

    def _event(self, row: dict[str, Any], turn: int) -> dict[str, Any]:
        return {
            "eventType": "QueueLength",
            "id": f"{row['name']}@{turn}",  # the same for the same queue and interval
            "queue": row["name"],
            "length": row["ready"] + (row["in_flight"] or 0),
            "ready": row["ready"],
            "inFlight": row["in_flight"],  # fetched and not acknowledged; None: not known
            "atLeast": row["at_least"],
            "oldestSeconds": row["oldest_ready"],
            "consumers": row["consumers"],
            "broker": self._kind,
            "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "interval": self._every,
        }

    def close(self) -> None:
        """Let the connection go; the next question makes another."""
        connection, self._connection, self._lease = self._connection, None, None
        if connection is not None:
            connection.release()


# --- Telling ---------------------------------------------------------------------------------
def tell(events: list[dict[str, Any]], url: str, headers: dict[str, str]) -> None:
    """Print the events, or post them; raises OSError when nobody takes them."""
    if not url:
        for event in events:
            print(json.dumps(event), flush=True)
        return
    request = urllib.request.Request(  # noqa: S310  (the scheme is checked at the start)
        url,
        json.dumps(events).encode(),
        {"Content-Type": "application/json", **headers},
        method="POST",
    )
    with urllib.request.urlopen(request, timeout=ANSWER_SECONDS) as answer:  # noqa: S310
        answer.read()


def take_turn(probe: Probe, url: str, headers: dict[str, str]) -> str:
    """Ask and tell once; what went wrong, in words, or ""."""
    try:
        events = probe.events()
    except Exception as error:  # each broker's library has its own
        probe.close()
        return f"the broker does not answer: {type(error).__name__}: {error}"
    try:
        if events:
            tell(events, url, headers)
    except OSError as error:
        return f"nobody took the events of this interval: {error}"
    return ""


def run(probe: Probe, every: float, url: str, headers: dict[str, str]) -> None:
    """A turn in each interval until SIGTERM or Ctrl-C; trouble is said once, and its end."""
    over = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: over.set())
    trouble = ""
    while not over.is_set():
        said = take_turn(probe, url, headers)
        if said != trouble:
            print(f"queue probe: {said or 'all is well again'}", file=sys.stderr, flush=True)
        trouble = said
        over.wait(every - time.time() % every)
    probe.close()


# --- Settings --------------------------------------------------------------------------------
def settings(words: Sequence[str] | None = None) -> argparse.Namespace:
    """The flags, and the environment behind them; exits with a sentence where they make none."""
    env = os.environ.get
    broker = env("CELERY_BROKER_URL") or env("REDIS_URL") or "redis://127.0.0.1:6379/0"
    parser = argparse.ArgumentParser("python -m game.queues.probe", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add = parser.add_argument
    add("--broker", default=broker, help="its address (CELERY_BROKER_URL, else REDIS_URL)")
    add("--queue", action="append", help="a name; several times (QUEUE_PROBE_QUEUES, with commas)")
    add("--every", type=float, default=env("QUEUE_PROBE_EVERY", EVERY), help="seconds, 10")
    add("--url", default=env("QUEUE_PROBE_URL", ""), help="where to post, instead of printing")
    add("--header", action="append", help='"Name: value", for a key (QUEUE_PROBE_HEADER)')
    add("--once", action="store_true", help="tell of this interval and end; 1 if that failed")
    given = parser.parse_args(words)
    names = env("QUEUE_PROBE_QUEUES", QUEUES).split(",")
    given.queue = list(filter(None, map(str.strip, given.queue or names)))
    given.header = given.header or list(filter(None, [env("QUEUE_PROBE_HEADER")]))
    if not given.queue:
        parser.error("which queues? Name at least one.")
    if given.every < EVERY_LEAST:
        parser.error(f"an interval is at least {EVERY_LEAST:g} s, not {given.every:g}.")
    if given.url and urlsplit(given.url).scheme not in {"http", "https"}:
        parser.error(f"events are posted to http:// or https://, not to {given.url!r}.")
    if not all(":" in line for line in given.header):
        parser.error('a header is "Name: value".')
    return given


def main(words: Sequence[str] | None = None) -> int:
    """The command; answers its exit code."""
    given = settings(words)
    try:
        probe = Probe(address.url(given.broker), given.queue, given.every)
    except (ValueError, KeyError) as error:
        print(f"queue probe: this is no broker's address: {error}", file=sys.stderr)
        return 2
    headers = {
        name.strip(): value.strip() for name, _, value in (h.partition(":") for h in given.header)
    }
    if not given.once:
        run(probe, given.every, given.url, headers)
        return 0
    said = take_turn(probe, given.url, headers)
    probe.close()
    if said:
        print(f"queue probe: {said}", file=sys.stderr)
    return int(bool(said))


if __name__ == "__main__":
    sys.exit(main())
