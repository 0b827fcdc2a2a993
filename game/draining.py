"""Draining: an operator wishes that an engine give its rooms away, or a web process its players.

A wish is a key of Redis under the process' own id, so that it outlives whoever wished it and ends
with its process. An engine sees it where it looks for rooms (`engine.claims`).
"""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any, cast

from game import metrics, store

LOOK_EVERY = 1.0  # s between a web process' looks for the wish

# keys: the wish, then report and wish of each process of the kind, the one to be drained first
# Answers 1; 0 when no other takes work, -1 when the process itself does not live. In one step, so
# that two operators cannot drain the last two.
ASK = """
if redis.call('exists', KEYS[2]) == 0 then return -1 end
for i = 4, #KEYS, 2 do
  if redis.call('exists', KEYS[i]) == 1 and redis.call('exists', KEYS[i + 1]) == 0 then
    redis.call('set', KEYS[1], 1, 'px', ARGV[1])
    return 1
  end
end
return 0
"""


class Refused(RuntimeError):
    """A process cannot be drained now; the text says why, for people."""


async def ask(process: str) -> None:
    """Wish that a process be drained; raises Refused when it, or any other of its kind, is gone."""
    server, kind = store.aredis(), process.partition(":")[0]
    members = cast("list[bytes]", await server.zrange(metrics.INDEX, 0, -1))
    others = {member.decode() for member in members} - {process}
    known = [process, *sorted(name for name in others if name.startswith(f"{kind}:"))]
    keys = [key for name in known for key in (metrics.report_key(name), store.drain(name))]
    asked = server.eval(ASK, 1 + len(keys), store.drain(process), *keys, str(store.WISH_MS))
    answer = await cast("Any", asked)
    if answer < 0:
        raise Refused("it does not report itself, so it is gone or about to be.")
    if not answer:
        raise Refused("it is the only one of its kind that takes anything. Start another first.")


async def take_back(process: str) -> None:
    """Wish so no more."""
    await store.aredis().delete(store.drain(process))


async def follow(process: str, turn: Callable[[bool], None]) -> None:
    """Call `turn` whenever the wish is another, until cancelled; Redis may be away meanwhile."""
    drained = False
    while True:
        with contextlib.suppress(*store.FAILURES):  # said by others who need it more
            wish = await store.aredis().getex(store.drain(process), px=store.WISH_MS)
            if (wish is not None) != drained:
                drained = not drained
                turn(drained)
        await asyncio.sleep(LOOK_EVERY)
