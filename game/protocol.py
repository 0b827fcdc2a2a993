"""Every message of Kogame, to bytes and back: the only Python module that knows bytes.

The browser's side is `frontend/src/protocol.ts`; `tests/vectors.json` holds the two together.
Numbers are little-endian, the first byte of a browser message is its type, JSON is UTF-8.
Between processes (inputs, ticks, journal, checkpoint) everything is MessagePack.
"""

import hashlib
import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any

import msgspec

from game.rules.contract import ROOM, Action, Change, Game, Row, TableSpec

VERSION = 2
MAX_MESSAGE_BYTES = 4096  # the longest honest message is a join of about 100 bytes
KEYFRAME = 1  # flag of a frame: forget everything you hold first
PART_ROSTER, PART_EVENTS, PART_ANEW, PART_FORGET = 2, 3, 4, 5
PART_CHANGES = 0x80  # and, in the same byte, which tables: most parts are of this kind
HOLD_SECONDS = 10  # how long a dropped player's seat is kept: a tunnel, a lift, a hand-over

_HELLO, _JOIN, _ACTION, _RESYNC, _ACK, _PING, _LEAVE, _LOOK = range(0x01, 0x09)
_WELCOME, _FRAME, _NOTE, _SEATED, _ACKED, _PONG, _ERROR, _SAVED, _OWN = range(0x81, 0x8A)
_FRAME_HEAD = struct.Struct("<BIIB")
_ACTION_HEAD = struct.Struct("<BHIB")


class Malformed(ValueError):
    """Bytes that no Kogame client would send; the text says what is wrong with them."""


# --- Codes: below 1000 the socket stays open, from 4000 it is closed with that code ------------
ROOM_FULL, NAME_TAKEN, NAME_REFUSED, SCORES_BACKLOG, NO_ENGINE, NOT_SEATED = 1, 2, 3, 4, 5, 6
WRONG_VERSION, NO_IDENTITY, ROOM_GONE = 4001, 4003, 4004
TOO_MANY, REPLACED, MALFORMED, REMOVED = 4008, 4009, 4010, 4011
RESTARTING, TOO_SLOW, NO_HELLO, SILENT = 4012, 4013, 4014, 4015
SENTENCES = {
    ROOM_FULL: "This room is full. Watch it, or play in another one.",
    NAME_TAKEN: "Someone in this room already has that name. Please choose another.",
    NAME_REFUSED: "That name cannot be used. Please choose 1 to 16 visible characters.",
    SCORES_BACKLOG: "Scores are waiting to be saved. New lives begin again in a moment.",
    NO_ENGINE: "Waiting for a game engine to pick up this room.",
    NOT_SEATED: "You are watching. Join first.",
    WRONG_VERSION: "This page is of another version than the server. It reloads now.",
    NO_IDENTITY: "The server does not know this browser yet. The page reloads now.",
    ROOM_GONE: "This room is gone.",
    TOO_MANY: "Too many messages in a short time.",
    REPLACED: "You continued in another tab.",
    MALFORMED: "The server could not read what this page sent.",
    REMOVED: "An operator removed you from this room.",
    RESTARTING: "The server is restarting. You come back by yourself.",
    TOO_SLOW: "The connection is too slow to follow the game.",
    NO_HELLO: "The page did not introduce itself in time.",
    SILENT: "Nothing was heard from this page for a while.",
}


# --- From the browser --------------------------------------------------------------------------
class Hello(msgspec.Struct, frozen=True):
    """The first message: which version of the wire the page speaks."""

    version: int


class Entry(msgspec.Struct, frozen=True):
    """A wish to play, under a name and a colour (0 to 7)."""

    name: str
    colour: int


class Press(msgspec.Struct, frozen=True):
    """A game action: its sequence number, the last tick its player saw, code and raw fields."""

    seq: int
    tick: int
    code: int
    fields: bytes


class Resync(msgspec.Struct, frozen=True):
    """A gap was seen: send keyframes."""


class NotesSeen(msgspec.Struct, frozen=True):
    """Every note up to this number has arrived."""

    number: int


class Ping(msgspec.Struct, frozen=True):
    """A sign of life: the page's clock in ms, and the last tick it applied."""

    clock: int
    tick: int


class Goodbye(msgspec.Struct, frozen=True):
    """Gives the seat up."""


class Look(msgspec.Struct, frozen=True):
    """Who watches would like to see this view."""

    view: int


FromBrowser = Hello | Entry | Press | Resync | NotesSeen | Ping | Goodbye | Look


def _entry(data: bytes) -> Entry:
    try:
        entry = msgspec.json.decode(data[1:], type=Entry)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Malformed(f"join: {error}") from error
    if not 0 <= entry.colour < 8:
        raise Malformed("join: colour is not one of 0 to 7")
    return entry


def _press(data: bytes) -> Press:
    _, seq, tick, code = _ACTION_HEAD.unpack_from(data)
    return Press(seq, tick, code, data[_ACTION_HEAD.size :])


_PARSERS: dict[int, tuple[int, int, Callable[[bytes], FromBrowser]]] = {
    # type: (shortest, longest, reader)
    _HELLO: (2, 2, lambda data: Hello(data[1])),
    _JOIN: (3, 512, _entry),
    _ACTION: (_ACTION_HEAD.size, _ACTION_HEAD.size + 32, _press),
    _RESYNC: (1, 1, lambda data: Resync()),
    _ACK: (3, 3, lambda data: NotesSeen(*struct.unpack_from("<H", data, 1))),
    _PING: (9, 9, lambda data: Ping(*struct.unpack_from("<II", data, 1))),
    _LEAVE: (1, 1, lambda data: Goodbye()),
    _LOOK: (3, 3, lambda data: Look(*struct.unpack_from("<H", data, 1))),
}


def parse(data: bytes) -> FromBrowser:
    """Read one browser message; raises Malformed."""
    if not data:
        raise Malformed("an empty message")
    shortest, longest, reader = _PARSERS.get(data[0], (0, -1, None))
    if reader is None:
        raise Malformed(f"unknown type 0x{data[0]:02x}")
    if not shortest <= len(data) <= longest:
        raise Malformed(f"type 0x{data[0]:02x} with {len(data)} bytes")
    return reader(data)


# --- To the browser ----------------------------------------------------------------------------
def _json(kind: int, value: Any) -> bytes:
    return bytes((kind,)) + msgspec.json.encode(value)


def welcome(room: str, title: str, private: bool, capacity: int, game: Game) -> bytes:
    """What a page must know to read and draw a room: the game's tables, actions and options."""
    return _json(
        _WELCOME,
        {
            "version": VERSION,
            "room": room,
            "title": title,
            "private": private,
            "capacity": capacity,
            "hold": HOLD_SECONDS,
            "game": game.NAME,
            "rate": game.rate,
            "causes": game.CAUSES,
            "actions": [
                {"code": a.code, "name": a.name, "fields": [[f.name, f.width] for f in a.fields]}
                for a in game.ACTIONS
            ],
            "tables": [
                {
                    "name": table.spec.name,
                    "key": table.spec.key,
                    "fields": [[f.name, f.width] for f in table.spec.fields],
                    "scope": table.spec.scope,
                    "across": table.spec.across,
                }
                for table in game.tables.values()
            ],
            "options": dict(game.options),
        },
    )


@cache
def _row_struct(spec: TableSpec) -> struct.Struct:
    return struct.Struct("<" + spec.key + "".join(field.width for field in spec.fields))


_SMALL = [bytes((number,)) for number in range(0x80)]


def _varint(number: int) -> bytes:
    """A number in as few bytes as it needs (LEB128)."""
    if number < 0x80:
        return _SMALL[number]
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _part(kind: int, region: int, content: bytes) -> bytes:
    return bytes((kind,)) + _varint(region) + _varint(len(content)) + content


def tables_part(
    region: int, changes: Sequence[tuple[int, TableSpec, Change]], *, anew: bool = False
) -> bytes:
    """One region's changes: (index, spec, change) of each table that has any, in order.

    With `anew` it is the whole region: whoever reads it forgets what was there.
    """
    mask = 0
    body: list[bytes] = []
    for index, spec, change in changes:
        mask |= 1 << index
        body.append(_keys(spec, change.gone))
        if spec.across:
            body.append(_steps(spec, change.steps))
        body.append(_varint(len(change.rows)))
        if change.rows:
            pack = _row_struct(spec).pack
            body += [pack(key, *row) for key, row in change.rows]
    if anew:
        return _part(PART_ANEW, region, bytes((mask,)) + b"".join(body))
    return _part(PART_CHANGES | mask, region, b"".join(body))


def _steps(spec: TableSpec, steps: Sequence[tuple[int, int]]) -> bytes:
    """Steps: how many, where from, and the directions, four to a byte."""
    if not steps:
        return _SMALL[0]
    keys, ways = zip(*steps, strict=True)
    packed, shift = 0, 0
    for way in ways:
        packed |= way << shift
        shift += 2
    return _keys(spec, keys) + packed.to_bytes(shift + 7 >> 3, "little")


def _keys(spec: TableSpec, keys: Sequence[int]) -> bytes:
    """How many keys, and the keys."""
    if not keys:
        return _SMALL[0]
    packed = bytes(keys) if spec.key == "B" else struct.pack(f"<{len(keys)}{spec.key}", *keys)
    return _varint(len(keys)) + packed


def forget_part(region: int) -> bytes:
    """A region is out of sight: whoever reads it forgets what was there."""
    return _part(PART_FORGET, region, b"")


def roster_part(seats: Iterable[Sequence[Any]], gone: Iterable[int]) -> bytes:
    """Who sits where: [seat, name, colour, pilot] of the new or changed, and the seats given up."""
    content = msgspec.json.encode({"seats": list(seats), "gone": list(gone)})
    return _part(PART_ROSTER, ROOM, content)


def events_part(region: int, events: Sequence[Sequence[Any]]) -> bytes:
    """The public feed of a tick; decoration: a client that missed it misses nothing it needs."""
    return _part(PART_EVENTS, region, msgspec.json.encode(events))


def frame(epoch: int, tick: int, parts: Iterable[bytes], *, keyframe: bool = False) -> bytes:
    """What somebody sees of a tick."""
    head = _FRAME_HEAD.pack(_FRAME, epoch, tick, KEYFRAME if keyframe else 0)
    return head + b"".join(parts)


def own(table: int, spec: TableSpec, row: Row) -> bytes:
    """The newest row of a table that only its seat's player sees."""
    layout = "<BB" + "".join(field.width for field in spec.fields)
    return struct.pack(layout, _OWN, table, *row)


def note(number: int, content: Mapping[str, Any]) -> bytes:
    """Something that concerns one player, repeated until acknowledged by its number."""
    return struct.pack("<BH", _NOTE, number) + msgspec.json.encode(content)


def seated(seat: int, seq: int, *, resumed: bool) -> bytes:
    """Your seat, and the last of your actions that the room has taken."""
    return struct.pack("<BHHB", _SEATED, seat, seq, resumed)


def acked(seq: int) -> bytes:
    """Your actions up to this sequence number have been taken into a tick."""
    return struct.pack("<BH", _ACKED, seq)


def pong(clock: int) -> bytes:
    """The answer to a ping: its clock, unchanged."""
    return struct.pack("<BI", _PONG, clock)


def error(code: int) -> bytes:
    """A code with its sentence for people."""
    return struct.pack("<BH", _ERROR, code) + SENTENCES[code].encode()


def is_seated(message: bytes) -> bool:
    """Whether a message to the browser gives it a seat."""
    return message[0] == _SEATED


def is_error(message: bytes) -> bool:
    """Whether a message to the browser is an error."""
    return message[0] == _ERROR


def saved(places: Mapping[str, Any]) -> bytes:
    """A finished life of yours stands in the database, at these places."""
    return _json(_SAVED, places)


# --- Between processes -------------------------------------------------------------------------
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


Input = Join | Leave | Drop | Act | Ack | Kick
Command = Input | Keys | Here | Close


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
    layout = "<" + "".join(field.width for field in action.fields)
    if struct.calcsize(layout) != len(data):
        raise Malformed(f"action {action.name} with {len(data)} bytes of fields")
    return struct.unpack(layout, data)


def state_hash(checkpoint: Mapping[str, Any]) -> str:
    """A fingerprint of a room's whole state: equal states have equal ones, in any process."""
    return hashlib.blake2b(encode(checkpoint), digest_size=16).hexdigest()
