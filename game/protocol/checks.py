"""Fingerprints of regions, for pages that ask whether they hold what the engine holds.

They are made of what the engine told anew, never of the changes that the page was told: a page that
went wrong by a change finds out at the region's next turn, within a second.
"""

import struct
from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from zlib import crc32

import msgspec

from game.protocol import codes
from game.protocol.codes import Malformed
from game.protocol.outbound import PART_ANEW, PART_ROSTER

ROSTER = 0xFF  # in the place of a table's number
WIDTHS = {"B": 1, "H": 2, "I": 4}
_SEAT = struct.Struct("<BHBB")


class Check(msgspec.Struct, frozen=True):
    """A page wants to be told, from now on, what its regions must look like."""


def sums(epoch: int, tick: int, regions: Mapping[int, int]) -> bytes:
    """The fingerprints of some regions after a tick, for a page to compare."""
    head = struct.pack("<BII", codes.SUMS, epoch, tick)
    return head + b"".join(struct.pack("<HI", *pair) for pair in regions.items())


def fingerprint(key: bytes, welcome: bytes) -> int:
    """The fingerprint of a region that is told anew, by the tables of its room's welcome.

    The sum of the CRC-32 of all its rows, so that their order does not matter; raises Malformed.
    """
    total = at = 0
    while at < len(key):
        kind = key[at]
        _, at = _varint(key, at + 1)
        size, at = _varint(key, at)
        body = key[at : at + size]
        at += size
        if kind == PART_ANEW:
            total += _rows(body, _tables(welcome))
        elif kind == PART_ROSTER:
            for seat, name, colour, pilot in msgspec.json.decode(body)["seats"]:
                total += crc32(_SEAT.pack(ROSTER, seat, colour, pilot) + name.encode())
        else:
            raise Malformed(f"a region told anew with a part of kind {kind}")
    return total & 0xFFFFFFFF


def _rows(body: bytes, tables: list[tuple[int, bool]]) -> int:
    total, at = 0, 1
    for index, (size, steps) in enumerate(tables):
        if not body[0] >> index & 1:
            continue
        at += 2 if steps else 1  # no keys are gone, and there are no steps
        count, at = _varint(body, at)
        seed = crc32(bytes((index,)))
        for start in range(at, at + count * size, size):
            total += crc32(body[start : start + size], seed)
        at += count * size
    return total


@lru_cache(maxsize=64)  # rooms whose pages ask, in one process: a few people who look for a fault
def _tables(welcome: bytes) -> list[tuple[int, bool]]:
    """The bytes of a row of each table, and whether the table knows steps."""
    known: list[dict[str, Any]] = msgspec.json.decode(welcome[1:])["tables"]
    return [
        (WIDTHS[t["key"]] + sum(WIDTHS[w] for _, w in t["fields"]), bool(t["across"]))
        for t in known
    ]


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A number of unknown width (LEB128), and where it ends."""
    number = shift = 0
    while True:
        number |= (data[at] & 0x7F) << shift
        shift, at = shift + 7, at + 1
        if data[at - 1] < 0x80:
            return number, at
