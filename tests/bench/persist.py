"""How fast lives get from the outbox into the database, and how fast boards are read after.

    python -m tests.bench.persist [lives] [players] [lives that are there already]

Uses a fresh database beside DATABASE_URL's (SQLite by default) and a Valkey of its own.
"""

import random
import statistics
import sys
import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import tests.conftest  # noqa: F401  (its own services, before Django is set up)


def fill(number: int, players: list[uuid.UUID]) -> None:
    """Lives of the last month, written past the outbox; standings are worked out from them."""
    from game import scores
    from game.models import Life, Match, Player

    now = datetime.now(UTC)
    Player.objects.bulk_create(
        [Player(id=p, name=f"P{n}", first_seen=now, last_seen=now) for n, p in enumerate(players)],
        batch_size=1000,
    )
    match = Match.objects.create(
        id=uuid.uuid4(), game="snek", room="old", first_life_at=now, last_life_at=now, lives=number
    )
    for start in range(0, number, 10_000):
        Life.objects.bulk_create(
            Life(
                id=f"{match.id.hex}-{n}",
                match=match,
                player_id=random.choice(players),
                name="Mia",
                colour=1,
                score=int(random.expovariate(1 / 100)),
                length=random.randrange(3, 90),
                kills=random.randrange(9),
                seconds=20,
                cause="wall",
                ended_at=now - timedelta(seconds=random.random() * 30 * 86_400),
            )
            for n in range(start, min(start + 10_000, number))
        )
    for i in range(0, len(players), 500):
        scores.check(players[i : i + 500])


def timed(do: Any, times: int = 20) -> str:
    """Median and worst of some calls, in ms."""
    took = []
    for _ in range(times):
        started = time.perf_counter()
        do()
        took.append((time.perf_counter() - started) * 1000)
    return f"{statistics.median(took):6.1f} ms (worst {max(took):.1f})"


def main(lives: int = 20_000, players: int = 2_000, before: int = 0) -> None:
    """Fill, persist, read; print what it took."""
    from django.db import connection
    from django.test.utils import setup_databases, teardown_databases

    from game import scores
    from tests import factory

    old = setup_databases(verbosity=0, interactive=False)
    try:
        people = [uuid.uuid4() for _ in range(players)]
        if before:
            fill(before, people)
        factory.empty()
        match = uuid.uuid4().hex
        for start in range(0, lives, 5_000):
            factory.put(
                *(
                    factory.told(
                        n,
                        match=match,
                        player=random.choice(people).hex,
                        score=int(random.expovariate(1 / 100)),
                    )
                    for n in range(start, min(start + 5_000, lives))
                )
            )
        batches, saved = [], []
        started = time.perf_counter()
        while True:
            began = time.perf_counter()
            batch = scores.persist()
            batches.append(time.perf_counter() - began)
            saved = batch.saved or saved
            if not batch.full:
                break
        took = time.perf_counter() - started
        print(f"{connection.vendor}: {lives} lives of {players} players, {before} there before")
        print(f"  persist: {lives / took:,.0f} lives/s; a batch {statistics.median(batches):.3f} s")
        day, ago = "day", f"{match}-{lives - 1}"
        print("  top 50 of the day:     ", timed(lambda: scores.board(day)))
        print("  top 50 of all time:    ", timed(lambda: scores.board("all", "kills")))
        print("  places 1000 to 1050:   ", timed(lambda: scores.board("all", offset=1000)))
        print("  where a life stands:   ", timed(lambda: scores.life_places(ago)))
        print("  a player's page:       ", timed(lambda: scores.player(people[0])))
        print("  places of a full batch:", timed(lambda: scores.places(saved), 5))
    finally:
        teardown_databases(old, verbosity=0)


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:4]))
