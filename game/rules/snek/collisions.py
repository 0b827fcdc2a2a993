"""Who goes, who holds still and who dies: one judgement over all snakes at once.

Every snake is judged against the board as it will be when all have moved, so neither the numbers
of seats nor the order of joining can decide anything.
"""

from typing import Final

import numpy as np

from game.rules.contract import NOBODY, Pilot
from game.rules.grid import Numbers
from game.rules.snek.cells import NOWHERE
from game.rules.snek.living import DIES, GOES, HOLDS, NO_SLOT, Snake
from game.rules.snek.state import Death, State, Step

CAUSES: Final = ("left", "wall", "rock", "self", "snake", "head-on")
LEFT, WALL, ROCK, SELF, SNAKE, HEAD_ON = range(len(CAUSES))


def judge_moves(state: State, step: Step) -> None:
    """Decide each snake's fate, and credit those who brought a death about."""
    blocked, shared, followers = aim(state, step)
    step.held = [snake for snake in blocked if is_spared(state, snake)]
    for rivals in shared:
        step.held += who_yields(state, rivals)
    hold_still(step.held, followers)
    for snake in blocked:
        if snake.fate == GOES:
            step.deaths.append(blame(state, snake))
    for rivals in shared:
        step.deaths += meet([snake for snake in rivals if snake.fate == GOES])
    for death in step.deaths:
        death.snake.fate = DIES
        if death.by and death.cause == SNAKE:
            killer = state.snakes[death.by]
            killer.credit_kill()
            step.scored[killer.seat] = killer


def aim(state: State, step: Step) -> tuple[list[Snake], list[list[Snake]], dict[int, list[Snake]]]:
    """Set every target; return who is blocked, who shares a cell, and who follows which tail."""
    living, owner, snakes = state.living, state.owner, state.snakes
    living.aim(state.board)
    targets, tails, grow = living.targets, living.tails, living.grow
    for death in step.deaths:  # who leaves the room
        targets[death.snake.slot] = NOWHERE
    there = np.asarray(owner)[np.asarray(targets)]
    blocked: list[Snake] = []
    followers: dict[int, list[Snake]] = {}  # by target: a tail that leaves if its snake goes
    for snake in living.pick(there.nonzero()[0]):
        if snake.fate == DIES:
            continue
        cell = targets[snake.slot]
        other = snakes[owner[cell]].slot if owner[cell] > 0 else NO_SLOT
        if other != NO_SLOT and tails[other] == cell and not grow[other]:
            followers.setdefault(cell, []).append(snake)
        else:
            blocked.append(snake)
    meetings = meet_on_free_cells(state, (there == 0).nonzero()[0])
    meetings += [rivals for rivals in followers.values() if len(rivals) > 1]
    return blocked, meetings, followers


def meet_on_free_cells(state: State, slots: Numbers) -> list[list[Snake]]:
    """Who of those that go to free cells want one, in the order of the lives of the seconds."""
    wanted = np.asarray(state.living.targets)[slots]
    rivals: dict[int, list[Snake]] = {}
    for snake in state.living.pick(slots[state.cells.wanted_twice(wanted)]):
        rivals.setdefault(snake.target, []).append(snake)
    return sorted(rivals.values(), key=lambda snakes: snakes[1].life)


def is_safe(state: State, snake: Snake) -> bool:
    """Whether its spawn protection still lasts."""
    return state.tick < snake.safe_until


def is_spared(state: State, snake: Snake) -> bool:
    """Whether a blocked snake holds still, because it or the one in its way is protected."""
    if is_safe(state, snake):
        return True
    there = state.owner[snake.target]
    return there > 0 and is_safe(state, state.snakes[there])


def who_yields(state: State, rivals: list[Snake]) -> list[Snake]:
    """Of snakes that want one cell: those that hold still, as a protected one has right of way."""
    safe = [snake for snake in rivals if is_safe(state, snake)]
    if not safe:
        return []
    return rivals if len(safe) > 1 else [snake for snake in rivals if snake is not safe[0]]


def hold_still(held: list[Snake], followers: dict[int, list[Snake]]) -> None:
    """Hold these, then whoever follows a tail that stays because of it, until no one is added."""
    for snake in held:  # grows while it is walked; a snake is held once, so this ends
        if snake.fate == GOES:
            snake.fate = HOLDS
            held += followers.get(snake.tail, ())


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
    swap = other.target == snake.head and other.fate != HOLDS and snake.target == other.head
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
