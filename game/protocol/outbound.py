"""What browsers are told, to bytes."""

import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from itertools import product
from typing import Any

import msgspec

from game.protocol import codes
from game.protocol.layout import layout
from game.rules.contract import ROOM, Change, Game, Row, TableSpec, Width

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


def _varint(number: int) -> bytes:
    """A number in as few bytes as it needs (LEB128)."""
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


class _Varints(dict[int, bytes]):
    """Numbers as varints: regions, counts and lengths from memory, larger ones made each time."""

    def __missing__(self, number: int) -> bytes:
        return _varint(number)


_VARINTS = _Varints({number: _varint(number) for number in range(0x1000)})
_BYTES = [bytes((number,)) for number in range(0x100)]


def _part(kind: int, region: int, content: bytes) -> bytes:
    return _BYTES[kind] + _VARINTS[region] + _VARINTS[len(content)] + content


def changes_parts(
    tables: Iterable[tuple[int, TableSpec, Mapping[int, Change]]],
) -> dict[int, bytes]:
    """What changed, by region: of each table its index, its spec and its changes, in order."""
    masks: dict[int, int] = {}
    contents: dict[int, bytes] = {}
    for index, spec, changes in tables:
        mask = 1 << index
        for region, content in zip(changes, _contents(spec, changes.values()), strict=True):
            if region in masks:
                masks[region] |= mask
                contents[region] += content
            else:
                masks[region], contents[region] = mask, content
    kinds, numbers = _BYTES, _VARINTS
    return {
        region: kinds[PART_CHANGES | mask] + numbers[region] + numbers[len(content)] + content
        for (region, content), mask in zip(contents.items(), masks.values(), strict=True)
    }


def anew_part(region: int, tables: Iterable[tuple[int, TableSpec, Change]]) -> bytes:
    """A whole region, in changes from nothing: whoever reads it forgets what was there."""
    mask, content = 0, b""
    for index, spec, change in tables:
        mask |= 1 << index
        content += _contents(spec, (change,))[0]
    return _part(PART_ANEW, region, _BYTES[mask] + content)


def _contents(spec: TableSpec, changes: Iterable[Change]) -> list[bytes]:
    """Changes of one table, each as bytes."""
    keys, count, packed = _KEYS[spec.key], _VARINTS, _PACKED
    if not spec.across:
        return [count[len(gone)] + keys(gone) + _rows(spec, rows) for gone, rows, _, _ in changes]
    return [
        count[len(gone)]
        + keys(gone)
        + count[len(steps)]
        + keys(steps)
        + (packed[bytes(ways)] if len(ways) <= 4 else _pack(ways))
        + (_rows(spec, rows) if rows else b"\0")  # nearly always none
        for gone, rows, steps, ways in changes
    ]


def _rows(spec: TableSpec, rows: Sequence[tuple[int, Row]]) -> bytes:
    """How many rows, and the rows."""
    pack = layout(spec.key, spec.fields).pack
    return _VARINTS[len(rows)] + b"".join([pack(key, *row) for key, row in rows])


def _wide(width: Width) -> Callable[[Sequence[int]], bytes]:
    return lambda keys: struct.pack(f"<{len(keys)}{width}", *keys)


_KEYS: dict[Width, Callable[[Sequence[int]], bytes]] = {
    "B": bytes,
    "H": _wide("H"),
    "I": _wide("I"),
}


def _pack(ways: Sequence[int]) -> bytes:
    """Directions, four to a byte: as the digits of a number to the base of four."""
    digits = bytes(ways)[::-1].translate(_DIGITS)
    return int(digits, 4).to_bytes(-(-len(ways) // 4), "little")


_DIGITS = bytes.maketrans(bytes(range(4)), b"0123")
_PACKED = {  # what most regions have, from memory
    bytes(ways): _pack(ways) if ways else b""
    for count in range(5)
    for ways in product(range(4), repeat=count)
}


@cache  # there are 2,048 regions at most
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
    return layout("BB", spec.fields).pack(codes.OWN, table, *row)


def note(number: int, content: Mapping[str, Any]) -> bytes:
    """Something that concerns one player, repeated until acknowledged by its number."""
    return struct.pack("<BH", codes.NOTE, number) + msgspec.json.encode(content)


def notice(text: str) -> bytes:
    """What an operator says to everyone in the room."""
    return bytes((codes.NOTICE,)) + text.encode()


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


def is_acked(message: bytes) -> bool:
    """Whether a message to the browser answers an action of its player."""
    return message[0] == codes.ACKED


def is_seated(message: bytes) -> bool:
    """Whether a message to the browser gives it a seat."""
    return message[0] == codes.SEATED


def is_error(message: bytes) -> bool:
    """Whether a message to the browser is an error."""
    return message[0] == codes.ERROR


def saved(places: Mapping[str, Any]) -> bytes:
    """A finished life of yours stands in the database, at these places."""
    return _json(codes.SAVED, places)
