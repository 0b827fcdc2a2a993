"""Rooms that nobody will come back to: their records in Redis go, unless an engine holds them."""

import time
from typing import cast

from django.conf import settings

from game import store

# KEYS room, lease, journal, reserved, rooms, lobby; ARGV room id, ms before which it is expired.
# Looked at again in the script: somebody may have come in, or an engine taken it, meanwhile.
DELETE = """
if redis.call('exists', KEYS[2]) == 1 then return 0 end
local seen = redis.call('zscore', KEYS[5], ARGV[1])
if not seen or tonumber(seen) > tonumber(ARGV[2]) then return 0 end
redis.call('del', KEYS[1], KEYS[3], KEYS[4])
redis.call('zrem', KEYS[5], ARGV[1])
redis.call('hdel', KEYS[6], ARGV[1])
return 1
"""


def delete_rooms(number: int, now: float | None = None) -> tuple[int, int]:
    """Look at the `number` longest empty rooms past their time: (looked at, deleted)."""
    client = store.redis()
    before = int(((now or time.time()) - settings.KEEP_ROOMS_HOURS * 3600) * 1000)
    rooms = cast("list[bytes]", client.zrangebyscore(store.ROOMS, "-inf", before, 0, number))
    deleted = 0
    for room in (raw.decode() for raw in rooms):
        own = (store.room(room), store.lease(room), store.journal(room), store.reserved(room))
        keys = (*own, store.ROOMS, store.LOBBY)
        deleted += int(cast("int", client.eval(DELETE, len(keys), *keys, room, str(before))))
    return len(rooms), deleted
