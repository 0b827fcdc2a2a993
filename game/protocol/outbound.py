"""What browsers are told, to bytes."""

import struct
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

import msgspec

from game.protocol import codes
from game.rules.contract import ROOM, Change, Game, Row, TableSpec

KEYFRAME = 1  # flag of a frame: forget everything you hold first
PART_ROSTER, PART_EVENTS, PART_ANEW, PART_FORGET = 2, 3, 4, 5
PART_CHANGES = 0x80  # and, in the same byte, which tables: most parts are of this kind

_FRAME_HEAD = struct.Struct("<BIIB")


def _json(kind: int, value: Any) -> bytes:
    return bytes((kind,)) + msgspec.json.encode(value)


def welcome(room: str, title: str, private: bool, capacity: int, game: Game) -> bytes:
    """What a page must know to read and draw a room: the game's tables, actions and options."""
    return _json(
        codes.WELCOME,
        {
            "version": codes.VERSION,
            "room": room,
            "title": title,
            "private": private,
            "capacity": capacity,
            "hold": codes.HOLD_SECONDS,
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
    head = _FRAME_HEAD.pack(codes.FRAME, epoch, tick, KEYFRAME if keyframe else 0)
    return head + b"".join(parts)


def own(table: int, spec: TableSpec, row: Row) -> bytes:
    """The newest row of a table that only its seat's player sees."""
    layout = "<BB" + "".join(field.width for field in spec.fields)
    return struct.pack(layout, codes.OWN, table, *row)


def note(number: int, content: Mapping[str, Any]) -> bytes:
    """Something that concerns one player, repeated until acknowledged by its number."""
    return struct.pack("<BH", codes.NOTE, number) + msgspec.json.encode(content)


def seated(seat: int, seq: int, *, resumed: bool) -> bytes:
    """Your seat, and the last of your actions that the room has taken."""
    return struct.pack("<BHHB", codes.SEATED, seat, seq, resumed)


def acked(seq: int) -> bytes:
    """Your actions up to this sequence number have been taken into a tick."""
    return struct.pack("<BH", codes.ACKED, seq)


def pong(clock: int) -> bytes:
    """The answer to a ping: its clock, unchanged."""
    return struct.pack("<BI", codes.PONG, clock)


def error(code: int, sentence: str = "") -> bytes:
    """A code with its sentence for people, or with one that says more."""
    return struct.pack("<BH", codes.ERROR, code) + (sentence or codes.SENTENCES[code]).encode()


def is_seated(message: bytes) -> bool:
    """Whether a message to the browser gives it a seat."""
    return message[0] == codes.SEATED


def is_error(message: bytes) -> bool:
    """Whether a message to the browser is an error."""
    return message[0] == codes.ERROR


def saved(places: Mapping[str, Any]) -> bytes:
    """A finished life of yours stands in the database, at these places."""
    return _json(codes.SAVED, places)
