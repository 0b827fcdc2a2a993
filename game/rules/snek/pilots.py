"""The rules that steer: one plays, for bots; one only survives, for absent players.

Both look at the board as it is before the tick. A bot has a temperament of its own, plans (a piece
of food, a place to stroll to, somebody to cut off), and faults, so that it is fun to beat.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from game.rules.rng import Rng
from game.rules.snek.living import Snake
from game.rules.snek.state import State
from game.rules.snek.tuning import ROCK

SIGHT: Final = 10  # cells in which a bot notices food: about what a player's eye takes in
HUNT_SIGHT: Final = 12  # cells in which it notices somebody to cut off
HUNT_TICKS: Final = 25  # ticks for which it tries: longer looks like a grudge
LEAD: Final = 3  # cells ahead of the prey's head that it aims for
THINK_MIN: Final = 5  # ticks between two thoughts at least: bounds the cost, and looks human
THINK_SPREAD: Final = 8  # ticks on top, at random
CARELESS_LENGTH: Final = 40  # cells that double a bot's slips: long bots get careless, and fall
ABSENT_FORESIGHT: Final = 80  # cells counted ahead for an absent player: few pockets fool it
ROOM_SPARE: Final = 12  # cells beyond its own length in which an absent player's snake is at ease


@dataclass(frozen=True, slots=True)
class Temperament:
    """How one bot differs from the next; tuned so that half of six live for 25 s or more."""

    foresight: int  # cells of free room it makes sure of
    slip: int  # ticks in 1,000 in which it does not look
    appetite: int  # thoughts in 100 that are of food; otherwise it strolls
    bite: int  # thoughts in 100 in which it goes for somebody
    care: bool  # whether it keeps away from cells that another head may enter


@lru_cache(maxsize=4096)  # a pure function of small numbers; the bound is a few rooms' seats
def temperament(seed: int, seat: int) -> Temperament:
    """The temperament of the bot in this seat of this match."""
    dice = Rng(seed ^ (seat << 32))
    return Temperament(
        foresight=30 + dice.below(80),
        slip=3 + dice.below(10),
        appetite=30 + dice.below(45),
        bite=dice.below(25),
        care=dice.below(8) > 0,
    )


def steer_absent(state: State, snake: Snake) -> None:
    """Keep alive: where there is room for it all, off food if it can, straight on if all is one."""
    enough = min(snake.size + ROOM_SPARE, ABSENT_FORESIGHT)
    best, best_rank = snake.heading, (-1, False)
    for direction, cell in ways(state, snake):
        room = room_from(state, cell, enough) - faces_head(state, snake, cell)
        rank = (room, not state.edible[cell])
        if rank > best_rank:
            best, best_rank = direction, rank
    snake.heading = best


def steer_bot(state: State, snake: Snake, crowd: list[Snake]) -> None:
    """Head for what it has in mind, by the first way that looks good enough."""
    mind = temperament(state.seed, snake.seat)
    if state.rng.below(1000) < mind.slip * (CARELESS_LENGTH + snake.size) // CARELESS_LENGTH:
        return
    think(state, snake, crowd, mind)
    goal = snake.player.goal
    open_ways = ways(state, snake)
    if goal >= 0:
        away = state.board.away
        open_ways.sort(key=lambda found: away(found[1], goal))
    best = (-1, 0)
    for direction, cell in open_ways:
        room = outlook(state, snake, cell, direction, mind)
        if room >= mind.foresight:
            snake.heading = direction
            return
        rank = (room, -exits(state, cell))  # in a pocket, keeping to its edge lasts longest
        if rank > best:
            best, snake.heading = rank, direction


def ways(state: State, snake: Snake) -> list[tuple[int, int]]:
    """The directions that are free, straight on first, each with the cell that it leads to."""
    head, moved = snake.head, snake.moved
    near, owner = state.board.near, state.owner
    found = []
    for direction in (moved, (moved + 1) % 4, (moved + 3) % 4):
        cell = near[direction][head]
        if not owner[cell]:
            found.append((direction, cell))
    return found


def outlook(state: State, snake: Snake, cell: int, direction: int, mind: Temperament) -> int:
    """How much room a step gives, counted no further than the bot cares."""
    open_ = is_open(state, cell, direction)
    room = mind.foresight if open_ else room_from(state, cell, mind.foresight)
    if mind.care and (faces_head(state, snake, cell) or not sure_exit(state, snake, cell)):
        return min(room, mind.foresight - 1)  # worse than a free way, better than a pocket
    return room


def is_open(state: State, cell: int, direction: int) -> bool:
    """Whether the five cells beside and before a step are free: then a bot looks no further."""
    near, owner = state.board.near, state.owner
    one, other = near[(direction + 1) % 4], near[(direction + 3) % 4]
    ahead = near[direction][cell]
    return not (
        owner[ahead]
        or owner[one[cell]]
        or owner[other[cell]]
        or owner[one[ahead]]
        or owner[other[ahead]]
    )


def sure_exit(state: State, snake: Snake, cell: int) -> bool:
    """Whether some way on from a free cell is one that nobody else can take first."""
    return any(
        not state.owner[beside[cell]] and not faces_head(state, snake, beside[cell])
        for beside in state.board.near
    )


def exits(state: State, cell: int) -> int:
    """How many free cells lie beside this one."""
    return sum(not state.owner[beside[cell]] for beside in state.board.near)


def faces_head(state: State, snake: Snake, cell: int) -> bool:
    """Whether somebody else's head could enter this cell in the same tick."""
    owner, snakes, heads = state.owner, state.snakes, state.living.heads
    for beside in state.board.near:
        near = beside[cell]
        there = owner[near]
        if there > 0 and there != snake.seat and heads[snakes[there].slot] == near:
            return True
    return False


def room_from(state: State, start: int, limit: int) -> int:
    """How many free cells can be reached from a free cell, counted up to a limit."""
    up, right, down, left = state.board.near
    owner = state.owner
    seen = {start}
    reached = [start]
    for cell in reached:  # grows while it is walked
        for other in (up[cell], right[cell], down[cell], left[cell]):
            if not owner[other] and other not in seen:
                seen.add(other)
                reached.append(other)
        if len(reached) >= limit:
            return limit
    return len(reached)


def think(state: State, snake: Snake, crowd: list[Snake], mind: Temperament) -> None:
    """Keep, follow or change what the bot has in mind."""
    plan = snake.player
    prey = state.snakes.get(plan.prey)
    if prey is not None and state.tick < plan.until:
        plan.goal = ahead_of(state, prey)
        return
    if state.tick < plan.until and snake.head != plan.goal:
        return
    plan.prey = 0
    plan.until = state.tick + THINK_MIN + state.rng.below(THINK_SPREAD)
    if state.rng.below(100) < mind.bite and choose_prey(state, snake, crowd):
        return
    hungry = state.rng.below(100) < mind.appetite
    food = food_in_sight(state, snake.head) if hungry else -1
    plan.goal = food if food >= 0 else state.rng.below(state.board.cells)  # or a stroll


def choose_prey(state: State, snake: Snake, crowd: list[Snake]) -> bool:
    """Pick somebody at random and go for them if they are near enough."""
    prey = crowd[state.rng.below(len(crowd))]
    near = state.board.away(prey.head, snake.head) <= HUNT_SIGHT
    if prey is snake or not near or state.tick < prey.safe_until:
        return False
    plan = snake.player
    plan.prey, plan.goal = prey.seat, ahead_of(state, prey)
    plan.until = state.tick + HUNT_TICKS
    return True


def ahead_of(state: State, prey: Snake) -> int:
    """The cell some steps ahead of a head, or the last one before something is in the way."""
    forward = state.board.near[prey.heading]
    cell = prey.head
    for _ in range(LEAD):
        if state.owner[forward[cell]] == ROCK:
            break
        cell = forward[cell]
    return cell


def food_in_sight(state: State, head: int) -> int:
    """The nearest food in the square of sight, or -1; sight ends at the board's edge."""
    width, edible = state.board.width, state.edible
    x, y = head % width, head // width
    best, best_steps = -1, 2 * SIGHT + 1
    reach = min(SIGHT, width - 1 - x)
    for row in range(max(0, y - SIGHT), min(state.board.height, y + SIGHT + 1)):
        centre = row * width + x
        right = edible.find(1, centre, centre + reach + 1)
        left = edible.rfind(1, centre - min(SIGHT, x), centre)
        for cell in (right, left):
            steps = abs(cell - centre) + abs(row - y)
            if cell >= 0 and steps < best_steps:
                best, best_steps = cell, steps
    return best
