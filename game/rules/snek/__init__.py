"""Snek, the flagship: multiplayer Snake. The stages of a tick stand in `stages.STAGES`.

Order questions, each decided once:

1. A tick runs: actions, leavers, pilots, one turn each, judgement, moves, food, time, burials,
   spawns, seeds. Judgement looks at all snakes at once, so seats and joining order decide nothing.
2. Tails leave before heads arrive. A head may enter the cell that a tail leaves in the same tick,
   another's or its own. The tail of a snake that grows in this tick stays, and kills.
3. Growth begins in the tick after the meal.
4. Who dies in a tick blocks until its end: running into somebody who dies in the same tick, or
   who leaves, kills as well (and is credited). A dying head enters no cell, its tail leaves.
5. Two or more heads that enter one cell all die, and so do two that swap cells: `head-on`. It is
   nobody's kill; of two, each names the other.
6. A protected snake (for two seconds from its spawn) neither dies nor kills. Where it would die, it
   holds still for this tick; who would run into it holds still, protected or not. Where one
   protected snake and others want one free cell, it goes and they hold; of several protected, all
   hold. Who would enter the tail cell of a snake that holds, holds too; this goes on until no one
   is added. Nothing else about a holding snake is special: others can die of its flank.
7. Turning back is impossible relative to the last move. A turn is queued against the turn before
   it; what changes nothing is not queued, the newest is refused when three wait. One is applied per
   tick; one that has become a turn back, because the snake held, is skipped for the next.
8. A seat without a life begins one by `spawn`; joining counts as the first. Lives begin at the end
   of a tick, in the order in which they were asked for, and move from the next tick. Food under a
   new snake is lost. Without room for a life, it waits until there is. An absent player's waits.
9. The dead leave food in every second of the cells they had, from the head back.
10. An absent player's score stands still: no time, no kills, and food that its snake cannot avoid
    is trodden down without growth. Nobody is named for a death that its snake brought about.

Score: 10 a seed (which grows it by 2), 5 a piece of remains (by 1), 50 a kill, and 1 each full
second alive, which is counted every five seconds and at the end.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from game.rules.contract import ROOM, Action, Event, Field, Pilot, Row, Visible
from game.rules.snek import tuning
from game.rules.snek.board import check_options
from game.rules.snek.cells import MOST
from game.rules.snek.collisions import CAUSES
from game.rules.snek.living import Player
from game.rules.snek.places import place_rocks
from game.rules.snek.saves import load, save
from game.rules.snek.stages import SPAWN, STAGES, TURN
from game.rules.snek.state import State, Step
from game.rules.snek.upgrade import PREVIOUS


class Snek:
    """A match of Snek; see the Game contract."""

    NAME: ClassVar[str] = "snek"
    VERSION: ClassVar[int] = 2
    CAPACITY: ClassVar[int] = tuning.CAPACITY
    ACTIONS: ClassVar[tuple[Action, ...]] = (
        Action(TURN, "turn", (Field("direction", "B"),)),  # 0 up, 1 right, 2 down, 3 left
        Action(SPAWN, "spawn"),
    )
    CAUSES: ClassVar[tuple[str, ...]] = CAUSES

    rate: int
    options: Mapping[str, Any]
    tables: Mapping[str, Visible]
    views: Sequence[tuple[int, ...]]

    def __init__(self, seed: int, options: Mapping[str, Any]) -> None:
        """Set up an empty match; raises BadOptions."""
        self._take(State(seed, check_options(options)))
        for cell in place_rocks(self.state.board, self.options["rocks"], self.state.rng):
            self.state.lay_rock(cell)

    def _take(self, state: State) -> None:
        self.state, self.options, self.tables = state, state.options, state.tables
        self.rate, self.views = state.rate, state.grid.views

    def join(self, seat: int, colour: int, pilot: Pilot = Pilot.PERSON) -> None:
        """Put a player in, whose life begins in the next step; the seat must be free."""
        state = self.state
        if not 0 < seat <= MOST or seat in state.players:
            raise ValueError(f"seat {seat} is not free")
        if not 0 <= colour < tuning.COLOURS:
            raise ValueError(f"colour {colour} is not one of 0 to {tuning.COLOURS - 1}")
        player = Player(seat, colour, Pilot(pilot))
        state.seat(player)
        state.waiting[seat] = state.tick
        state.look(player, state.board.middle)
        state.numbers.set(ROOM, seat, (0, 0, 0))

    def leave(self, seat: int) -> None:
        """Take a player out; with a life, it ends in the next step and the seat is free after."""
        player = self.state.players[seat]
        if player.snake is None:
            self.state.forget(player)
        elif not player.leaving:
            player.leaving = True
            self.state.leavers.append(seat)

    def steer(self, seat: int, pilot: Pilot) -> None:
        """Hand a seat over; turns that were still waiting are dropped."""
        player = self.state.players[seat]
        self.state.hand_over(player, Pilot(pilot))
        if player.snake is not None:
            player.snake.queue.clear()
        elif player.pilot is Pilot.BOT:
            self.state.waiting.setdefault(seat, self.state.tick)

    def step(self, actions: Sequence[tuple[int, int, Row]]) -> list[Event]:
        """Advance one tick; see STAGES."""
        self.state.tick += 1
        step = Step(actions)
        for stage in STAGES:
            stage(self.state, step)
        return step.events

    def view(self, seat: int) -> int:
        """The view around a seat's head, or where that last was."""
        return self.state.players[seat].view

    def take_moved(self) -> Mapping[int, int]:
        """The seats whose view changed since the last call."""
        moved, self.state.moved = self.state.moved, {}
        return moved

    def checkpoint(self) -> dict[str, Any]:
        """The whole state as plain data."""
        return {"version": self.VERSION, **save(self.state)}

    @classmethod
    def restore(cls, data: Mapping[str, Any]) -> "Snek":
        """The match as it was; raises ValueError if the data is damaged or of a strange version."""
        if not isinstance(data, Mapping) or data.get("version") not in (PREVIOUS, cls.VERSION):
            raise ValueError(f"no Snek checkpoint of version {PREVIOUS} or {cls.VERSION}")
        game = cls.__new__(cls)
        game._take(load(data))
        return game
