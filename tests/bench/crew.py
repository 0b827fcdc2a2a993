"""A system that is not there: reports of processes, rooms and queues as real ones write them."""

import asyncio
import json
import random
import time
from typing import Any

import redis.asyncio

from game import metrics
from game.queues import election

KINDS = ("web",) * 6 + ("engine",) * 8 + ("worker",) * 5 + ("beat",)
LOOP = "process.loop_lag_seconds"
MOVED = 12  # counters of a process that move each second: more than in any real one
# Gauges that say that something is wrong, or that an operator wished it so.
STILL = ("engine.paused", "engine.drained", "web.drained", "worker.loop_age")


class Crew:
    """Processes that report each second, every one at its own moment; each figure moves."""

    def __init__(self, server: "redis.asyncio.Redis", rooms: int, queues: int) -> None:
        self._server = server
        self._rng = random.Random(7)
        self._began = time.time()
        self._rooms = [self._room(n) for n in range(rooms)]
        self._history: list[list[int]] = [[] for _ in range(queues)]
        self._counters: dict[str, dict[str, int]] = {}
        self.written: dict[int, float] = {}  # tasks waiting in all → when that was written

    def _room(self, n: int) -> dict[str, Any]:
        seats = [[s, f"Player {s}", 0, f"{n:016x}{s:016x}", s * 10] for s in range(1, 9)]
        return {
            **{"id": f"r{n:05}", "title": f"Pond {n}", "game": "snek", "people": n % 9, "bots": 3},
            **{"private": n % 7 == 0, "watchers": n % 3, "tick": 1000 * n, "tick_ms": 0.4},
            **{"tick_may_ms": 50.0, "overruns": 0, "overran_ms": 0.0, "asleep": False},
            "seats": seats,
        }

    def report(self, n: int, kind: str) -> dict[str, Any]:
        """What process n says now; every figure of its kind is in it, and most have moved."""
        rng, id = self._rng, f"bench-{n}"
        counters = self._counters.setdefault(id, dict.fromkeys(metrics.COUNTERS, 0))
        own = [name for name in counters if name.startswith(kind)]
        for name in own[:MOVED]:
            counters[name] += rng.randrange(500)
        gauges = {name: rng.randrange(1000) for name in metrics.GAUGES if name.startswith(kind)}
        names = [name for name in metrics.OBSERVATIONS if name.startswith(kind)] + [LOOP]
        spread = ("sum", "p50", "p99", "max")
        now = time.time()
        return {
            **{
                "kind": kind,
                "id": id,
                "host": "bench",
                "pid": n,
                "at": now,
                "started": self._began,
            },
            **{"uptime": now - self._began, "cpu": (now - self._began) * 0.11, "threads": 9},
            "memory": 80_000_000 + rng.randrange(1 << 20),
            "counters": {name: counters[name] for name in own},
            "gauges": gauges | dict.fromkeys(STILL, 0),
            "recent": {name: rng.randrange(1, 5000) for name in own[:MOVED]},
            "recent_seconds": 9.9 + rng.random() / 10,
            "observed": {
                name: {"n": int(now), **{each: rng.random() / 20 for each in spread}}
                for name in names
            },
            "details": {"rooms": self._played(n)} if kind == "engine" else {},
        }

    def _played(self, n: int) -> list[dict[str, Any]]:
        """The rooms of engine n, a second later."""
        mine = self._rooms[n % 8 :: 8]
        for room in mine:
            room["tick"] += 10
            room["tick_ms"] = round(self._rng.random(), 3)
            room["people"] = max(0, room["people"] + self._rng.choice((-1, 0, 0, 0, 1)))
            for seat in room["seats"]:
                seat[4] += self._rng.randrange(10)
        return mine

    def sample(self) -> dict[str, Any]:
        """The queues, as the sampler finds them; how many wait in all is never the same twice."""
        rows = []
        for n, history in enumerate(self._history):
            history.append(self._rng.randrange(1000))
            del history[:-60]
            rows.append(
                {
                    **{"name": f"queue{n}", "ready": history[-1], "in_flight": n, "consumers": 2},
                    **{"at_least": False, "oldest_ready": self._rng.random() * 20},
                    **{"oldest_in_flight": self._rng.random() * 5, "growing": False},
                    **{"paused": False, "history": history[:]},
                }
            )
        broker = {"kind": "redis", "error": "", "since": None, "alarms": []}
        server = {
            **{"latency": self._rng.random() / 100, "memory": self._rng.randrange(1 << 24)},
            **{"memory_most": 1 << 30, "clients": 60, "commands": self._rng.randrange(9000)},
            **{"evicted": 0, "rejected": 0, "aof": True, "aof_ok": True},
        }
        outbox = {"length": self._rng.randrange(9), "oldest": self._rng.random(), "bad": 0}
        return {
            **{"at": time.time(), "by": "web:bench", "broker": broker, "queues": rows},
            **{"outbox": outbox, "redis": server},
        }

    async def work(self) -> None:
        """Report until cancelled."""
        jobs = [self._report(n, kind) for n, kind in enumerate(KINDS)]
        await asyncio.gather(self._sample(), *jobs)

    async def _report(self, n: int, kind: str) -> None:
        await asyncio.sleep(self._rng.random())
        while True:
            told = self.report(n, kind)
            member = f"{kind}:{told['id']}"
            await self._server.set(f"kg:proc:{member}", json.dumps(told), px=metrics.EXPIRES_MS)
            await self._server.zadd(metrics.INDEX, {member: told["at"]})
            await asyncio.sleep(metrics.PUBLISH_EVERY)

    async def _sample(self) -> None:
        while True:
            # No real process becomes the sampler.
            await self._server.set(election.LEASE, "bench", px=election.LEASE_MS)
            told = self.sample()
            await self._server.set(election.KEY, json.dumps(told))
            self.written[sum(row["ready"] for row in told["queues"])] = time.time()
            await asyncio.sleep(election.SAMPLE_EVERY)
