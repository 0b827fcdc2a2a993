"""What is wrong now, in words: the first thing an operator reads."""

from collections.abc import Iterator
from typing import Any

STALE = 5.0  # seconds without a sample after which the queues' figures are called old
STUCK = 60.0  # seconds a task may wait before somebody should look
OUTBOX_MOST = 100_000  # lives; at this length engines refuse new lives
OUTBOX_ALARM = 50_000  # lives; half of it: time left to act
OUTBOX_STUCK = 30.0  # seconds a finished life may wait: beat looks more often than that
HUNG = 10.0  # seconds in which a worker's main loop did not turn
LAG = 0.1  # seconds an event loop may be late: one tick
JOINED = 1.0  # ticks a second that a web process may send with the next: it stumbles, no more
LATENCY = 0.05  # seconds Redis may take to answer a ping: half a tick
DATABASE_LATENCY = 0.1  # seconds it may take to answer the simplest question: a page asks several
DATABASE_CLIENTS = 0.8  # of the connections it takes: beyond, a restart of Kogame may find none
MEMORY = 0.8  # of Redis' limit: beyond, there is little time left to act
ROOMS_NAMED = 3  # that overrun; the list of rooms shows them all
DROPPED = {  # counters that should stand still, and what it means that they do not
    "web.inputs_dropped": "actions dropped on their way to an engine",
    "web.crowded": "sockets turned away: their address or player has too many",
    "web.ticks_dropped": "ticks never shown: a web process was too far behind",
    "engine.inputs_dropped": "inputs dropped: sockets, or those who ask to join, say too much",
    "layer.dropped": "messages between processes dropped: their reader does not keep up",
    "engine.overruns": "ticks took longer than they may",
    "engine.late_ticks": "ticks began late",
    "engine.commits_refused": "ticks refused because another engine owns the room",
}

PAGES = {  # of the runbook, for such a counter; for the others it is inputs-dropped
    "engine.overruns": "ticks-late",
    "engine.late_ticks": "ticks-late",
    "engine.commits_refused": "commits-refused",
    "web.crowded": "sockets-turned-away",
    "web.ticks_dropped": "process-overloaded",
}

# {"level": "bad" or "warn", "words", "since": time or None, "about": the section of the page,
#  "page": of the runbook}
Problem = dict[str, Any]


def redis_away(since: float) -> dict[str, Any]:
    """The status while nothing can be read."""
    said = "Redis does not answer. Figures below are the last known."
    problem = _problem("bad", said, "redis-away", since)
    return {"level": "bad", "words": "", "problems": [problem]}


def status(picture: dict[str, Any]) -> dict[str, Any]:
    """{"level": "ok", "warn" or "bad", "words": when all is well, "problems": the worst first}"""
    found = [
        *_processes(picture),
        *_rooms(picture["rooms"]),
        *_queues(picture),
        *_outbox(picture["outbox"]),
        *_redis(picture["redis"]),
        *_database(picture["database"]),
    ]
    found.sort(key=lambda problem: problem["level"] != "bad")
    level = found[0]["level"] if found else "ok"
    return {"level": level, "words": "" if found else _all_is_well(picture), "problems": found}


def several(n: int, one: str, many: str = "") -> str:
    """A number with its noun."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def _problem(
    level: str, said: str, page: str, since: float | None = None, about: str = ""
) -> Problem:
    return {"level": level, "words": said, "since": since, "about": about, "page": page}


def _processes(picture: dict[str, Any]) -> Iterator[Problem]:
    """Who is silent, who is missing, and who does badly."""
    living = picture["processes"]
    for kind in ("web", "engine", "worker", "beat"):
        silent = [p for p in picture["silent"] if p["kind"] == kind and not p["replaced"]]
        if silent:
            said = several(len(silent), f"{kind} process", f"{kind} processes") + " silent"
            since = min(p["heard"] for p in silent)
            yield _problem("bad", said, "process-silent", since, kind)
        elif kind != "web" and not any(p["kind"] == kind for p in living):
            level = "warn" if kind == "beat" else "bad"
            yield _problem(level, f"No {kind} is running", f"no-{kind}", about=kind)
    yield from _drained(living)
    for process in living:
        name, gauges = f"{process['kind']} {process['id']}", process["gauges"]
        if gauges.get("worker.loop_age", 0) > HUNG:
            said = f"{name} hangs: its main loop stands still"
            yield _problem("bad", said, "loop-hangs", about="worker")
        if gauges.get("engine.paused", 0):
            paused = several(int(gauges["engine.paused"]), "room")
            said = f"{name}: {paused} paused until Redis confirms"
            yield _problem("bad", said, "rooms-paused", about="engine")
        lag = process["observed"].get("process.loop_lag_seconds", {})
        if lag.get("p50", 0) > LAG:
            late = f"{lag['p50'] * 1000:.0f} ms"
            said = f"{name} is overloaded: it wakes {late} late"
            yield _problem("warn", said, "process-overloaded")
        joined, span = process["recent"].get("web.ticks_joined", 0), process["recent_seconds"]
        if joined > JOINED * span:
            said = f"{name} is overloaded: it sent {joined:,} ticks late, each with the next,"
            yield _problem("warn", f"{said} in the last {span:.0f} s", "process-overloaded")
    for counter, meaning in DROPPED.items():
        number = sum(p["recent"].get(counter, 0) for p in living)
        if number:
            seconds = max(p["recent_seconds"] for p in living if p["recent"].get(counter))
            said = f"{number:,} {meaning}, in the last {seconds:.0f} s"
            yield _problem("warn", said, PAGES.get(counter, "inputs-dropped"))


def _drained(living: list[dict[str, Any]]) -> Iterator[Problem]:
    """Processes that operators drain; worse, when nobody is left who takes what they gave away."""
    for kind, work, left in (("engine", "rooms", "rooms"), ("web", "players", "connections")):
        drained = [p for p in living if p["gauges"].get(f"{kind}.drained")]
        if drained and len(drained) == sum(p["kind"] == kind for p in living):
            said = f"No {kind} process takes {work}: all are drained"
            yield _problem("bad", said, "drained", about=kind)
            continue
        for process in drained:
            remaining = int(process["gauges"].get(f"{kind}.{left}", 0))
            said = f"{kind} {process['id']} is drained: it takes no {work}"
            if remaining:
                said = f"{kind} {process['id']} is being drained: {remaining:,} {left} left"
            yield _problem("warn", said, "drained", about=kind)


def _rooms(rooms: list[dict[str, Any]]) -> Iterator[Problem]:
    """Rooms that cannot keep their pace, and slow down those that share an engine with them."""
    over = sorted((r for r in rooms if r.get("overran_ms")), key=lambda r: -r["overran_ms"])
    for room in over[:ROOMS_NAMED]:
        name = f"{room['title'] or 'Room'} ({room['id']}) on engine {room['engine']}"
        took = f"a tick took {room['overran_ms']:.0f} ms, and may take {room['tick_may_ms']:.0f}"
        yield _problem(
            "warn", f"{name} is too large for its pace: {took}", "ticks-late", about="rooms"
        )
    if len(over) > ROOMS_NAMED:
        others = several(len(over) - ROOMS_NAMED, "other room")
        yield _problem("warn", f"{others} too", "ticks-late", about="rooms")


def _queues(picture: dict[str, Any]) -> Iterator[Problem]:
    """A broker that is away or alarmed, queues that grow, queues that nobody serves."""
    sample = picture["sample"]
    if sample is None or picture["at"] - sample["at"] > STALE:
        since = sample and sample["at"]
        said = "Queues are not being measured: no web process does it"
        yield _problem("bad", said, "queues-unmeasured", since)
        return
    broker = sample["broker"]
    if broker["error"]:
        said = f"The task broker ({broker['kind']}) does not answer"
        yield _problem("bad", said, "broker-away", broker["since"], "queues")
        return
    for alarm in broker["alarms"]:
        yield _problem("bad", alarm, "broker-alarm", about="queues")
    growing = [row["name"] for row in picture["queues"] if row["growing"] and not row.get("paused")]
    if growing:
        said = f"{several(len(growing), 'queue')} growing: {', '.join(growing[:5])}"
        yield _problem("bad", said, "queue-growing", about="queues")
    for row in picture["queues"]:
        if row.get("paused"):
            said = f"Queue {row['name']} is paused: {several(row['ready'], 'task')} waiting"
            yield _problem("warn", said, "queue-paused", about="queues")
        elif row["ready"] and not row["consumers"]:
            waiting = several(row["ready"], "task waits", "tasks wait")
            said = f"Queue {row['name']}: {waiting}, and no worker takes them"
            yield _problem("bad", said, "queue-unserved", about="queues")
        elif (row["oldest_ready"] or 0) > STUCK:
            said = f"Queue {row['name']}: a task has waited for {row['oldest_ready']:.0f} s"
            yield _problem("warn", said, "queue-stuck", about="queues")


def _outbox(outbox: dict[str, Any] | None) -> Iterator[Problem]:
    """Finished lives that do not reach the database."""
    if outbox is None:
        return
    length, oldest = outbox["length"], outbox["oldest"] or 0
    if length >= OUTBOX_ALARM:
        said = f"{length:,} scores wait for the database; at {OUTBOX_MOST:,} new lives are refused"
        yield _problem("bad", said, "scores-wait", about="redis")
    elif oldest > OUTBOX_STUCK:
        waiting = several(length, "score waits", "scores wait")
        said = f"{waiting} for the database, the oldest for {oldest:.0f} s"
        yield _problem("bad", said, "scores-wait", about="redis")
    if outbox["bad"]:
        said = f"{several(outbox['bad'], 'outbox entry', 'outbox entries')} could not be read"
        said = f"{said} as a score and set aside"
        yield _problem("warn", said, "scores-unreadable", about="redis")


def _redis(server: dict[str, Any] | None) -> Iterator[Problem]:
    """A Redis that is slow, nearly full, losing keys or not writing."""
    if server is None:
        return
    if server["evicted"]:
        said = f"Redis has thrown away {several(server['evicted'], 'key')}"
        said = f"{said}: set maxmemory-policy noeviction"
        yield _problem("bad", said, "redis-full", about="redis")
    if server["memory_most"] and server["memory"] > MEMORY * server["memory_most"]:
        share = server["memory"] / server["memory_most"]
        yield _problem("bad", f"Redis' memory is {share:.0%} full", "redis-full", about="redis")
    if not server["aof_ok"]:
        said = "Redis cannot write its append-only file: check its disk"
        yield _problem("bad", said, "redis-keeps-nothing", about="redis")
    elif not server["aof"]:
        said = "Redis keeps no append-only file: scores not yet saved are lost when it restarts"
        yield _problem("warn", said, "redis-keeps-nothing", about="redis")
    if server["latency"] > LATENCY:
        said = f"Redis takes {server['latency'] * 1000:.0f} ms to answer"
        yield _problem("warn", said, "redis-slow", about="redis")


def _database(server: dict[str, Any] | None) -> Iterator[Problem]:
    """A database that is away, slow, or nearly out of connections."""
    if not server:
        return
    if server["error"]:
        said = f"The database ({server['kind']}) does not answer: scores wait in Redis"
        yield _problem("bad", said, "database-away", server["since"], "redis")
        return
    if server["latency"] > DATABASE_LATENCY:
        said = f"The database takes {server['latency'] * 1000:.0f} ms to answer"
        yield _problem("warn", said, "database-slow", about="redis")
    if server["clients"] and server["clients"] > DATABASE_CLIENTS * server["clients_most"]:
        said = (
            f"The database has {server['clients']:,} clients, and takes {server['clients_most']:,}"
        )
        yield _problem("warn", said, "database-slow", about="redis")


def _all_is_well(picture: dict[str, Any]) -> str:
    def total(gauge: str) -> int:
        return sum(int(p["gauges"].get(gauge, 0)) for p in picture["processes"])

    people = sum(room.get("people", 0) for room in picture["rooms"])
    waiting = sum(row["ready"] for row in picture["queues"])
    parts = [
        several(people, "player") + f" in {several(len(picture['rooms']), 'room')}",
        several(total("web.connections"), "connection"),
        f"{several(waiting, 'task')} waiting" if waiting else "queues empty",
    ]
    return "All is well: " + ", ".join(parts) + "."
