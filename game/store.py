"""Redis for all that does I/O: one way to connect, one list of names, one fitness check."""

import asyncio
import logging
import re
import weakref
from functools import cache
from typing import Any

import redis as sync_redis
import redis.asyncio as async_redis
from django.conf import settings
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.exceptions import NoPermissionError
from redis.retry import Retry

from game.outage import Outage

log = logging.getLogger(__name__)

CONNECT_SECONDS = 2.0  # a Redis that does not answer a handshake by then is as good as away
ANSWER_SECONDS = 5.0  # the longest command here is a recovery read of a few MB: far below
POOL_SIZE = 16  # connections a process may hold; more wait their turn, bounded by ANSWER_SECONDS

ROOMS = "kg:rooms"  # zset: room id → ms when somebody was last in it
LOBBY = "kg:lobby"  # hash: room id → JSON line of the lobby's list
OUTBOX = "kg:outbox"  # stream: finished lives on their way to the database
ENGINES = "kg:engines"  # zset: engine → ms of its last look, by Redis' clock
LOADS = "kg:loads"  # hash: engine → what it bears, as a part of a core
WISH_MS = 86_400_000  # ms a wish to drain is kept; its process renews it, and it dies a day later
NUDGE = "kg:claim"  # pub/sub: a room wants an engine

Unavailable = (sync_redis.ConnectionError, sync_redis.TimeoutError, OSError)  # it is away
FAILURES = (sync_redis.RedisError, OSError, TimeoutError)  # away, or it refuses a command
AWAY = "Redis does not answer. Check REDIS_URL, and that the server it names is running."
LOGIN = (
    "Redis wants another login: put user and password into REDIS_URL "
    "(redis://user:password@host:6379/0)."
)
# What a refusal says, or what the client makes of it: what it means, and what to do.
REFUSALS: tuple[tuple[str, type[Exception] | tuple[()], str], ...] = (
    ("NOAUTH", sync_redis.AuthenticationError, LOGIN),
    ("HELLO must be called", sync_redis.AuthenticationError, LOGIN),
    ("NOPERM", NoPermissionError, "Redis gives this user too few rights."),
    ("READONLY", sync_redis.ReadOnlyError, "Redis is a replica; REDIS_URL must name the primary."),
    ("OOM command", sync_redis.OutOfMemoryError, "Redis is full: raise its maxmemory."),
    ("MISCONF", (), "Redis cannot write to its disk: make room there."),
)


def words(error: BaseException) -> str:
    """What one of FAILURES means and what to do, in a sentence for a log that people read."""
    said = str(error) or type(error).__name__
    for code, kind, meaning in REFUSALS:
        if code in said or isinstance(error, kind):
            return f"{meaning} ({said})"
    if isinstance(error, Unavailable) or not isinstance(error, sync_redis.RedisError):
        return f"{AWAY} ({said})"
    return f"Redis refuses: {said}"


away = Outage(log, "Redis answers again.")


def noticed(failure: BaseException | None) -> None:
    """Note that a command failed with one of FAILURES, or (None) that Redis took one."""
    if failure is None:
        away.over()
    else:
        away.felt("%s This process waits for it.", words(failure))


class Unfit(RuntimeError):
    """Redis answers, but Kogame must not run on it; the text says what to change."""


def room(room_id: str) -> str:
    """The hash with what a room is and where it stands."""
    return f"kg:room:{room_id}"


def lease(room_id: str) -> str:
    """The key that says which engine owns a room, at which epoch; it expires."""
    return f"kg:room:{room_id}:lease"


def journal(room_id: str) -> str:
    """The stream of inputs since the last checkpoint."""
    return f"kg:room:{room_id}:journal"


def reserved(room_id: str) -> str:
    """The zset of seats promised to players on their way: player → ms when the promise ends."""
    return f"kg:room:{room_id}:reserved"


def frames(room_id: str) -> str:
    """The pub/sub channel of a room's ticks."""
    return f"kg:frames:{room_id}"


def drain(process: str) -> str:
    """The key that is there while operators wish that a process ("engine:<id>") be drained."""
    return f"kg:drain:{process}"


_clients: "weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, async_redis.Redis]" = (
    weakref.WeakKeyDictionary()
)


def aredis() -> async_redis.Redis:
    """The asyncio client of the running loop; raises one of FAILURES when Redis is away."""
    loop = asyncio.get_running_loop()
    if loop not in _clients:
        _clients[loop] = connect()
    return _clients[loop]


async def close_aredis() -> None:
    """Close the running loop's client."""
    client = _clients.pop(asyncio.get_running_loop(), None)
    if client is not None:
        await client.aclose()


def connect() -> async_redis.Redis:
    """A new asyncio client; its subscriptions may be silent for longer than its time-outs."""
    pool = async_redis.BlockingConnectionPool.from_url(
        settings.REDIS_URL,
        max_connections=POOL_SIZE,
        timeout=ANSWER_SECONDS,
        socket_timeout=ANSWER_SECONDS,
        socket_connect_timeout=CONNECT_SECONDS,
        retry=AsyncRetry(NoBackoff(), 1),  # one fresh connection for one that went stale
    )
    return async_redis.Redis.from_pool(pool)  # closes it with itself


@cache
def redis() -> sync_redis.Redis:
    """The blocking client of Celery tasks and commands; never called on an event loop."""
    return blocking(ANSWER_SECONDS)


def blocking(seconds: float, *, retries: int = 1) -> sync_redis.Redis:
    """A new blocking client that waits so long for an answer, and as often tries once more."""
    return sync_redis.Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=seconds,
        socket_connect_timeout=min(seconds, CONNECT_SECONDS),
        retry=Retry(NoBackoff(), retries),
    )


def check(client: sync_redis.Redis | None = None) -> None:
    """Refuse a Redis that is away or would lose what Kogame keeps in it; raises Unfit."""
    try:
        client = client or redis()
        server: dict[str, Any] = client.info("server")
        memory: dict[str, Any] = client.info("memory")
    except ValueError as error:
        raise Unfit(f"REDIS_URL is not an address Redis understands: {error}") from error
    except (sync_redis.AuthenticationError, sync_redis.ResponseError) as error:
        raise Unfit(f"{words(error)} REDIS_URL is {place()}.") from error
    except Unavailable as error:
        raise Unfit(
            f"Redis does not answer at {place()} ({error}). Start it, or set REDIS_URL to one "
            "that runs."
        ) from error
    version = str(server.get("valkey_version") or server["redis_version"])
    if int(version.partition(".")[0]) < 7:
        raise Unfit(f"Redis is {version}; Kogame needs 7 or newer, or any Valkey (functions).")
    policy = memory.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        raise Unfit(
            f"Redis has maxmemory-policy {policy}: it would throw away rooms and scores when full. "
            "Set `maxmemory-policy noeviction` in its configuration."
        )


def place() -> str:
    """REDIS_URL without its password, for people."""
    return re.sub(r"//[^/@]*@", "//", settings.REDIS_URL)
