"""One at a time, over all processes: a lock in Redis that expires and notes who was turned away.

Whoever finds it held leaves a note, `again`; the holder gets it back when it releases, and then
knows that there is more to do. Take, turn away and release are one script each, so no note falls
between. A holder that is killed lets the lock expire; one that overslept finds it lost, and its
token is lower than its successor's, which a Fence in the database can refuse.
"""

import contextlib
import logging
import threading
import uuid
from collections.abc import Iterator
from typing import cast

import redis

from game import store

log = logging.getLogger(__name__)

HELD_MS = 10_000  # a killed holder's lock is free after this
RENEW_SECONDS = 3.0  # two renewals may fail before the lock is lost
NOTE_MS = 3_600_000  # a note that nobody picked up is worth nothing after an hour: beat asks again

# KEYS lock, note, token; ARGV owner, ms held, ms of the note. The token grows even when Redis
# lost its data: it is never below Redis' own clock, in microseconds, so that no two have the same.
TAKE = """
if not redis.call('set', KEYS[1], ARGV[1], 'nx', 'px', ARGV[2]) then
  redis.call('set', KEYS[2], '1', 'px', ARGV[3])
  return 0
end
redis.call('del', KEYS[2])
local now = redis.call('time')
local token = now[1] * 1000000 + now[2]
token = math.max(token, tonumber(redis.call('get', KEYS[3]) or '0') + 1)
redis.call('set', KEYS[3], string.format('%d', token))
return token
"""
RENEW = """
return redis.call('get', KEYS[1]) == ARGV[1] and redis.call('pexpire', KEYS[1], ARGV[2]) or 0
"""
RELEASE = """
if redis.call('get', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('del', KEYS[1])
return redis.call('del', KEYS[2])
"""


class Lost(RuntimeError):
    """The lock expired while its holder was working; somebody else may hold it."""


class Hold:
    """A lock that is held: its fencing token, and after release whether someone was turned away."""

    def __init__(self, name: str, owner: str, token: int) -> None:
        self.name = name
        self.owner = owner
        self.token = token
        self.again = False
        self.lost = False

    def check(self) -> None:
        """Raise Lost when the lock is not ours any more; asked before anything is committed."""
        if self.lost:
            raise Lost(f"The lock {self.name!r} expired while its holder was at work.")


def _keys(name: str) -> list[str]:
    return [f"kg:lock:{name}", f"kg:lock:{name}:again", f"kg:lock:{name}:token"]


def _ask(script: str, name: str, *args: str | int) -> int:
    keys = _keys(name)
    return int(cast("int", store.redis().eval(script, len(keys), *keys, *map(str, args))))


@contextlib.contextmanager
def one_at_a_time(name: str) -> Iterator[Hold | None]:
    """Hold the lock for the block; None when another holds it, who then is told to go again.

    It is renewed by a thread while the block runs. Read `again` after the block: whoever was
    turned away meanwhile counts on the holder. Raises redis' errors when Redis is away.
    """
    owner = uuid.uuid4().hex
    token = _ask(TAKE, name, owner, HELD_MS, NOTE_MS)
    if not token:
        yield None
        return
    hold, done = Hold(name, owner, token), threading.Event()
    renewer = threading.Thread(target=_renew, args=(hold, done), name=f"lock {name}", daemon=True)
    renewer.start()
    try:
        yield hold
    finally:
        done.set()
        renewer.join()
        try:
            hold.again = bool(_ask(RELEASE, name, owner))
        except redis.RedisError as error:
            log.info("The lock %r stays until it expires: %s", name, error)


def _renew(hold: Hold, done: threading.Event) -> None:
    """Renew until done; the lock counts as lost when it is another's, or nobody confirmed it."""
    missed = 0.0
    while not done.wait(RENEW_SECONDS):
        try:
            if _ask(RENEW, hold.name, hold.owner, HELD_MS):
                missed = 0.0
                continue
            hold.lost = True
        except redis.RedisError as error:
            missed += RENEW_SECONDS
            log.info("Could not renew the lock %r: %s", hold.name, error)
            hold.lost = missed * 1000 >= HELD_MS
        if hold.lost:
            return
