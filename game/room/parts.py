"""What a room is made of: its settings, its seats, and what one tick brings."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from game.protocol import Input
from game.rules.contract import Change, Pilot, TableSpec


@dataclass(frozen=True, slots=True)
class Settings:
    """What a room is, fixed when it is made; the same settings and inputs make the same room."""

    id: str
    match: str  # hex; names the match in every life's id
    game: str  # a key of GAMES
    seed: int
    title: str = ""
    private: bool = False
    capacity: int = 16  # people
    fill: int = 6  # bots join until this many seats are taken
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Seat:
    """A place in the room and who holds it."""

    number: int
    player: str  # "" for a bot
    name: str
    colour: int
    pilot: Pilot
    conn: str = ""  # the one connection whose inputs count
    seq: int = 0  # the last action taken
    absent_since: int = 0  # tick
    life: int = 0  # the running life, or 0
    note_number: int = 0
    notes: list[list[Any]] = field(default_factory=list)  # [number, content], unacknowledged

    def row(self) -> list[Any]:
        """The seat as everyone sees it."""
        return [self.number, self.name, self.colour, int(self.pilot)]


@dataclass(slots=True)
class Tick:
    """What a tick brought: its inputs for the journal, and what is to be told to whom."""

    number: int
    inputs: list[Input]
    changes: list[tuple[int, TableSpec, Mapping[int, Change]]] = field(default_factory=list)
    roster: dict[int, list[Any] | None] = field(default_factory=dict)
    events: dict[int, list[list[Any]]] = field(default_factory=dict)  # by region
    looks: dict[str, int] = field(default_factory=dict)  # conn → its view, where that is new
    lives: list[dict[str, Any]] = field(default_factory=list)  # finished, of people
    personal: dict[str, list[bytes]] = field(default_factory=dict)
    close: dict[str, int] = field(default_factory=dict)
    stale: int = 0  # actions that came too late to mean what their player meant
    refused: int = 0  # actions of nobody, or that the game does not know

    def tell(self, conn: str, message: bytes) -> None:
        """Say something to one connection, behind what it was told before."""
        if conn:
            self.personal.setdefault(conn, []).append(message)
