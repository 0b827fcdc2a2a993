"""The seats of a room as plain data, and back."""

from collections.abc import Collection, Mapping
from dataclasses import fields
from typing import Any, Final

from game.room.parts import Seat
from game.rules.columns import Columns
from game.rules.contract import Pilot

PREVIOUS: Final = 1  # the version that is brought up
SEATS: Final = Columns(*(part.name for part in fields(Seat)))


def save_seats(seats: Collection[Seat]) -> dict[str, list[Any]]:
    """All of every seat; notes are shared, as a seat gets new lists and never changes one."""
    return {**SEATS.save(seats), "pilot": [int(seat.pilot) for seat in seats]}


def load_seats(data: Mapping[str, Any]) -> list[Seat]:
    """The seats as they were saved; an exception of any common kind means damage."""
    return [Seat(**entry | {"pilot": Pilot(entry["pilot"])}) for entry in SEATS.load(data)]


def upgrade(data: Mapping[str, Any]) -> dict[str, Any]:
    """A room of version 1, which had a dict for each seat; the game brings up its own part."""
    return {**data, "version": 2, "seats": SEATS.gather(data["seats"])}
