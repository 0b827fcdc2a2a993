"""The length of Celery's queues on Redis, exact, in one script.

A queue is one list per priority, and a task that a worker has fetched (also one that waits there
for its countdown) is in none of them: it sits in the `unacked` hash that all queues share.
"""

import json
import time
from typing import Any

LOOK_AT = 1_000  # in-flight messages split by queue per sample: two milliseconds of Redis' time
LOOK_INTO = 64 * 1024  # bytes; a longer message is counted, but not read to find out its queue

# One script, so that a message on its way from a list to the hash is counted exactly once, and so
# that no message body crosses the network. Celery's JSON is searched, not parsed: quotes inside
# of a value are escaped, so the patterns cannot match there.
COUNT = r"""
local per, most, longest = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local queues = {}
for first = 3, #KEYS, per do
  local ready, oldest = 0, false
  for n = first, first + per - 1 do
    ready = ready + redis.call('llen', KEYS[n])
    local message = redis.call('lindex', KEYS[n], -1)
    local at = message and string.match(message, '"published_at": ?([%d.]+)')
    if at and (not oldest or tonumber(at) < tonumber(oldest)) then oldest = at end
  end
  queues[#queues + 1] = {ready, oldest}
end
local split = {}
local tags = redis.call('zrange', KEYS[2], 0, most - 1, 'withscores')
for n = 1, #tags, 2 do
  local size = redis.call('hstrlen', KEYS[1], tags[n])
  if size > 0 and size <= longest then
    local key = string.match(redis.call('hget', KEYS[1], tags[n]), '^.*", ?"(.*)"%]$')
    if key then
      if not split[key] then split[key] = {0, tags[n + 1]} end
      split[key][1] = split[key][1] + 1
    end
  end
end
local in_flight = {}
for key, found in pairs(split) do in_flight[#in_flight + 1] = {key, found[1], found[2]} end
return {redis.call('hlen', KEYS[1]), queues, in_flight}
"""


def depths(channel: Any, queues: dict[str, str]) -> list[dict[str, Any]]:
    """Each queue's figures; `queues` maps its name to its routing key, in the order to answer.

    {"name", "ready", "in_flight", "at_least": more is in flight than was looked at,
     "oldest_ready", "oldest_in_flight": seconds or None, "consumers": None (Redis has no idea)}
    """
    prefix, steps = channel.global_keyprefix, channel.priority_steps
    keys = [prefix + channel.unacked_key, prefix + channel.unacked_index_key]
    keys += [prefix + channel._q_for_pri(name, step) for name in queues for step in steps]
    with channel.conn_or_acquire() as client:
        total, ready, split = client.eval(COUNT, len(keys), *keys, len(steps), LOOK_AT, LOOK_INTO)
    in_flight = {json.loads(b'"' + key + b'"'): (n, float(at)) for key, n, at in split}
    looked_at = sum(n for n, _ in in_flight.values())
    now = time.time()
    return [
        {
            "name": name,
            "ready": waiting,
            "in_flight": in_flight.get(key, (0, 0.0))[0],
            "at_least": looked_at < total,
            "oldest_ready": _age(now, float(oldest) if oldest else None),
            "oldest_in_flight": _age(now, in_flight[key][1] if key in in_flight else None),
            "consumers": None,
        }
        for (name, key), (waiting, oldest) in zip(queues.items(), ready, strict=True)
    ]


def _age(now: float, since: float | None) -> float | None:
    """Seconds since then; clocks of two machines may differ, an age is never negative."""
    return None if since is None else max(0.0, now - since)
