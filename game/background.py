"""What a web process does beside answering: the hub, the live pages, and reporting itself."""

import asyncio
import logging
import weakref
from collections.abc import Awaitable, Callable
from functools import partial

from game import draining, internal, metrics, store
from game.admission import Admission
from game.ending import end
from game.hub import Hub
from game.live import Live
from game.queues import election

logger = logging.getLogger(__name__)

AGAIN_AFTER = 1.0  # s before a loop that failed by a defect goes on


class Background:
    """The hub and the live pages of one event loop, with the tasks that keep them going."""

    def __init__(self) -> None:
        self.hub = Hub()
        self.live = Live(self.hub)
        self.admission = Admission()
        self.sockets = 0  # open ones of any kind
        metrics.start("web", self.hub.id)
        metrics.detail_from("pings", self.hub.pings)
        internal.open_port()
        loops = (
            self.hub.listen,
            self.hub.serve,
            self.hub.upkeep,
            self.live.list_rooms,
            self.live.follow_scores,
            self.admission.bans.follow,
            partial(draining.follow, metrics.identity(), self.admission.drain),
            partial(metrics.publish_forever, store.aredis(), store.noticed),
            partial(election.sample_forever, store.aredis()),
        )
        self._tasks = [asyncio.ensure_future(forever(loop)) for loop in loops]

    async def stop(self) -> None:
        """Cancel everything and close the connections to Redis."""
        await end(self._tasks)
        await self.hub.close()
        await store.close_aredis()


async def forever(loop: Callable[[], Awaitable[None]]) -> None:
    """Run a loop, and again should it fail: a defect in one room must not deafen the process."""
    while True:
        try:
            await loop()
        except Exception:
            metrics.count("web.background_failures")
            logger.exception("a background loop failed and goes on")
        await asyncio.sleep(AGAIN_AFTER)


_started: "weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Background]" = (
    weakref.WeakKeyDictionary()
)


def background() -> Background:
    """The running loop's background work, started when first asked for."""
    loop = asyncio.get_running_loop()
    if loop not in _started:
        _started[loop] = Background()
    return _started[loop]


async def stop_background() -> None:
    """End the running loop's background work."""
    work = _started.pop(asyncio.get_running_loop(), None)
    if work is not None:
        await work.stop()
