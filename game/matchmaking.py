"""Which room to play in: quick play, rooms of one's own, the lobby's list, an operator's levers."""

import logging
import secrets
import time
from collections.abc import Mapping
from typing import Any, cast

import msgspec
from channels.layers import get_channel_layer
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from game import metrics, protocol, store
from game.protocol import Close, Command, Kick, Notice

logger = logging.getLogger(__name__)

CODE_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # nothing that is read as something else
CODE_LENGTH = 6  # 900 million codes: private rooms are not found by trying
TITLE_LENGTH = 32  # characters
RESERVED_MS = 15_000  # how long a promised seat waits for its player's page to load
ROOMS_BOUND = 1_000  # rooms at once; beyond, no new one is made
LISTED = 100  # rooms that a lobby shows, the fullest first: more is scrolling, and 20 kB a second
GAME = "snek"  # what quick play plays
CAPACITY = 16  # people in a room of 44 by 32 cells: lively, and still a board to move on
FILL = 6  # seats that bots fill up to: enough to meet somebody every few seconds


class Unavailable(RuntimeError):
    """Rooms cannot be found or made now; the text says so, for people."""


AWAY = "The game server cannot be reached right now. Please try again in a moment."


def _redis() -> Redis:
    """Redis, for a visitor who waits; not asked while it is known to be away."""
    if store.away.on:
        raise Unavailable(AWAY)
    return store.aredis()


async def rooms(*, private: bool = False) -> list[dict[str, Any]]:
    """The open public rooms (an operator's list has the private ones too), fullest first."""
    try:
        redis = _redis()
        lines = cast("dict[bytes, bytes]", await redis.hgetall(store.LOBBY))
        members = cast("list[bytes]", await redis.zrange(store.ROOMS, 0, -1))
        alive = {member.decode() for member in members}
        stale = [room.decode() for room in lines if room.decode() not in alive]
        if stale:
            await redis.hdel(store.LOBBY, *stale)
    except store.FAILURES as error:
        raise Unavailable(AWAY) from error
    listed = [msgspec.json.decode(line) for room, line in lines.items() if room.decode() in alive]
    shown = [room for room in listed if private or not room["private"]]
    return sorted(shown, key=lambda room: (-room["people"], room["id"]))


async def exists(room: str) -> bool:
    """Whether there is such a room."""
    try:
        return bool(await _redis().exists(store.room(room)))
    except store.FAILURES as error:
        raise Unavailable(AWAY) from error


async def quick_play(player: str) -> str:
    """A public room with a seat promised to this player: the fullest with one, else a new one."""
    for room in await rooms():
        if room["game"] == GAME and await _reserve(room, player):
            return str(room["id"])
    return await create_room({}, title="", private=False)


async def _reserve(room: Mapping[str, Any], player: str) -> bool:
    keys = (store.room(room["id"]), store.reserved(room["id"]))
    args = (player, RESERVED_MS, room["people"], room["capacity"])
    try:
        return bool(await _redis().fcall("kg_reserve", len(keys), *keys, *args))
    except ResponseError as error:
        logger.warning("no seat could be promised: %s", error)
        return bool(room["people"] < room["capacity"])  # no engine has put the functions in yet
    except store.FAILURES as error:
        raise Unavailable(AWAY) from error


async def create_room(
    options: Mapping[str, Any],
    title: str,
    *,
    private: bool,
    capacity: int = CAPACITY,
    fill: int = FILL,
    game: str = GAME,
) -> str:
    """Make a room and call for an engine; returns its id.

    The options are the game's own and are checked by the engine that opens the room.
    """
    room = "".join(secrets.choice(CODE_ALPHABET) for _ in range(CODE_LENGTH))
    settings = {
        "id": room,
        "match": secrets.token_hex(16),
        "game": game,
        "seed": secrets.randbits(32),
        "title": title[:TITLE_LENGTH],
        "private": private,
        "capacity": capacity,
        "fill": fill,
        "options": dict(options),
    }
    try:
        redis = _redis()
        if await redis.zcard(store.ROOMS) >= ROOMS_BOUND:
            metrics.count("web.rooms_refused")
            raise Unavailable("There are as many rooms as this server holds. Join one of them.")
        pipe = redis.pipeline(transaction=True)
        pipe.hset(store.room(room), mapping={"settings": protocol.encode_json(settings)})
        pipe.zadd(store.ROOMS, {room: time.time() * 1000})
        pipe.publish(store.NUDGE, room)
        await pipe.execute()
    except store.FAILURES as error:
        raise Unavailable(AWAY) from error
    return room


async def kick(room: str, seat: int) -> None:
    """Take a seat away from whoever holds it."""
    await _command(room, Kick(seat))


async def message(room: str, text: str) -> None:
    """Say something to everyone who is in a room now, on behalf of the operators."""
    await _command(room, Notice(text))


async def close(room: str) -> None:
    """End a room; everyone in it is told."""
    await _command(room, Close())


async def _command(room: str, command: Command) -> None:
    try:
        lease = cast("bytes | None", await _redis().get(store.lease(room)))
        if lease is None:
            raise Unavailable("No engine holds this room now. Try again in a few seconds.")
        engine = lease.decode().partition(":")[0]
        message = {"type": "commands", "batch": protocol.encode([(room, command)])}
        await get_channel_layer().send(f"engine.{engine}", message)
    except store.FAILURES as error:
        raise Unavailable(AWAY) from error
