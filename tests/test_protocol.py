"""The wire: the vectors that the browser's tests read too, and what is refused."""

import contextlib
import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from game import protocol
from game.rules.contract import ROOM, Action, Change, Field, TableSpec
from game.rules.snek import Snek

VECTORS = json.loads((Path(__file__).parent / "vectors.json").read_text())
TABLES = [
    TableSpec(t["name"], t["key"], tuple(Field(*f) for f in t["fields"]), t["scope"], t["across"])
    for t in VECTORS["welcome"]["tables"]
]


def vectors(direction: str) -> list[dict[str, Any]]:
    """The vectors that go one way."""
    return [v for v in VECTORS["messages"] if v["direction"] == direction]


def from_client(value: dict[str, Any]) -> protocol.FromBrowser:
    """A client vector's value as what parse() should give."""
    kinds: dict[str, Any] = {
        "hello": lambda v: protocol.Hello(v["version"]),
        "join": lambda v: protocol.Entry(v["name"], v["colour"]),
        "action": lambda v: protocol.Press(v["seq"], v["tick"], v["code"], bytes(v["values"])),
        "resync": lambda v: protocol.Resync(),
        "ack": lambda v: protocol.NotesSeen(v["number"]),
        "ping": lambda v: protocol.Ping(v["clock"], v["tick"], v["rtt"]),
        "leave": lambda v: protocol.Goodbye(),
        "look": lambda v: protocol.Look(v["view"]),
        "check": lambda v: protocol.Check(),
    }
    return kinds[value["type"]](value)


def frame(value: dict[str, Any]) -> bytes:
    """A frame vector's value, encoded."""
    parts = [part(entry) for entry in value["parts"]]
    parts += [protocol.roster_part(one["seats"], one["gone"]) for one in value["rosters"]]
    if value["events"]:
        parts.append(protocol.events_part(ROOM, value["events"]))
    return protocol.frame(value["epoch"], value["tick"], parts, keyframe=value["keyframe"])


def part(value: dict[str, Any]) -> bytes:
    """One region's part of a frame vector, encoded."""
    if value["how"] == "forget":
        return protocol.forget_part(value["region"])
    changes = []
    for change in value["changes"]:
        rows = tuple((key, tuple(fields)) for key, *fields in change["rows"])
        steps, ways = zip(*change["steps"], strict=True) if change["steps"] else ((), ())
        entry = Change(tuple(change["gone"]), rows, steps, ways)
        changes.append((change["table"], TABLES[change["table"]], entry))
    if value["how"] == "anew":
        return protocol.anew_part(value["region"], changes)
    tables = [(index, spec, {value["region"]: entry}) for index, spec, entry in changes]
    return protocol.changes_parts(tables)[value["region"]]


def from_server(value: dict[str, Any]) -> bytes:
    """A server vector's value, encoded."""
    kinds: dict[str, Any] = {
        "frame": lambda v: frame(v["frame"]),
        "note": lambda v: protocol.note(v["number"], v["note"]),
        "seated": lambda v: protocol.seated(v["seat"], v["seq"], resumed=v["resumed"]),
        "acked": lambda v: protocol.acked(v["seq"]),
        "pong": lambda v: protocol.pong(v["clock"]),
        "error": lambda v: protocol.error(v["code"]),
        "saved": lambda v: protocol.saved(v["saved"]),
        "notice": lambda v: protocol.notice(v["text"]),
        "own": lambda v: protocol.own(v["table"], TABLES[v["table"]], tuple(v["fields"])),
        "sums": lambda v: protocol.sums(v["epoch"], v["tick"], dict(v["regions"])),
        "welcome": lambda v: protocol.welcome("k7m2xq", "Ada's room", True, 16, snek()),
    }
    return kinds[value["type"]](value)


def snek() -> Snek:
    """The game whose welcome stands in the vectors."""
    return Snek(1, {"width": 24, "height": 16, "wrap": True, "rocks": 0})


@pytest.mark.parametrize(
    "vector",
    [v for v in VECTORS["messages"] if v["direction"] == "client"],
    ids=lambda v: v["name"],
)
def test_reads_what_a_page_sends(vector: dict[str, Any]) -> None:
    assert protocol.parse(bytes.fromhex(vector["hex"])) == from_client(vector["value"])


@pytest.mark.parametrize(
    "vector",
    [v for v in VECTORS["messages"] if v["direction"] == "server"],
    ids=lambda v: v["name"],
)
def test_writes_what_a_page_reads(vector: dict[str, Any]) -> None:
    assert from_server(vector["value"]).hex() == vector["hex"]


@pytest.mark.parametrize("count", range(11))
def test_directions_stand_four_to_a_byte(count: int) -> None:
    spec = TableSpec("cells", "B", (Field("body", "H"),), across=16)
    ways = bytes((3 * at + 1) % 4 for at in range(count))
    change = Change((), (), bytes(range(count)), ways)
    part = protocol.changes_parts([(0, spec, {7: change})])[7]
    size = (count + 3) // 4
    packed = part[len(part) - 1 - size : -1]  # between the steps and how many rows there are
    assert part[3:-1] == bytes((0, count, *range(count))) + packed
    assert bytes(packed[at // 4] >> at % 4 * 2 & 3 for at in range(count)) == ways
    assert sum(packed) == sum(way << at % 4 * 2 for at, way in enumerate(ways))


def test_a_regions_sum_is_made_of_how_it_is_told_anew() -> None:
    known = {v["name"]: copy.deepcopy(v["value"]) for v in VECTORS["messages"]}
    keyframe = known["keyframe"]["frame"]
    sums = dict(known["sums of the keyframe"]["regions"])
    welcome = from_server({"type": "welcome"})
    shared, region, later = keyframe["parts"]
    snake = region["changes"][1]
    snake["rows"] = [*snake["rows"][1:], [43, 5]]  # as the change behind it makes it
    assert later["changes"][0]["steps"] == [[42, 1]]
    seats = [seat for roster in keyframe["rosters"] for seat in roster["seats"]]
    told = {ROOM: part(shared) + protocol.roster_part(seats, ()), 0: part(region)}
    assert {r: protocol.fingerprint(key, welcome) for r, key in told.items()} == sums
    with pytest.raises(protocol.Malformed):
        protocol.fingerprint(protocol.forget_part(3), welcome)


def test_every_kind_of_message_has_a_vector() -> None:
    kinds = {v["value"]["type"] for v in VECTORS["messages"]}
    client = {"hello", "join", "action", "resync", "ack", "ping", "leave", "look", "check"}
    server = {
        "welcome",
        "frame",
        "note",
        "seated",
        "acked",
        "pong",
        "error",
        "saved",
        "own",
        "sums",
        "notice",
    }
    assert kinds == client | server


def test_every_code_has_a_sentence() -> None:
    codes = {v for k, v in vars(protocol).items() if k.isupper() and isinstance(v, int)}
    assert {c for c in codes if 4001 <= c < 4096} <= set(protocol.SENTENCES)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00",
        b"\xff",
        b"\x01",
        b"\x01\x01\x01",
        b"\x02{}",
        b'\x02{"name":1,"colour":1}',
        b'\x02{"name":"a","colour":8}',
        b'\x02{"name":"a","colour":-1}',
        b'\x02{"name":"\xff","colour":1}',
        b"\x02" + b'{"name":"' + b"a" * 600 + b'","colour":1}',
        b"\x03\x00\x00",
        b"\x03" + bytes(60),
        b"\x05\x00",
        b"\x06\x00",
        b"\x07\x00",
    ],
)
def test_refuses_what_no_page_sends(data: bytes) -> None:
    with pytest.raises(protocol.Malformed):
        protocol.parse(data)


@given(st.binary(max_size=600))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(protocol.Malformed):
        protocol.parse(data)


@given(st.binary(max_size=300))
def test_any_bytes_between_processes_are_read_or_refused(data: bytes) -> None:
    for read in (protocol.decode_batch, protocol.decode_tick, protocol.decode_inputs):
        with contextlib.suppress(protocol.Malformed):
            read(data)


def test_commands_come_through_the_batch_as_they_were() -> None:
    commands: list[tuple[str, protocol.Command]] = [
        ("a", protocol.Join("w:1", "p", "Ada", 3)),
        ("a", protocol.Act("w:1", 7, 99, 1, b"\x02")),
        ("b", protocol.Here("w", 2, ["w:1"])),
        ("b", protocol.Keys()),
        ("b", protocol.Close()),
        ("b", protocol.Kick(4)),
        ("b", protocol.Notice("See you soon.")),
    ]
    assert protocol.decode_batch(protocol.encode(commands)) == commands


def test_an_actions_fields_have_exactly_their_widths() -> None:
    action = Action(9, "aim", (Field("x", "H"), Field("power", "B")))
    assert protocol.action_fields(action, b"\x01\x02\x03") == (0x0201, 3)
    for wrong in (b"", b"\x01\x02", b"\x01\x02\x03\x04"):
        with pytest.raises(protocol.Malformed):
            protocol.action_fields(action, wrong)


def test_room_scope_is_the_pseudo_region() -> None:
    assert ROOM == 0xFFFF
