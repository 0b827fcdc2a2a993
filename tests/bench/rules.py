"""Milliseconds per tick of Snek's rules: `python -m tests.bench.rules`."""

import random
import statistics
import time

from game.rules.contract import Pilot, Row
from game.rules.snek import Snek
from game.rules.snek.stages import SPAWN, TURN, begin_life
from game.rules.snek.tuning import RIGHT

TICKS = 200  # measured per case, after everybody has spawned


def crowd(snakes: int, side: int, pilot: Pilot) -> Snek:
    """A match in which everybody who finds room has spawned."""
    game = Snek(1, {"width": side, "height": side, "wrap": True, "rocks": 8})
    for seat in range(1, snakes + 1):
        game.join(seat, seat % 8, pilot)
    while game.state.waiting and game.state.tick < 200:
        game.step([])
    return game


def parade(snakes: int, side: int) -> Snek:
    """A match in which all go right, in rows, and hardly anybody dies."""
    game = Snek(1, {"width": side, "height": side, "wrap": True, "rocks": 0})
    per_row = -(-snakes // side)
    gap = side // per_row
    for seat in range(1, snakes + 1):
        tail = (seat - 1) // per_row * side + (seat - 1) % per_row * gap
        game.join(seat, seat % 8)
        player = game.state.players[seat]
        del game.state.waiting[seat]
        begin_life(game.state, player, [tail, tail + 1, tail + 2], [RIGHT] * 3)
        game.state.snakes[seat].safe_until = 0
    return game


def measure(game: Snek, press: float) -> tuple[float, float, float, float]:
    """Median and worst step, the median of reading the changes (ms), and the mean of the living."""
    dice = random.Random(1)
    steps, reads, living = [], [], []
    seats = list(game.state.players)
    for _ in range(TICKS):
        actions: list[tuple[int, int, Row]] = [
            (seat, TURN, (dice.randrange(4),))
            for seat in dice.choices(seats, k=int(press * len(seats)))
        ]
        if press:
            actions += [(seat, SPAWN, ()) for seat in seats if seat not in game.state.snakes]
        began = time.perf_counter()
        game.step(actions)
        steps.append(time.perf_counter() - began)
        began = time.perf_counter()
        for table in game.tables.values():
            table.take_changes()
        reads.append(time.perf_counter() - began)
        living.append(len(game.state.snakes))
    middle = statistics.median
    return middle(steps) * 1e3, max(steps) * 1e3, middle(reads) * 1e3, statistics.mean(living)


def main() -> None:
    """Print one line per case: people who press at random, people who just go on, and bots."""
    print(f"{'case':>15} {'living':>7} {'median ms':>10} {'worst ms':>9} {'changes ms':>11}")
    for snakes, side in ((6, 44), (100, 64), (1_000, 192), (5_000, 255)):
        for name, game, press in (
            ("people", crowd(snakes, side, Pilot.PERSON), 0.1),
            ("on parade", parade(snakes, side), 0.0),
            ("bots", crowd(snakes, side, Pilot.BOT), 0.0),
        ):
            median, worst, reads, living = measure(game, press)
            case = f"{snakes:,} {name}"
            print(f"{case:>15} {living:>7.0f} {median:>10.2f} {worst:>9.2f} {reads:>11.2f}")


if __name__ == "__main__":
    main()
