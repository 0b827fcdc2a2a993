"""The bans in force, as every process reads them: from Redis, where `banning` mirrors them."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import cast

import msgspec

from game import store
from game.protocol import encode_json

KEY = "kg:bans"  # hash: "player:<hex>" or "address:<address>" → a Ban as JSON
VERSION = "kg:bans:version"  # changes whenever the hash does
LOOK_EVERY = 1.0  # s between looks at the version: a ban reaches open sockets within two


class Ban(msgspec.Struct, frozen=True):
    """Until when (seconds since 1970, 0 for good), and what the banned are told."""

    until: float
    reason: str = ""

    def holds(self) -> bool:
        """Whether it is still in force."""
        return not self.until or time.time() < self.until

    def sentence(self) -> str:
        """What the banned player reads."""
        at = datetime.fromtimestamp(self.until, UTC)
        when = f"until {at.day} {at:%B %Y, %H:%M} UTC" if self.until else "for good"
        return f"You are banned {when}. {self.reason}".strip()


def of_player(player: str) -> str:
    """Where the ban on a player (32 hex digits) stands in the hash."""
    return f"player:{player}"


def of_address(address: str) -> str:
    """Where the ban on a household's address stands in the hash."""
    return f"address:{address}"


def fields(player: str, address: str) -> list[str]:
    """Where the bans on a visitor stand; "" is nobody, and nowhere."""
    return [of_player(player)] * bool(player) + [of_address(address)] * bool(address)


async def find(player: str, address: str) -> Ban | None:
    """The ban on a visitor, if there is one; raises one of store.FAILURES."""
    asked = fields(player, address)
    found = await store.aredis().hmget(KEY, asked) if asked else []
    told = [msgspec.json.decode(line, type=Ban) for line in found if line is not None]
    return next((ban for ban in told if ban.holds()), None)


class Watch:
    """All bans, in the memory of a process with sockets: a handshake asks nobody.

    `changed` is called when the list is another. While Redis is away, the last known list counts;
    so it does where Redis lost it, until it has been mirrored again.
    """

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._version: bytes | None = None
        self._bans: Mapping[str, Ban] = {}

    def find(self, player: str, address: str) -> Ban | None:
        """The ban on a visitor, if there is one."""
        if not self._bans:
            return None
        found = (self._bans.get(field) for field in fields(player, address))
        return next((ban for ban in found if ban is not None and ban.holds()), None)

    async def follow(self) -> None:
        """Look for changes until cancelled."""
        while True:
            with contextlib.suppress(*store.FAILURES):  # said by others who need it more
                await self.look()
            await asyncio.sleep(LOOK_EVERY)

    async def look(self) -> None:
        """Read the list when it has changed; raises one of store.FAILURES."""
        version = cast("bytes | None", await store.aredis().get(VERSION))
        if version is None or version == self._version:
            return
        lines = cast("dict[bytes, bytes]", await store.aredis().hgetall(KEY))
        self._bans = {
            field.decode(): msgspec.json.decode(line, type=Ban) for field, line in lines.items()
        }
        self._version = version  # read first: a list that changed in between is read again
        self._changed()


def encode(ban: Ban) -> bytes:
    """A ban as it stands in the hash."""
    return encode_json(ban)
