"""What open pages outside a game follow: the list of rooms, and scores as they are saved."""

import asyncio
from typing import Any

import msgspec
from channels.layers import get_channel_layer
from redis.exceptions import RedisError

from game import matchmaking, metrics, protocol, store
from game.hub import Hub
from game.sinks import Sink

LIST_EVERY = 1.0  # s between looks at the rooms, while any page is open
RETRY_AFTER = 1.0  # s before a lost subscription is made again


class Live:
    """The pages of this process that follow the lobby; one look at Redis serves them all."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.pages: set[Sink] = set()
        self._rooms = ""

    def join(self, page: Sink) -> None:
        """A page begins to follow; it gets the list at once where it is known."""
        self.pages.add(page)
        if self._rooms:
            page.write((self._rooms.encode(),))

    def leave(self, page: Sink) -> None:
        """A page is gone."""
        self.pages.discard(page)

    def _tell(self, text: str) -> None:
        for page in self.pages:
            if page.behind():  # a later list replaces one that was not read
                metrics.count("web.pages_behind")
            else:
                page.write((text.encode(),))

    async def list_rooms(self) -> None:
        """Tell pages of the open rooms whenever the list changes, until cancelled."""
        while True:
            metrics.gauge("web.pages", len(self.pages))
            if self.pages:
                try:
                    rooms = (await matchmaking.rooms())[: matchmaking.LISTED]
                except matchmaking.Unavailable:
                    self._rooms = ""
                else:
                    text = msgspec.json.encode({"type": "rooms", "rooms": rooms}).decode()
                    if text != self._rooms:
                        self._rooms = text
                        self._tell(text)
            else:
                self._rooms = ""
            await asyncio.sleep(LIST_EVERY)

    async def follow_scores(self) -> None:
        """Pass on what is saved: places to the players they concern, boards to the pages."""
        layer, channel = get_channel_layer(), ""
        while True:
            try:
                channel = channel or await layer.new_channel()
                await layer.group_add("scores", channel)
                while True:
                    self._saved(await layer.receive(channel))
            except (RedisError, OSError, TimeoutError) as error:
                store.noticed(error)
                await asyncio.sleep(RETRY_AFTER)

    def _saved(self, message: dict[str, Any]) -> None:
        lives: dict[str, list[dict[str, Any]]] = {}
        for life in message["lives"]:
            lives.setdefault(life["player"], []).append(life)
        for feed in self.hub.feeds.values():
            for socket in feed.sockets.values():
                for life in lives.get(socket.player, ()):
                    socket.answer(protocol.saved(life))
        # Told for every saved life, boards or none: it may stand below what the boards carry.
        boards = {"type": "scores", "boards": message["boards"]}
        self._tell(msgspec.json.encode(boards).decode())
