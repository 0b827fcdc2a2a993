"""Telling every open page: the lives that are saved now, and the boards that changed."""

import asyncio
import hashlib
import itertools
import logging
from typing import Any, cast

import msgspec
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer

from game import store
from game.models import Life
from game.scores import boards
from game.scores.periods import MEASURES, PERIODS

log = logging.getLogger(__name__)

GROUP = "scores"  # of the channel layer; hubs listen
TOP = 10  # rows of each board in a broadcast; pages that show more read them
MESSAGE_BYTES = 20_000  # a broadcast reaches every open page of every web process
LIVES_AT_ONCE = 100  # per message: some 130 bytes each, with room for ids at their longest
SEND_SECONDS = 5.0  # then a page learns it from the next broadcast, or by asking

QUIET = "kg:scores:quiet"  # set while boards were just told
QUIET_MS = 1_000  # boards are told once a second at most: faster than anyone reads
TOLD = "kg:scores:told"  # hash: board → digest of what was last told


def lives(saved: list[Life]) -> None:
    """Say of each life that it stands in the database, and at which places."""
    for some in _chunks(boards.places(saved), LIVES_AT_ONCE):
        _send({"type": "scores.saved", "lives": some, "boards": {}})


def changed_boards() -> bool:
    """Tell the boards that differ from what was last told; False when it is too soon for that."""
    if not store.redis().set(QUIET, 1, nx=True, px=QUIET_MS):
        return False
    told = cast("dict[bytes, bytes]", store.redis().hgetall(TOLD))
    changed: dict[str, Any] = {}
    digests: dict[str, bytes] = {}
    for period, by in itertools.product(PERIODS, MEASURES):
        name, rows = f"{period}/{by}", boards.board(period, by, TOP)
        digest = hashlib.sha256(msgspec.json.encode(rows)).digest()
        if told.get(name.encode()) != digest:
            changed[name], digests[name] = rows, digest
    for part in _fitting(changed):
        _send({"type": "scores.saved", "lives": [], "boards": part})
    if digests:
        store.redis().hset(TOLD, mapping=cast("dict[Any, Any]", digests))
    return True


def _fitting(changed: dict[str, Any]) -> list[dict[str, Any]]:
    """Boards in as few parts as fit into messages; one board always does."""
    parts: list[dict[str, Any]] = []
    room = 0
    for name, rows in changed.items():
        size = len(msgspec.json.encode({name: rows}))
        if size > room:
            parts.append({})
            room = MESSAGE_BYTES - 100  # bytes for what is around the boards
        parts[-1][name] = rows
        room -= size
    return parts


def _chunks(items: list[Any], size: int) -> list[list[Any]]:
    return [items[i : i + size] for i in range(0, len(items), size)]


def _send(message: dict[str, Any]) -> None:
    """To all hubs, from code that runs no event loop; what is lost here, pages can ask for."""

    async def send() -> None:
        async with asyncio.timeout(SEND_SECONDS):
            await get_channel_layer().group_send(GROUP, message)

    try:
        async_to_sync(send)()
    except (*store.Unavailable, TimeoutError) as error:
        log.info("Open pages could not be told of new scores: %s", store.words(error))
