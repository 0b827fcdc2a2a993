"""A room's seats as plain data and back, and which versions of its state can be read."""

from collections.abc import Collection, Mapping
from dataclasses import fields
from typing import Any, Final

from game.room.parts import Seat
from game.rules.columns import Columns
from game.rules.contract import Pilot

STATE_VERSION: Final = 2
PREVIOUS: Final = 1  # the version that is brought up
SEATS: Final = Columns(*(part.name for part in fields(Seat)))


class Newer(Exception):
    """The state is not damaged: a later release wrote it, and this one cannot read it."""


def save_seats(seats: Collection[Seat]) -> dict[str, list[Any]]:
    """All of every seat; notes are shared, as a seat gets new lists and never changes one."""
    return {**SEATS.save(seats), "pilot": [int(seat.pilot) for seat in seats]}


def load_seats(data: Mapping[str, Any]) -> list[Seat]:
    """The seats as they were saved; an exception of any common kind means damage."""
    return [Seat(**entry | {"pilot": Pilot(entry["pilot"])}) for entry in SEATS.load(data)]


def bring_up(data: Mapping[str, Any], newest: int) -> Mapping[str, Any]:
    """A checkpoint in this release's version, where the game's newest is given; its part it reads.

    Raises ValueError for one that cannot be read, Newer, and KeyError for one that is damaged.
    """
    version, of_game = data.get("version"), data.get("game_version")
    if not isinstance(version, int) or not isinstance(of_game, int):
        raise ValueError("the checkpoint does not say of which version it is")
    if version > STATE_VERSION or of_game > newest:
        raise Newer(f"version {version}, and {of_game} of its game")
    if version == PREVIOUS:  # it had a dict for each seat
        return {**data, "version": STATE_VERSION, "seats": SEATS.gather(data["seats"])}
    if version != STATE_VERSION:
        raise ValueError("the checkpoint is of a version that this server does not know")
    return data
