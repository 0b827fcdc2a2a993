"""The way to the engines: commands gathered for a few milliseconds, one batch per engine."""

import asyncio
import contextvars

from channels.layers import get_channel_layer
from redis.exceptions import RedisError

from game import metrics, protocol, store
from game.ending import end
from game.protocol import Command

FLUSH_SECONDS = 1.0  # s that a process which ends waits for its last batches
# s that a batch waits for company: below what a player can feel. A send takes 0.2 ms, which is more
# than all that is done for ten inputs.
GATHER = 0.008
BATCH_BOUND = 4_000  # commands for one engine; beyond, new ones are dropped and counted
SEND_SECONDS = 2.0  # s until a send counts as failed


class Uplink:
    """Commands on their way to engines, in order for each engine."""

    def __init__(self) -> None:
        self._batches: dict[str, list[tuple[str, Command]]] = {}
        self._senders: dict[str, asyncio.Task[None]] = {}
        self._closed = False

    def put(self, engine: str, room: str, command: Command) -> None:
        """Send a command soon; what must not be lost is said again by its owner until answered."""
        if self._closed:
            return
        batch = self._batches.setdefault(engine, [])
        if len(batch) >= BATCH_BOUND:
            metrics.count("web.inputs_dropped")
            return
        batch.append((room, command))
        if engine not in self._senders:
            # In a context of its own: what it logs is of many players and rooms, not of this one.
            sending = asyncio.create_task(self._send(engine), context=contextvars.Context())
            self._senders[engine] = sending

    async def _send(self, engine: str) -> None:
        layer = get_channel_layer()
        try:
            await asyncio.sleep(GATHER)
            while batch := self._batches.pop(engine, None):
                message = {"type": "commands", "batch": protocol.encode(batch)}
                try:
                    async with asyncio.timeout(SEND_SECONDS):
                        await layer.send(f"engine.{engine}", message)
                except (RedisError, OSError, TimeoutError) as error:
                    metrics.count("web.inputs_dropped", len(batch))
                    store.noticed(error)
                await asyncio.sleep(GATHER)
        finally:
            del self._senders[engine]

    async def close(self) -> None:
        """Take nothing more, and send what waits: who has just left, among it."""
        self._closed = True
        senders = list(self._senders.values())
        if senders:
            await asyncio.wait(senders, timeout=FLUSH_SECONDS)
        await end(senders)
