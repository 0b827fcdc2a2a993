"""Who goes, who holds still and who dies: one judgement over all snakes at once.

Every snake is judged against the board as it will be when all have moved, so neither the numbers
of seats nor the order of joining can decide anything.
"""

from typing import Final, NamedTuple

import numpy as np

from game.rules.contract import NOBODY, Pilot
from game.rules.grid import Numbers
from game.rules.snek.cells import NONE, NOWHERE
from game.rules.snek.living import Living, Snake
from game.rules.snek.state import Death, State, Step

CAUSES: Final = ("left", "wall", "rock", "self", "snake", "head-on")
LEFT, WALL, ROCK, SELF, SNAKE, HEAD_ON = range(len(CAUSES))


class Ahead(NamedTuple):
    """What lies before those whose targets are taken, and who meets where."""

    blocked: list[Snake]
    spared: list[int]  # slots: blocked too, but it or the one in its way is protected
    followers: dict[int, list[int]]  # slots, by that of whose tail leaves if its snake goes
    shared: list[list[Snake]]  # those who want one cell


def judge_moves(state: State, step: Step) -> None:
    """Decide who dies and who holds, and credit those who brought a death about."""
    living = state.living
    living.aim(state.board)
    for death in step.deaths:  # who leaves the room
        living.targets[death.snake.slot] = NOWHERE
    ahead = look_ahead(state)
    held = ahead.spared
    for rivals in ahead.shared:
        held += [snake.slot for snake in who_yields(state, rivals)]
    hold_still(living, held, ahead.followers)
    step.deaths += [blame(state, snake) for snake in ahead.blocked]
    for rivals in ahead.shared:
        step.deaths += meet([snake for snake in rivals if not snake.holds])
    for death in step.deaths:
        if death.by and death.cause == SNAKE:
            killer = state.snakes[death.by]
            killer.credit_kill()
            step.scored[killer.seat] = killer


def look_ahead(state: State) -> Ahead:
    """See what every snake moves into; who leaves the room moves nowhere."""
    living = state.living
    targets = np.asarray(living.targets)
    there = np.asarray(state.owner)[targets]
    shared = meet_on_free_cells(state, (there == NONE).nonzero()[0])
    slots = ((there != NONE) & (targets >= NONE)).nonzero()[0]
    if not len(slots):
        return Ahead([], [], {}, shared)
    theirs = there[slots] > NONE  # not rock
    others = living.slots_in(there[slots])
    tails, grow, safe_until = map(np.asarray, (living.tails, living.grow, living.safe_until))
    follows = theirs & (tails[others] == targets[slots]) & (grow[others] == NONE)
    spared = (safe_until[slots] > state.tick) | theirs & (safe_until[others] > state.tick)
    followers: dict[int, list[int]] = {}
    for slot, other in zip(slots[follows].tolist(), others[follows].tolist(), strict=True):
        followers.setdefault(other, []).append(slot)
    crowds = [living.pick(behind) for behind in followers.values() if len(behind) > 1]
    return Ahead(
        living.pick(slots[~(follows | spared)].tolist()),
        slots[spared & ~follows].tolist(),
        followers,
        shared + sorted(crowds, key=lambda snakes: snakes[0].life),
    )


def meet_on_free_cells(state: State, slots: Numbers) -> list[list[Snake]]:
    """Who of those that go to free cells want one, in the order of the lives of the seconds."""
    wanted = np.asarray(state.living.targets)[slots]
    rivals: dict[int, list[Snake]] = {}
    for snake in state.living.pick(slots[state.cells.wanted_twice(wanted)].tolist()):
        rivals.setdefault(snake.target, []).append(snake)
    return sorted(rivals.values(), key=lambda snakes: snakes[1].life)


def who_yields(state: State, rivals: list[Snake]) -> list[Snake]:
    """Of snakes that want one cell: those that hold still, as a protected one has right of way."""
    safe = [snake for snake in rivals if state.tick < snake.safe_until]
    if not safe:
        return []
    return rivals if len(safe) > 1 else [snake for snake in rivals if snake is not safe[0]]


def hold_still(living: Living, held: list[int], followers: dict[int, list[int]]) -> None:
    """Hold these slots, then whoever follows a tail that stays because of it, to the last."""
    for slot in held:  # grows while it is walked; a snake is held once, so this ends
        if not living.holds[slot]:
            living.holds[slot] = 1
            held += followers.get(slot, ())


def blame(state: State, snake: Snake) -> Death:
    """The death of a snake that runs into something."""
    if snake.target == state.board.wall:
        return Death(snake, WALL)
    there = state.owner[snake.target]
    if there < 0:
        return Death(snake, ROCK)
    if there == snake.seat:
        return Death(snake, SELF)
    other = state.snakes[there]
    swap = other.target == snake.head and not other.holds and snake.target == other.head
    return Death(snake, HEAD_ON if swap else SNAKE, credited(other))


def meet(rivals: list[Snake]) -> list[Death]:
    """The deaths of snakes whose heads enter one cell; with more than two, none is to blame."""
    if len(rivals) < 2:
        return []
    if len(rivals) > 2:
        return [Death(snake, HEAD_ON) for snake in rivals]
    one, two = rivals
    return [Death(one, HEAD_ON, credited(two)), Death(two, HEAD_ON, credited(one))]


def credited(snake: Snake) -> int:
    """The seat to name for a death: nobody while its player is absent."""
    return NOBODY if snake.player.pilot is Pilot.ABSENT else snake.seat
