"""The channel layer: Channels' own over Redis' pub/sub, bounded, and quiet while Redis is away.

The original keeps what nobody reads without limit, logs a traceback a second while Redis is away,
and takes a channel whose first subscription failed for subscribed: it would be deaf for ever.
"""

import asyncio
from typing import Any

from channels_redis import utils
from channels_redis.pubsub import (
    RedisPubSubChannelLayer,
    RedisPubSubLoopLayer,
    RedisSingleShardConnection,
)

from game import metrics, store

# Messages that wait for one reader. An engine takes everything that waits at each turn of its
# loop, and a web process sends it at most 125 a second: this many is a stall of seconds.
WAITING_BOUND = 1_000
LISTEN_SECONDS = 1.0  # s of one wait for a message; after each, a new subscription is looked for
RETRY_AFTER = 0.5  # s before a lost subscription is tried again
EMPTY_WAIT = 0.1  # s between looks whether there is anything to listen to


class Inbox(asyncio.Queue[bytes]):
    """What waits for one reader; when it is full, what comes is dropped and counted.

    Whoever sends says again what must arrive, and what is old by then is better lost.
    """

    def __init__(self) -> None:
        super().__init__(WAITING_BOUND)

    def put_nowait(self, item: bytes) -> None:
        """Take a message, or drop it."""
        if self.full():
            metrics.count("layer.dropped")
        else:
            super().put_nowait(item)


class Layer(RedisPubSubChannelLayer):  # type: ignore[misc]  # channels_redis has no types
    """The layer of a process; each event loop has its own connections."""

    def _get_layer(self) -> "LoopLayer":
        loop = asyncio.get_running_loop()
        if loop not in self._layers:
            self._layers[loop] = LoopLayer(*self._args, channel_layer=self, **self._kwargs)
            utils._wrap_close(self, loop)
        layer: LoopLayer = self._layers[loop]
        return layer


class LoopLayer(RedisPubSubLoopLayer):  # type: ignore[misc]
    """The layer of one event loop."""

    def __init__(self, hosts: Any = None, **options: Any) -> None:
        super().__init__(hosts, **options)
        self._shards = [Connection(host, self) for host in utils.decode_hosts(hosts)]

    async def _subscribe_to_channel(self, channel: str) -> None:
        self.channels[channel] = Inbox()
        try:
            await self._get_shard(channel).subscribe(channel)
        except BaseException:
            del self.channels[channel]  # else the next reader would wait for what never comes
            raise


class Connection(RedisSingleShardConnection):  # type: ignore[misc]
    """One connection that listens, through any trouble, and one that publishes."""

    async def _do_receiving(self) -> None:
        while True:
            try:
                if self._pubsub is None or not self._pubsub.subscribed:
                    await asyncio.sleep(EMPTY_WAIT)
                    continue
                message = await self._pubsub.get_message(
                    ignore_subscribe_messages=True, timeout=LISTEN_SECONDS
                )
            except store.FAILURES as error:
                store.noticed(error)
                await asyncio.sleep(RETRY_AFTER)
                continue
            self._receive_message(message)
