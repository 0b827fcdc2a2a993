"""Fan-out: one subscription per web process, one feed per room, one write per socket and tick."""

import asyncio
import itertools
import logging
import secrets
import time
from heapq import nlargest
from typing import cast

from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from game import metrics, protocol, store
from game.hub.feed import Feed
from game.hub.socket import SILENT_SECONDS, Socket
from game.hub.uplink import Uplink
from game.protocol import Command, Drop, Here, Keys

logger = logging.getLogger(__name__)

UPKEEP_EVERY = 0.25  # s between looks for feeds that stand still
SILENT_EVERY = 1.0  # s between looks for sockets that say nothing
HERE_EVERY = 2.0  # s between reports to engines of who is here
STILL_SECONDS = 1.5  # s without a frame after which the players are told, and the lease is read
KEYS_EVERY = 0.5  # s between requests for keyframes of one room
REJOIN_EVERY = 1.0  # s between repetitions of a wish to play that nobody answered
RETRY_AFTER = 0.5  # s before a lost subscription is tried again
UNSENT_BOUND = 512  # commands kept for a room while its engine is looked for; then dropped
PINGS_MOST = 100  # of a process, told in each report: who is slowest is who is looked for
ROOMS_BOUND = 5_000  # feeds of one process; a room more is refused as gone
# Ticks of one room that came and were not taken yet: one and a half seconds of a fast one, and what
# one who stands apart may have waiting. With more, all are dropped, and everybody is shown anew.
WAITING_BOUND = 30


class Hub:
    """The rooms that sockets of this process look at."""

    def __init__(self) -> None:
        self.id = secrets.token_hex(4)
        self.feeds: dict[str, Feed] = {}
        self.uplink = Uplink()
        self._numbers = itertools.count(1)
        self._client = store.connect()
        self._pubsub: PubSub = self._client.pubsub()
        # Two first subscriptions at once would each open a connection, and one would be lost.
        self._subscribing = asyncio.Lock()
        self._due: asyncio.Queue[Feed] = asyncio.Queue()  # each once: those with ticks waiting

    def new_conn(self) -> str:
        """A name for a connection that no other has, in any web process."""
        return f"{self.id}:{next(self._numbers)}"

    # --- Sockets come and go -----------------------------------------------------------------
    async def attach(self, room: str, socket: Socket) -> bool:
        """Let a socket follow a room; False when there is no such room (or no more space)."""
        if room not in self.feeds and (
            len(self.feeds) >= ROOMS_BOUND or not await store.aredis().exists(store.room(room))
        ):
            return False
        feed = self.feeds.setdefault(room, Feed(room))
        feed.add(socket)  # from here on, nobody forgets the feed
        try:
            await self._follow(feed)
        except BaseException:
            feed.remove(socket)
            raise
        if not socket.synced:  # else a tick came meanwhile, and with it everything
            feed.bring_up_to_date(socket)
        self._report(feed)
        if not feed.frames.views:
            self._ask_for_keys(feed)
        return True

    async def _follow(self, feed: Feed) -> None:
        async with self._subscribing:
            if not feed.followed:
                await self._pubsub.subscribe(store.frames(feed.room))
                feed.followed = True
                await self._find_engine(feed)

    def detach(self, room: str, socket: Socket) -> None:
        """A socket is gone; its seat is held for a while."""
        feed = self.feeds.get(room)
        if feed is None or feed.sockets.get(socket.conn) is not socket:
            return
        feed.remove(socket)
        if socket.seated or socket.join:
            self.tell(feed, Drop(socket.conn))
        if not feed.sockets:
            self._report(feed)

    def pings(self) -> list[list[str | int]]:
        """The slowest connections of players, for operators: room, player, ms there and back."""
        known = (
            (socket.rtt, feed.room, socket.player)
            for feed in self.feeds.values()
            for socket in feed.sockets.values()
            if socket.rtt and socket.seated
        )
        return [[room, player, rtt] for rtt, room, player in nlargest(PINGS_MOST, known)]

    def tell(self, feed: Feed, command: Command) -> None:
        """Send a command to the engine that holds a room, once one is known."""
        if feed.engine:
            self.uplink.put(feed.engine, feed.room, command)
        elif len(feed.unsent) < UNSENT_BOUND:
            feed.unsent.append(command)
        else:
            metrics.count("web.inputs_dropped")

    # --- Frames ------------------------------------------------------------------------------
    async def listen(self) -> None:
        """Take ticks from Redis until cancelled; a lost subscription is made again."""
        own = f"kg:web:{self.id}"  # nothing comes there; a subscription must not be empty
        while True:
            try:
                async with self._subscribing:
                    if own.encode() not in self._pubsub.channels:
                        await self._pubsub.subscribe(own)
                message = await self._pubsub.get_message(
                    ignore_subscribe_messages=True, timeout=None
                )
            except (RedisError, OSError, TimeoutError) as error:
                store.noticed(error)
                await asyncio.sleep(RETRY_AFTER)
                continue
            if message is not None:
                self._take(message["channel"].decode().rpartition(":")[2], message["data"])

    def _take(self, room: str, data: bytes) -> None:
        feed = self.feeds.get(room)
        if feed is None:
            return
        try:
            tick = protocol.decode_tick(data)
        except protocol.Malformed as error:
            about = {"room": room}
            logger.error("an unreadable tick of room %s was dropped: %s", room, error, extra=about)
            return
        if tick.gone:
            if tick.epoch >= feed.frames.epoch:
                self._gone(feed)
            return
        if len(feed.waiting) >= WAITING_BOUND:
            metrics.count("web.ticks_dropped", len(feed.waiting))
            feed.waiting.clear()
        feed.waiting.append(tick)
        self._call(feed)

    def _call(self, feed: Feed) -> None:
        if feed.waiting and not feed.due:
            feed.due = True
            self._due.put_nowait(feed)

    async def serve(self) -> None:
        """Give the ticks that came to those who look on, room by room, until cancelled."""
        while True:
            feed = await self._due.get()
            try:
                await self._serve(feed)
            finally:
                feed.due = False
                self._call(feed)

    async def _serve(self, feed: Feed) -> None:
        """Take all that waits now: only with the last does anything go out, and time pass."""
        more = True
        while more:
            tick = feed.waiting.popleft()
            more = bool(feed.waiting)
            if feed.frames.epoch and tick.epoch > feed.frames.epoch:
                feed.engine = ""  # another engine may hold it now; upkeep reads who
            for _ in feed.take(tick, more=more):
                await asyncio.sleep(0)
        if not feed.frames.views:
            self._ask_for_keys(feed)

    def _gone(self, feed: Feed) -> None:
        for socket in list(feed.sockets.values()):
            socket.close(protocol.ROOM_GONE)

    def _ask_for_keys(self, feed: Feed) -> None:
        now = time.monotonic()
        if feed.engine and now - feed.keys_asked > KEYS_EVERY:
            feed.keys_asked = now
            self.tell(feed, Keys())

    # --- At intervals ------------------------------------------------------------------------
    async def upkeep(self) -> None:
        """Find engines, say who is here, and close what is dead, until cancelled."""
        turns = itertools.count()
        while True:
            await asyncio.sleep(UPKEEP_EVERY)
            turn, away = next(turns), False
            for feed in list(self.feeds.values()):
                self._look_at_sockets(feed, turn)
                try:
                    if not away:  # one wait for a Redis that hangs, not one for each room
                        await self._look_after(feed)
                except (RedisError, OSError, TimeoutError):
                    away = True  # said by whoever listens or reports
                if away:
                    feed.engine = ""  # looked for again next time
                self._repeat(feed, turn)
            sockets = sum(len(feed.sockets) for feed in self.feeds.values())
            metrics.gauge("web.connections", sockets)
            metrics.gauge("web.rooms", len(self.feeds))
            metrics.gauge("web.slow_clients", sum(f.slow() for f in self.feeds.values()))

    def _look_at_sockets(self, feed: Feed, turn: int) -> None:
        """Close the dead, and tell the others when their room stands still."""
        now = time.monotonic()
        if turn % round(SILENT_EVERY / UPKEEP_EVERY) == 0:
            for socket in list(feed.sockets.values()):
                if now - socket.heard > SILENT_SECONDS:
                    socket.close(protocol.SILENT)
        if now - feed.last_frame > STILL_SECONDS and not feed.waiting_told:
            feed.waiting_told = True
            for socket in feed.sockets.values():
                socket.answer(protocol.error(protocol.NO_ENGINE))

    async def _look_after(self, feed: Feed) -> None:
        still = time.monotonic() - feed.last_frame > STILL_SECONDS
        if not feed.sockets:
            if still or not feed.engine:
                await self._forget(feed)
        elif still or not feed.engine:
            await self._find_engine(feed)
            self._ask_for_keys(feed)

    async def _find_engine(self, feed: Feed) -> None:
        lease = cast("bytes | None", await store.aredis().get(store.lease(feed.room)))
        engine = lease.decode().partition(":")[0] if lease else ""
        found = engine and engine != feed.engine
        feed.engine = engine
        if found:
            unsent, feed.unsent = feed.unsent, []
            for command in unsent:
                self.tell(feed, command)
            self._report(feed)
        elif not engine and not await store.aredis().exists(store.room(feed.room)):
            self._gone(feed)

    async def _forget(self, feed: Feed) -> None:
        async with self._subscribing:
            if not feed.sockets:
                del self.feeds[feed.room]
                await self._pubsub.unsubscribe(store.frames(feed.room))

    def _repeat(self, feed: Feed, turn: int) -> None:
        """Say again what an engine must know though a message was lost."""
        if turn % round(HERE_EVERY / UPKEEP_EVERY) == 0:
            self._report(feed)
        if turn % round(REJOIN_EVERY / UPKEEP_EVERY) == 0:
            for socket in feed.sockets.values():
                if socket.join and feed.engine:
                    self.tell(feed, socket.join)

    def _report(self, feed: Feed) -> None:
        if feed.engine:  # else it is said when one is found
            seated = [s.conn for s in feed.sockets.values() if s.seated or s.join]
            self.tell(feed, Here(self.id, len(feed.sockets), seated))

    async def close(self) -> None:
        """Give the subscription up."""
        await self.uplink.close()
        await self._pubsub.aclose()  # type: ignore[no-untyped-call]
        await self._client.aclose()
