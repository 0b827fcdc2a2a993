"""Everything the Metrics page shows, put together from what processes and the sampler wrote."""

import time
from functools import cache
from typing import Any

import redis

from game import metrics, store
from game.console import brief, look, words
from game.queues import election

ANSWER_SECONDS = 1.0  # a page that is told each second must not wait longer for Redis

_away_since: float | None = None  # when this process first failed to read; None while it reads


@cache
def reader() -> redis.Redis:
    """The page's own connection to Redis: it gives up sooner than those that do work."""
    return store.blocking(ANSWER_SECONDS)


def overview(looked: look.Look = look.FIRST) -> dict[str, Any]:
    """All figures as plain data, and of the rooms those that are looked at.

    {"at", "away": {"since", "error"} or None, "status", "sample", "queues", "outbox", "redis",
     "processes": [report without its rooms], "silent", "rooms", "totals"}
    """
    return look.cut(everything(), looked)


def everything() -> dict[str, Any]:
    """All figures as plain data, with every room, its seats and pings, before `look.cut`."""
    global _away_since  # noqa: PLW0603  (one process, one view of Redis)
    now = time.time()
    try:
        seen, sample = metrics.snapshot(reader()), election.read(reader())
    except (redis.RedisError, OSError) as error:
        _away_since = _away_since or now
        away = {"since": _away_since, "error": f"{type(error).__name__}: {error}"[:200]}
        return {"at": now, "away": away, "status": words.redis_away(_away_since)}
    _away_since = None
    return _together(seen["at"], seen, sample or {})


def _together(now: float, seen: dict[str, Any], sample: dict[str, Any]) -> dict[str, Any]:
    """One picture of the living, the silent and the sample."""
    living, silent = seen["living"], missed(seen["living"], seen["silent"])
    rooms = [
        {**room, "engine": report["id"]}
        for report in living
        for room in report["details"].get("rooms", ())
    ]
    rooms.sort(key=lambda room: (-room.get("people", 0), str(room.get("title")), room["id"]))
    picture: dict[str, Any] = {
        "at": now,
        "away": None,
        "sample": {key: sample.get(key) for key in ("at", "by", "broker")} if sample else None,
        "queues": [_consumed(row, living) for row in sample.get("queues", ())],
        "outbox": sample.get("outbox"),
        "redis": sample.get("redis"),
        "database": sample.get("database"),
        "processes": living,
        "silent": silent,
        "rooms": rooms,
        "pings": {
            (room, player): rtt
            for report in living
            for room, player, rtt in reversed(report["details"].get("pings", ()))
        },
    }
    status = words.status(picture)
    told = {
        "queues": [brief.queue(row) for row in picture["queues"]],
        "processes": [brief.process(report) for report in living],
    }
    return {**picture, **told, "status": status}


def _consumed(row: dict[str, Any], living: list[dict[str, Any]]) -> dict[str, Any]:
    """A queue's row, completed from the workers' reports where the broker does not tell."""
    takers = [
        taken
        for report in living
        for taken in report["details"].get("queues", ())
        if taken["name"] == row["name"]
    ]
    row = {**row, "told_by": "broker"}
    if row["consumers"] is None:
        row["consumers"] = len(takers)
    if row["in_flight"] is None and len(takers) >= row["consumers"]:
        row["in_flight"], row["told_by"] = sum(t["in_flight"] for t in takers), "workers"
    return row


def missed(living: list[dict[str, Any]], silent: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The silent, each with whether a process of its kind has been started in its place since."""
    spare = {
        kind: sorted(r["heard"] - r["uptime"] for r in living if r["kind"] == kind)
        for kind in metrics.KINDS
    }
    told = []
    for one in sorted(silent, key=lambda gone: gone["heard"], reverse=True):
        # A successor cannot have started before its predecessor's last report. Both times are by
        # Redis' clock: those of two machines may differ by more than a restart takes.
        successors = [started for started in spare.get(one["kind"], []) if started >= one["heard"]]
        if successors:
            spare[one["kind"]].remove(successors[-1])
        told.append({**one, "replaced": bool(successors)})
    return told
