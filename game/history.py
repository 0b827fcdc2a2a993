"""The last hour and the last day of every figure that has a chart, and what happened meanwhile.

The elected sampler adds a point to the hour every five seconds and to the day every two minutes.
Both are lists in Redis of a fixed length, so that a page that is opened has them at once, and they
outlive every process. Marks (a process came or was lost, an operator acted) are a third list.
"""

from collections.abc import Iterable
from typing import Any, cast

import msgspec
import redis

from game import metrics

POINTS = 720  # per ring
EVERY = {"hour": 5, "day": 120}  # seconds between points; times POINTS, what a ring covers
KEY = "kg:history:"  # + the ring's name; list: points, the newest last
MARKS = "kg:history:marks"  # list: marks, the newest last
MARKS_MOST = 300  # marks kept; more in a day could not be told apart on a chart
WORDS_MOST = 120  # characters of a mark
QUEUES_MOST = 50  # queues with a line of their own
PAUSE = 4 * EVERY["hour"]  # seconds without a point after which a rate would be an average of them

LEVELS = {  # gauges, added up over all processes
    "connections": "web.connections",
    "slow": "web.slow_clients",
    "rooms": "engine.rooms",
    "paused": "engine.paused",
    "tasks active": "worker.active",
}
WORST = {  # observations: of the process where it is worst
    "tick p50": ("engine.tick_seconds", "p50"),
    "tick p99": ("engine.tick_seconds", "p99"),
    "commit p99": ("engine.commit_seconds", "p99"),
    "loop lag": ("process.loop_lag_seconds", "p99"),
}
RATES = {  # counters, added up over all processes, per second
    "messages in": ("web.messages_in",),
    "messages out": ("web.messages_out",),
    "bytes in": ("web.bytes_in",),
    "bytes out": ("web.bytes_out",),
    "ticks": ("engine.ticks",),
    "overruns": ("engine.overruns",),
    "lives": ("engine.lives",),
    "dropped": ("web.inputs_dropped", "engine.inputs_dropped", "layer.dropped"),
}

Report = dict[str, Any]
Point = dict[str, float | None]


class Recorder:
    """Turns what the sampler sees each second into points and marks."""

    def __init__(self, server: "redis.Redis") -> None:
        self._server = server
        self._due = dict.fromkeys(EVERY, 0)  # ring → number of the interval that was last told
        self._before: dict[str, Report] = {}  # who lived at the last point
        self._counted: dict[str, dict[str, float]] = {}  # rate → process → its count then
        self._at = 0.0
        self._since: list[Point] = []  # the hour's points of the day's running interval

    def take(self, sample: dict[str, Any]) -> None:
        """Add what is due; raises redis' errors."""
        now = sample["at"]
        if int(now // EVERY["hour"]) == self._due["hour"]:
            return
        self._due["hour"] = int(now // EVERY["hour"])
        seen = metrics.snapshot(self._server)
        living = {f"{report['kind']}:{report['id']}": report for report in seen["living"]}
        point = self._point(now, living, sample)
        pipe = self._server.pipeline(transaction=False)
        _append(pipe, "hour", now, point)
        self._since.append(point)
        if int(now // EVERY["day"]) != self._due["day"]:
            if self._due["day"]:
                _append(pipe, "day", now, _mean(self._since))
            self._due["day"], self._since = int(now // EVERY["day"]), []
        if now - self._at < PAUSE:
            for kind, words in self._changes(living, seen["silent"]):
                _mark(pipe, now, kind, words)
        pipe.execute()
        self._before, self._at = living, now

    def _point(self, now: float, living: dict[str, Report], sample: dict[str, Any]) -> Point:
        reports = list(living.values())
        point: Point = {
            "players": sum(
                room.get("people", 0) for r in reports for room in r["details"].get("rooms", ())
            ),
            "memory": sum(r["memory"] + r["gauges"].get("worker.pool_memory", 0) for r in reports),
        }
        for name, gauge in LEVELS.items():
            point[name] = sum(report["gauges"].get(gauge, 0) for report in reports)
        for name, (observed, which) in WORST.items():
            found = [report["observed"].get(observed, {}).get(which) for report in reports]
            point[name] = max(filter(None, found), default=None)
        for name, counters in RATES.items():
            told = {id: sum(r["counters"].get(c, 0) for c in counters) for id, r in living.items()}
            point[name] = self._rate(now, living, name, told)
        for kind in ("web", "engine", "worker"):
            told = {id: r["cpu"] for id, r in living.items() if r["kind"] == kind}
            point[f"cpu {kind}"] = self._rate(now, living, f"cpu {kind}", told)
        return point | _asked(sample)

    def _rate(
        self, now: float, living: dict[str, Report], name: str, told: dict[str, float]
    ) -> float | None:
        """What all processes counted per second; one that began since counts from nought."""
        before, self._counted[name] = self._counted.get(name, {}), told
        if now - self._at > PAUSE:
            return None
        grown = 0.0
        for id, value in told.items():
            known = self._before.get(id, {}).get("started") == living[id]["started"]
            grown += max(0.0, value - (before.get(id, 0) if known else 0))
        return grown / (now - self._at)

    def _changes(
        self, living: dict[str, Report], silent: Iterable[dict[str, Any]]
    ) -> list[tuple[str, str]]:
        """Processes that began, ended in good order, or were lost, since the last point."""
        changes = [("start", name) for name in living if name not in self._before]
        lost = {f"{one['kind']}:{one['id']}" for one in silent}
        for name in self._before:
            if name not in living:
                changes.append(("lost" if name in lost else "end", name))
        said = {"start": "began", "end": "ended", "lost": "was lost"}
        return [(kind, f"{name.replace(':', ' ', 1)} {said[kind]}") for kind, name in changes]


def _asked(sample: dict[str, Any]) -> Point:
    """What the sampler asked: queues, outbox, Redis, database; nothing of what is away."""
    outbox, server = sample["outbox"], sample["redis"]
    point: Point = {
        "outbox": outbox["length"],
        "redis latency": server["latency"],
        "redis memory": server["memory"],
    }
    if not sample["database"]["error"]:
        point["database latency"] = sample["database"]["latency"]
    if not sample["broker"]["error"]:
        for row in sample["queues"][:QUEUES_MOST]:
            point[f"queue {row['name']}"] = row["ready"]
    return point


def _mean(points: list[Point]) -> Point:
    """One point for several: the mean of each figure over those that have it."""
    names = {name: None for point in points for name in point}
    mean: Point = {}
    for name in names:
        values = [value for point in points if (value := point.get(name)) is not None]
        mean[name] = sum(values) / len(values) if values else None
    return mean


def _append(pipe: Any, ring: str, at: float, point: Point) -> None:
    rounded = {name: None if v is None else float(f"{v:.4g}") for name, v in point.items()}
    pipe.rpush(KEY + ring, msgspec.msgpack.encode([int(at), rounded]))
    pipe.ltrim(KEY + ring, -POINTS, -1)
    pipe.expire(KEY + ring, 2 * POINTS * EVERY[ring])


def _mark(pipe: Any, at: float, kind: str, words: str) -> None:
    pipe.rpush(MARKS, msgspec.msgpack.encode([int(at), kind, words[:WORDS_MOST]]))
    pipe.ltrim(MARKS, -MARKS_MOST, -1)
    pipe.expire(MARKS, 2 * POINTS * EVERY["day"])


def mark(server: "redis.Redis", kind: str, words: str) -> None:
    """Remember that something happened now; kind is "start", "end", "lost" or "act"."""
    pipe = server.pipeline(transaction=False)
    _mark(pipe, metrics.clock(server), kind, words)
    pipe.execute()


def read(server: "redis.Redis", ring: str, since: float = 0) -> dict[str, Any]:
    """A ring's points after a moment (seconds since 1970) as columns, and the marks since then.

    {"every": seconds, "at": [...], "figures": {name: [value or None, ...]}, "marks": [[at, kind,
    words], ...]}; raises KeyError for a ring that is none, redis' errors when Redis is away.
    """
    every, now = EVERY[ring], metrics.clock(server)
    most = POINTS if since <= 0 else min(POINTS, int(max(0, now - since) / every) + 2)
    pipe = server.pipeline(transaction=False)
    pipe.lrange(KEY + ring, -most, -1)
    pipe.lrange(MARKS, 0, -1)
    bodies, marks = cast("tuple[list[bytes], list[bytes]]", pipe.execute())
    points = [point for point in map(msgspec.msgpack.decode, bodies) if point[0] > since]
    names = {name: None for _, point in points for name in point}
    # A mark of the last point's own interval may have come after that point was read.
    begin = max(since - every, now - POINTS * every)
    return {
        "every": every,
        "at": [at for at, _ in points],
        "figures": {name: [point.get(name) for _, point in points] for name in names},
        "marks": [m for m in map(msgspec.msgpack.decode, marks) if m[0] >= begin],
    }
