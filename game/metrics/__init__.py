"""What this process counts and measures, and how all processes' figures reach one page.

A name that is not declared in `game.metrics.names` raises KeyError. Each process reports itself
once a second under `kg:proc:<kind>:<id>`, which expires: a killed process vanishes from the living
by itself. `kg:procs` remembers when each was last heard, so that the page can say who fell silent,
and since when.
"""

import asyncio
import contextlib
import os
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, cast

import msgspec
import redis
import redis.asyncio

from game.metrics.names import (
    CLOSE_CODES as CLOSE_CODES,
    COUNTERS as COUNTERS,
    DETAILS as DETAILS,
    GAUGES as GAUGES,
    KINDS as KINDS,
    OBSERVATIONS as OBSERVATIONS,
)

PUBLISH_EVERY = 1.0  # seconds; a change is on the page within two
EXPIRES_MS = 5_000  # four reports may be lost before a process counts as silent
REMEMBER = 900  # seconds a silent process stays in the index: long enough to be noticed
PROCESSES_MOST = 500  # reports that one snapshot reads, newest first
WINDOW = 1_024  # observations kept per name: more than one second of ticks of 100 rooms at 10/s
WINDOW_SECONDS = 10  # older observations say nothing about now; `recent` counts look as far back
DETAIL_MOST = 500  # items of one detail list; the rest is left out and counted
# A room of 5,000 takes 350 kB; a report above this goes out without its details, and is counted.
REPORT_BYTES = 512 * 1024
WAIT = 2.0  # seconds a publish may take before it is given up for this turn

INDEX = "kg:procs"  # zset: kind and id → seconds since 1970 of its last report, by Redis' clock


class _Process:
    """Who this process is, and everything it has counted."""

    def __init__(self) -> None:
        self.kind = ""
        self.id = ""
        self.started = time.time()
        self.clock = time.monotonic()
        self.counters = dict.fromkeys(COUNTERS, 0)
        self.gauges: dict[str, float] = {}
        self.windows: dict[str, deque[tuple[float, float]]] = {
            name: deque(maxlen=WINDOW) for name in OBSERVATIONS
        }
        self.totals = {name: [0, 0.0] for name in OBSERVATIONS}
        self.details: dict[str, list[Any]] = {}
        self.makers: dict[str, Callable[[], list[Any]]] = {}
        self.past: deque[tuple[float, dict[str, int]]] = deque(maxlen=WINDOW_SECONDS)
        self.turned = self.reported = self.clock  # when the loop last turned, Redis last took


_here = _Process()
_counters = _here.counters


def count(name: str, n: int = 1) -> None:
    """Add to a counter; a close code that is not declared counts as `web.closed.other`."""
    # One dict add: CPython hands the thread on only at calls and jumps, so no count is lost.
    try:
        _counters[name] += n
    except KeyError:
        if not name.startswith("web.closed."):
            raise
        _counters["web.closed.other"] += n  # clients choose codes; they must not choose names


def gauge(name: str, value: float) -> None:
    """Set a gauge to what it is now."""
    GAUGES[name]  # an unknown name is a KeyError
    _here.gauges[name] = value


def level(name: str) -> float:
    """What a gauge of this process is now; 0 before it was set."""
    GAUGES[name]  # an unknown name is a KeyError
    return _here.gauges.get(name, 0)


def observe(name: str, value: float) -> None:
    """Take one measurement; the report says p50, p99 and max of the last seconds."""
    _here.windows[name].append((time.monotonic(), value))
    total = _here.totals[name]
    total[0] += 1
    total[1] += value


def detail(name: str, items: list[Any]) -> None:
    """Attach a list of plain data to the report, replacing the last one; cut at DETAIL_MOST."""
    DETAILS[name]  # an unknown name is a KeyError
    if len(items) > DETAIL_MOST:
        count("metrics.details_trimmed", len(items) - DETAIL_MOST)
        items = items[:DETAIL_MOST]
    _here.details[name] = items


def detail_from(name: str, make: Callable[[], list[Any]]) -> None:
    """Have a list of plain data made for each report that is published: no older than that."""
    DETAILS[name]  # an unknown name is a KeyError
    _here.makers[name] = make


def meanings() -> dict[str, str]:
    """Every declared name with its meaning, in the order of declaration."""
    return COUNTERS | GAUGES | OBSERVATIONS | DETAILS


def start(kind: str, id: str = "") -> str:
    """Say who this process is and set every figure to zero; returns its id (host and pid)."""
    global _here, _counters  # noqa: PLW0603  (one process, one set of figures)
    if kind not in KINDS:
        raise ValueError(f"A process is one of {', '.join(KINDS)}, not {kind!r}.")
    _here = _Process()
    _counters = _here.counters
    _here.kind, _here.id = kind, id or f"{socket.gethostname()}-{os.getpid()}"
    return _here.id


def identity() -> str:
    """This process, as it is called in the list of all: kind and id."""
    return f"{_here.kind}:{_here.id}"


def report() -> dict[str, Any]:
    """Everything this process knows of itself; rates per second are the reader's to work out."""
    here = _here
    own = tuple(f"{prefix}." for prefix in (here.kind, "metrics"))
    observed = {name: _spread(name) for name in OBSERVATIONS if here.totals[name][0]}
    span, recent = _recent()
    return {
        "kind": here.kind,
        "id": here.id,
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "at": time.time(),
        "started": here.started,
        "uptime": time.monotonic() - here.clock,
        "cpu": time.process_time(),
        "memory": memory(os.getpid()),
        "threads": threading.active_count(),
        "counters": {
            name: value for name, value in here.counters.items() if value or name.startswith(own)
        },
        "gauges": dict(here.gauges),
        "recent": recent,
        "recent_seconds": span,
        "observed": observed,
        "details": dict(here.details),
    }


def _recent() -> tuple[float, dict[str, int]]:
    """The seconds since the oldest remembered report, and what was counted in them."""
    now, past = time.monotonic(), _here.past
    if not past or now - past[-1][0] >= PUBLISH_EVERY / 2:  # one a second, whoever asks
        past.append((now, dict(_here.counters)))
    at, before = past[0]
    grown = {name: value - before[name] for name, value in _here.counters.items()}
    return now - at, {name: n for name, n in grown.items() if n}


def _spread(name: str) -> dict[str, float]:
    """Number and sum since the start; p50, p99 and max of the last WINDOW_SECONDS."""
    number, total = _here.totals[name]
    horizon = time.monotonic() - WINDOW_SECONDS
    values = sorted(value for at, value in list(_here.windows[name]) if at >= horizon)
    spread: dict[str, float] = {"n": number, "sum": total}
    if values:
        spread["p50"] = values[len(values) // 2]
        spread["p99"] = values[min(len(values) - 1, len(values) * 99 // 100)]
        spread["max"] = values[-1]
    return spread


def since_turn() -> float:
    """Seconds since the loop that reports this process last turned."""
    return time.monotonic() - _here.turned


def since_report() -> float:
    """Seconds since Redis last took a report of this process, or since its start."""
    return time.monotonic() - _here.reported


def memory(pid: int) -> int:
    """Resident bytes of a process; 0 where the system has no /proc, or the process is gone."""
    try:
        with open(f"/proc/{pid}/statm", "rb") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError, ValueError):
        return 0


def report_key(member: str) -> str:
    """Where a process' report stands; `member` is its kind and id, as in `identity`."""
    return f"kg:proc:{member}"


def _encoded() -> bytes:
    """The report as JSON, without its details when it would be too large."""
    for name, make in _here.makers.items():
        detail(name, make())
    said = report()
    body = msgspec.json.encode(said)
    if len(body) > REPORT_BYTES:
        count("metrics.details_trimmed", sum(map(len, said["details"].values())))
        body = msgspec.json.encode({**said, "details": {}})
    return body


# keys: report, index · args: kind and id, the report, ms it is kept, s that silence is remembered
REPORT = """
local time = redis.call('time')
local now = time[1] + time[2] / 1e6
redis.call('set', KEYS[1], ARGV[2], 'px', ARGV[3])
redis.call('zadd', KEYS[2], string.format('%.3f', now), ARGV[1])
redis.call('zremrangebyscore', KEYS[2], '-inf', now - ARGV[4])
"""


def _write(pipe: Any) -> None:
    """Queue the commands of one report on a pipeline, sync or async."""
    if not _here.kind:
        raise RuntimeError("metrics.start(kind) comes before the first publish.")
    member = identity()
    args = (member, _encoded(), EXPIRES_MS, REMEMBER)
    pipe.eval(REPORT, 2, report_key(member), INDEX, *args)


def _erase(pipe: Any) -> None:
    """Queue the commands that forget this process."""
    pipe.delete(report_key(identity()))
    pipe.zrem(INDEX, identity())


async def publish(server: "redis.asyncio.Redis") -> None:
    """Report this process to Redis once; raises redis' errors, or TimeoutError after WAIT."""
    pipe = server.pipeline(transaction=False)
    _write(pipe)
    async with asyncio.timeout(WAIT):  # wait_for of Python 3.11 can lose a cancellation
        await pipe.execute()
    _here.reported = time.monotonic()


def publish_sync(server: "redis.Redis") -> None:
    """Report this process to Redis once, from a thread; the connection's own time-outs hold."""
    _here.turned = time.monotonic()
    pipe = server.pipeline(transaction=False)
    _write(pipe)
    pipe.execute()
    _here.reported = time.monotonic()


def goodbye_sync(server: "redis.Redis") -> None:
    """Take this process out of the list: it stops on purpose, so nobody is to miss it."""
    pipe = server.pipeline(transaction=False)
    _erase(pipe)
    pipe.execute()


async def publish_forever(
    server: "redis.asyncio.Redis", noticed: Callable[[Exception | None], None]
) -> None:
    """Report this process each second until cancelled, then say goodbye; Redis may be away.

    `noticed` gets why a report was not taken, or None for one that was.
    """
    due = time.monotonic()
    try:
        while True:
            _here.turned = time.monotonic()
            try:
                await publish(server)
            except (redis.RedisError, OSError, TimeoutError) as error:
                count("metrics.publish_failures")
                noticed(error)
            else:
                noticed(None)
            due = max(due + PUBLISH_EVERY, time.monotonic())
            await asyncio.sleep(due - time.monotonic())
            observe("process.loop_lag_seconds", max(0.0, time.monotonic() - due))
    finally:
        pipe = server.pipeline(transaction=False)
        _erase(pipe)
        with contextlib.suppress(redis.RedisError, OSError, TimeoutError):
            async with asyncio.timeout(WAIT):
                await pipe.execute()


def clock(server: "redis.Redis") -> float:
    """Redis' clock, in seconds since 1970: machines' own may differ, and all see this one."""
    seconds, micros = server.time()
    return seconds + micros / 1e6


def snapshot(server: "redis.Redis") -> dict[str, Any]:
    """All processes, as they last reported, and when they were heard, by Redis' clock.

    {"at": now, "living": [report and "heard", ...], "silent": [{"kind", "id", "heard"}, ...]}
    """
    now = clock(server)
    members = cast(
        "list[tuple[bytes, float]]",
        server.zrange(INDEX, 0, PROCESSES_MOST - 1, desc=True, withscores=True),
    )
    names = [_text(member) for member, _ in members]
    bodies = cast("list[bytes | None]", server.mget(map(report_key, names))) if names else []
    living, silent = [], []
    for name, (_, heard), body in zip(names, members, bodies, strict=True):
        kind, _, id = name.partition(":")
        if body is None:
            silent.append({"kind": kind, "id": id, "heard": heard})
        else:
            living.append(msgspec.json.decode(body) | {"heard": heard})
    return {"at": now, "living": _ordered(living), "silent": _ordered(silent)}


def _text(name: bytes | str) -> str:
    """A name as text, whether or not this connection decodes."""
    return name if isinstance(name, str) else name.decode()


def _ordered(processes: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """By kind, then id: a row must not jump about from one second to the next."""
    rank = {kind: n for n, kind in enumerate(KINDS)}
    return sorted(processes, key=lambda p: (rank.get(p["kind"], len(rank)), p["id"]))
