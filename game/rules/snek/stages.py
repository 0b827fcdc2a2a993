"""One tick of Snek, as stages that run in the order of STAGES."""

from collections.abc import Callable
from heapq import nlargest
from typing import Final

import numpy as np

from game.rules.contract import ROOM, Died, Pilot, Row, Spawned, Table
from game.rules.snek.collisions import LEFT, judge_moves
from game.rules.snek.living import Player, Snake
from game.rules.snek.pilots import steer_absent, steer_bot
from game.rules.snek.places import find_seed_cell, find_start
from game.rules.snek.state import Death, State, Step
from game.rules.snek.tuning import (
    BOT_PAUSE_MIN,
    BOT_PAUSE_SPREAD,
    CELLS_PER_SEED,
    GROWTH_REMAINS,
    GROWTH_SEED,
    LEADERS,
    POINTS_REMAINS,
    POINTS_SECOND,
    POINTS_SEED,
    QUEUE,
    REMAINS_EVERY,
    SAFE_SECONDS,
    SEED,
    SEEDS_PER_TICK,
    SEEDS_SPARE,
    SPAWNS_PER_TICK,
    TIME_SECONDS,
)

TURN: Final = 1  # action codes
SPAWN: Final = 2


def read_actions(state: State, step: Step) -> None:
    """Take in what people asked for; what makes no sense (any more) is dropped without a word."""
    for seat, code, fields in step.actions:
        player = state.players.get(seat)
        if player is None or player.leaving or player.pilot is not Pilot.PERSON:
            continue
        if code == SPAWN and player.snake is None:
            state.waiting.setdefault(seat, state.tick)
        elif code == TURN and player.snake is not None and fields and 0 <= fields[0] <= 3:
            queue_turn(player.snake, fields[0])
            state.turning[seat] = player.snake


def queue_turn(snake: Snake, direction: int) -> None:
    """Remember a turn, unless it changes nothing, turns back, or three are waiting already."""
    after = snake.queue[-1] if snake.queue else snake.heading
    moved = snake.queue[-1] if snake.queue else snake.moved
    if direction not in (after, moved ^ 2) and len(snake.queue) < QUEUE:
        snake.queue.append(direction)


def dismiss_leavers(state: State, step: Step) -> None:
    """End the lives of players who leave the room; like all who die, they go on blocking so far."""
    for seat in state.leavers:
        step.deaths.append(Death(state.snakes[seat], LEFT))
    state.leavers.clear()


def steer_pilots(state: State, step: Step) -> None:
    """Let the game steer for bots and for absent players."""
    crowd = list(state.snakes.values()) if state.steered else []
    for seat in sorted(state.steered):  # by seat: a restored match must draw the same dice
        snake = state.snakes.get(seat)
        if snake is None:
            continue
        if snake.player.pilot is Pilot.BOT:
            steer_bot(state, snake, crowd)
        else:
            steer_absent(state, snake)


def turn_snakes(state: State, step: Step) -> None:
    """Apply one queued turn each; one that a held move has made a turn back is skipped."""
    turning, state.turning = state.turning, {}
    for snake in turning.values():
        while snake.queue:
            direction = snake.queue.pop(0)
            if direction != snake.moved ^ 2:
                snake.heading = direction
                break
        if snake.queue:
            state.turning[snake.seat] = snake


def move_snakes(state: State, step: Step) -> None:
    """Move all at once: first every tail leaves (of the dying too), then every head arrives."""
    living, cells = state.living, state.cells
    for death in step.deaths:
        living.targets[death.snake.slot] = death.snake.head
    heads, targets, grow = map(np.asarray, (living.heads, living.targets, living.grow))
    held = np.frombuffer(living.holds, np.uint8).nonzero()[0]
    targets[held] = heads[held]
    grow[held] += 1  # the tail stays, as if it grew
    cells.pull(np.asarray(living.tails), grow)
    columns = np.asarray(living.seats), heads, living.aims, targets
    for seat, cell in cells.push(*columns):
        state.look(state.players[seat], cell)
    living.heads, living.targets = living.targets, living.heads
    step.fed = living.pick(np.frombuffer(state.edible, np.uint8)[targets].nonzero()[0].tolist())


def end_protection(state: State, step: Step) -> None:
    """Show no more the protection that has lasted its time."""
    shielded = state.shielded
    while shielded and shielded[0][0] <= state.tick:
        state.drop_shield(shielded.popleft()[1])


def feed_snakes(state: State, step: Step) -> None:
    """Eat what lies under the heads; an absent player's snake only treads it down."""
    for snake in step.fed:
        colour = state.take_food(snake.head)
        if snake.player.pilot is not Pilot.ABSENT:
            snake.feed(GROWTH_SEED if colour == SEED else GROWTH_REMAINS)
            snake.score += POINTS_SEED if colour == SEED else POINTS_REMAINS
            step.scored[snake.seat] = snake


def reward_time(state: State, step: Step) -> None:
    """Give a point per full second of a life, some at a time; absent players get none."""
    tick, rate, period = state.tick, state.rate, len(state.paid)
    for snake in state.paid[tick % period].values():
        if snake.player.pilot is not Pilot.ABSENT:
            snake.score += POINTS_SECOND * TIME_SECONDS
            step.scored[snake.seat] = snake
    for death in step.deaths:
        snake = death.snake
        if snake.player.pilot is not Pilot.ABSENT:
            snake.score += POINTS_SECOND * ((tick - snake.born) % period // rate)


def bury_dead(state: State, step: Step) -> None:
    """Take the dead off the board and leave food in every second of their cells, head first."""
    for death in step.deaths:
        snake, player = death.snake, death.snake.player
        body = snake.body
        state.cells.leave(body)
        for cell in body[::-REMAINS_EVERY]:
            state.lay_food(cell, player.colour)
        state.remove(snake)
        state.drop_shield(snake)
        step.scored.pop(snake.seat, None)
        state.numbers.set(ROOM, snake.seat, (snake.score, 0, snake.kills))
        step.events.append(
            Died(
                seat=snake.seat,
                life=snake.life,
                cause=death.cause,
                by=death.by,
                score=snake.score,
                length=snake.length,
                kills=snake.kills,
                ticks=state.tick - snake.born,
                region=state.where(body[-1]),
            )
        )
        if player.leaving:
            state.forget(player)
        elif player.pilot is Pilot.BOT:
            spread = state.rng.below(state.ticks(BOT_PAUSE_SPREAD))
            pause = state.ticks(BOT_PAUSE_MIN) + spread
            state.waiting[snake.seat] = state.tick + pause


def spawn_snakes(state: State, step: Step) -> None:
    """Begin the lives that are due, first come first; without room for one, all wait."""
    due = [
        state.players[seat]
        for seat, tick in state.waiting.items()
        if tick <= state.tick and state.players[seat].pilot is not Pilot.ABSENT
    ]
    round_ = 0  # within a tick the board only fills: what failed for one fails for the next
    for player in due[:SPAWNS_PER_TICK]:
        start = find_start(state, round_)
        if start is None:
            return
        round_ = start.round
        del state.waiting[player.seat]
        ways = [start.heading] * len(start.body)  # it lies straight
        step.events.append(begin_life(state, player, start.body, ways))


def begin_life(state: State, player: Player, body: list[int], ways: list[int]) -> Spawned:
    """Put a snake on these cells, tail first, entered in these directions; food there is lost."""
    state.lives += 1
    snake = Snake(state.living, player, life=state.lives, born=state.tick)
    for cell in body:
        if state.edible[cell]:
            state.take_food(cell)
    state.place(snake, body, ways)
    snake.safe_until = state.tick + state.ticks(SAFE_SECONDS)
    state.show_shield(snake)
    state.look(player, body[-1])
    state.numbers.set(ROOM, snake.seat, (0, snake.length, 0))
    return Spawned(snake.seat, snake.life)


def plant_seeds(state: State, step: Step) -> None:
    """Let seeds grow until there are as many as the living need."""
    wanted = min(SEEDS_SPARE + len(state.snakes), state.board.cells // CELLS_PER_SEED)
    for _ in range(min(wanted - state.seeds, SEEDS_PER_TICK)):
        cell = find_seed_cell(state)
        if cell is not None:
            state.lay_food(cell, SEED)


def show_scores(state: State, step: Step) -> None:
    """Write the numbers that changed."""
    state.numbers.set_all(
        ROOM,
        ((seat, (snake.score, snake.length, snake.kills)) for seat, snake in step.scored.items()),
    )


def show_the_best(state: State, step: Step) -> None:
    """On a large board, once a second: the best, and how crowded each region is."""
    if not state.large or state.tick % state.rate:
        return
    everyone = list(state.numbers.rows(ROOM))
    least = min(nlargest(LEADERS, [row[0] for _, row in everyone]), default=0)
    near = [entry for entry in everyone if entry[1][0] >= least]  # few: so that few are compared
    best = nlargest(LEADERS, near, key=lambda entry: (entry[1][:2], -entry[0]))
    replace(state.scores, dict(best))
    heads = np.bincount(np.asarray(state.grid.region)[np.asarray(state.living.heads)])
    crowd = enumerate(heads.tolist())
    replace(state.crowd, {region: (min(count, 255),) for region, count in crowd if count})


def replace(table: Table, rows: dict[int, Row]) -> None:
    """Let a room's table have exactly these rows, telling only what differs."""
    before = dict(table.rows(ROOM))
    table.remove_all(ROOM, [key for key in before if key not in rows])
    table.set_all(ROOM, [(key, row) for key, row in rows.items() if before.get(key) != row])


STAGES: Final[tuple[Callable[[State, Step], None], ...]] = (
    read_actions,
    dismiss_leavers,
    steer_pilots,
    turn_snakes,
    judge_moves,
    move_snakes,
    end_protection,
    feed_snakes,
    reward_time,
    bury_dead,
    spawn_snakes,
    plant_seeds,
    show_scores,
    show_the_best,
)
