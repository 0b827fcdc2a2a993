"""Noughts and crosses: the smallest game, which steps when a player acts (rate 0)."""

from collections.abc import Mapping, Sequence
from typing import Any

from game.rules.contract import (
    Action,
    BadOptions,
    Event,
    Field,
    Finished,
    Pilot,
    Row,
    Table,
    TableSpec,
)

LINES = ("012", "345", "678", "036", "147", "258", "048", "246")


class Noughts:
    """Seats 1 and 2 mark cells 0 to 8 in turn; three in a row win."""

    NAME, VERSION, CAPACITY, CAUSES = "noughts", 1, 2, ()
    ACTIONS = (Action(1, "mark", (Field("cell", "B"),)),)
    rate, views = 0, ((0,),)

    def __init__(self, seed: int, options: Mapping[str, Any]) -> None:
        if options:
            raise BadOptions("Noughts and crosses has nothing to choose.")
        self.options: Mapping[str, Any] = {}
        marks = TableSpec("marks", "B", (Field("seat", "B"),), "room")
        self.tables = {"marks": Table(marks)}
        self.marks = [0] * 9

    def join(self, seat: int, colour: int, pilot: Pilot = Pilot.PERSON) -> None: ...

    def leave(self, seat: int) -> None: ...

    def steer(self, seat: int, pilot: Pilot) -> None: ...

    def step(self, actions: Sequence[tuple[int, int, Row]]) -> list[Event]:
        for seat, _, (cell,) in actions:
            turn = 1 + (9 - self.marks.count(0)) % 2
            if seat == turn and cell < 9 and not self.marks[cell]:
                self.marks[cell] = seat
                self.tables["marks"].set(0xFFFF, cell, (seat,))
                if any(all(self.marks[int(c)] == seat for c in line) for line in LINES):
                    return [Finished((seat, 3 - seat))]
        return []

    def view(self, seat: int) -> int:
        return 0

    def take_moved(self) -> Mapping[int, int]:
        return {}

    def checkpoint(self) -> dict[str, Any]:
        return {"marks": list(self.marks)}

    @classmethod
    def restore(cls, data: Mapping[str, Any]) -> "Noughts":
        game = cls(0, {})
        for cell, seat in enumerate(data["marks"]):
            game.marks[cell] = seat
            if seat:
                game.tables["marks"].set(0xFFFF, cell, (seat,))
        return game
