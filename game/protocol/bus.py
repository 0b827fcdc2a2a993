"""What processes tell each other, and what they keep in Redis: MessagePack, and JSON for people."""

import hashlib
import struct
from collections.abc import Mapping
from typing import Any

import msgspec

from game.protocol.codes import Malformed
from game.protocol.layout import layout
from game.rules.contract import Action, Row


class _Bus(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """What web processes tell engines."""


class Join(_Bus, frozen=True):
    """A connection wants a seat for its player."""

    conn: str
    player: str
    name: str
    colour: int


class Leave(_Bus, frozen=True):
    """A connection gives its seat up."""

    conn: str


class Drop(_Bus, frozen=True):
    """A connection is gone; its seat is held for a while."""

    conn: str


class Act(_Bus, frozen=True):
    """A player's action, its fields still as they came."""

    conn: str
    seq: int
    tick: int
    code: int
    fields: bytes


class Ack(_Bus, frozen=True):
    """A player has every note up to this number."""

    conn: str
    number: int


class Kick(_Bus, frozen=True):
    """An operator takes a seat away."""

    seat: int


class Keys(_Bus, frozen=True):
    """A web process needs keyframes."""


class Here(_Bus, frozen=True):
    """How many sockets a web process has in the room, and which of them hold or want a seat.

    Said at intervals, so that silence means none, and a seat that is not named has lost its socket.
    """

    web: str
    sockets: int
    seated: list[str]


class Close(_Bus, frozen=True):
    """An operator closes the room."""


class Notice(_Bus, frozen=True):
    """An operator says something to everyone who is in the room now."""

    text: str


Input = Join | Leave | Drop | Act | Ack | Kick
Command = Input | Keys | Here | Close | Notice


class RoomTick(msgspec.Struct, frozen=True, array_like=True):
    """One committed tick, from the engine to every web process with sockets in the room.

    Regions are numbers of the game's, and ROOM for what everyone in the room sees.
    """

    epoch: int
    tick: int
    parts: dict[int, bytes] = {}  # region → what changed there
    keys: dict[int, bytes] = {}  # region → all of it after this tick: some in turn, or every one
    looks: dict[str, int] = {}  # conn → view, where that changed; of all, when every key is there
    views: list[list[int]] = []  # view → regions; only when every key is there
    welcome: bytes = b""  # the same
    personal: dict[str, list[bytes]] = {}  # conn → messages for that one
    close: dict[str, int] = {}  # conn → close code
    gone: bool = False  # the room has ended
    notices: list[bytes] = []  # messages for everyone in the room


_batch_decoder = msgspec.msgpack.Decoder(list[tuple[str, Command]])
_tick_decoder = msgspec.msgpack.Decoder(RoomTick)
_inputs_decoder = msgspec.msgpack.Decoder(list[Input])


def encode(value: Any) -> bytes:
    """Any of the messages between processes, or plain data, as bytes."""
    return msgspec.msgpack.encode(value)


def encode_json(value: Any) -> bytes:
    """What people and other programs read too: outbox, lobby, settings."""
    return msgspec.json.encode(value)


def decode_batch(data: bytes) -> list[tuple[str, Command]]:
    """What a web process sent: (room, command) in the order in which they came; Malformed."""
    try:
        return _batch_decoder.decode(data)
    except msgspec.DecodeError as error:
        raise Malformed(f"batch: {error}") from error


def decode_tick(data: bytes) -> RoomTick:
    """A committed tick; raises Malformed."""
    try:
        return _tick_decoder.decode(data)
    except msgspec.DecodeError as error:
        raise Malformed(f"tick: {error}") from error


def decode_inputs(data: bytes) -> list[Input]:
    """A journal entry; raises Malformed."""
    try:
        return _inputs_decoder.decode(data)
    except msgspec.DecodeError as error:
        raise Malformed(f"journal: {error}") from error


def decode_plain(data: bytes) -> Any:
    """A checkpoint; raises Malformed."""
    try:
        return msgspec.msgpack.decode(data)
    except msgspec.DecodeError as error:
        raise Malformed(f"checkpoint: {error}") from error


def action_fields(action: Action, data: bytes) -> Row:
    """The numbers of an action, as its declaration lays them out; raises Malformed."""
    try:
        return layout("", action.fields).unpack(data)
    except struct.error:
        raise Malformed(f"action {action.name} with {len(data)} bytes of fields") from None


def state_hash(checkpoint: Mapping[str, Any]) -> str:
    """A fingerprint of a room's whole state: equal states have equal ones, in any process."""
    return hashlib.blake2b(encode(checkpoint), digest_size=16).hexdigest()
