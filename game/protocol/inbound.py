"""What browsers say, from bytes."""

import struct
from collections.abc import Callable

import msgspec

from game.protocol import codes
from game.protocol.checks import Check
from game.protocol.codes import Malformed

_ACTION_HEAD = struct.Struct("<BHIB")


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
    """A sign of life: the page's clock in ms, the last tick it applied, and its ping."""

    clock: int
    tick: int
    rtt: int = 0  # ms that messages take there and back; 0: not known yet


class Goodbye(msgspec.Struct, frozen=True):
    """Gives the seat up."""


class Look(msgspec.Struct, frozen=True):
    """Who watches would like to see this view."""

    view: int


FromBrowser = Hello | Entry | Press | Resync | NotesSeen | Ping | Goodbye | Look | Check


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


def _ping(data: bytes) -> Ping:
    if len(data) == 9:  # a page of an older release tells no ping
        return Ping(*struct.unpack_from("<II", data, 1))
    if len(data) == 11:
        return Ping(*struct.unpack_from("<IIH", data, 1))
    raise Malformed("a ping that was cut off")


_PARSERS: dict[int, tuple[int, int, Callable[[bytes], FromBrowser]]] = {
    # type: (shortest, longest, reader)
    codes.HELLO: (2, 2, lambda data: Hello(data[1])),
    codes.JOIN: (3, 512, _entry),
    codes.ACTION: (_ACTION_HEAD.size, _ACTION_HEAD.size + 32, _press),
    codes.RESYNC: (1, 1, lambda data: Resync()),
    codes.ACK: (3, 3, lambda data: NotesSeen(*struct.unpack_from("<H", data, 1))),
    codes.PING: (9, 11, _ping),
    codes.LEAVE: (1, 1, lambda data: Goodbye()),
    codes.LOOK: (3, 3, lambda data: Look(*struct.unpack_from("<H", data, 1))),
    codes.CHECK: (1, 1, lambda data: Check()),
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
