"""The task broker or the database is gone or silent: the game goes on, and scores are only late."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.live.faults.company import Books, Company, Log, Visitor, p99
from tests.live.faults.record import record
from tests.live.faults.services import everything, postgres, rabbitmq
from tests.live.stage import Stage
from tests.live.valkey import Valkey

AWAY = 60.0  # s in the full form
MORE = 0.050  # s by which the 99th percentile of frames' gaps, and of pages, may grow
BROKER_BAR = "frames and pages p99 ≤ +50 ms; all scores saved ≤ 30 s after its return"
DATABASE_BAR = "play goes on; all scores saved after its return"


@dataclass
class Outage:
    """A service, how it goes and comes back, and who waits for it."""

    name: str
    lose: Callable[[], Any]
    come_back: Callable[[], Any]
    waiting: tuple[str, ...]


async def go_through(
    stage: Stage, books: Books, outage: Outage, *, before: float, away: float
) -> tuple[dict[str, Any], set[str]]:
    """Measure frames and pages before an outage and while it lasts; then wait for the scores."""
    room = await asyncio.to_thread(stage.a_room)
    paths = ("/", "/leaderboard/", f"/r/{room}/")
    database = outage.name.startswith("PostgreSQL")
    async with Company(stage, room, 6) as company, Visitor(stage, *paths) as visitor:
        await company.so(lambda: company.lives, "one died", 20)
        await books.saved()
        log, spans = Log(stage), []
        for lose, seconds in ((None, before), (outage.lose, away)):
            if lose:
                await asyncio.to_thread(lose)
            began, lives = time.monotonic(), len(company.lives)
            await asyncio.sleep(seconds)
            if database and lose:
                await company.so(books.says_the_database_is_away, "the page said so", 15)
            await company.so(lambda n=lives: len(company.lives) > n, "somebody died", 20)
            spans.append((began, time.monotonic()))
        await asyncio.to_thread(outage.come_back)
        saved = await books.saved()
        if database:
            await company.so(lambda: not books.says_the_database_is_away(), "it was back", 15)
        log.check(*(outage.waiting if away > 15 else ()))
        assert company.reconnects == 0
        gaps = [company.gaps(*span) for span in spans]
        pages = [visitor.seconds(*span) for span in spans]
        if not database:
            assert visitor.refused == set()
    found = {
        "frame_gap_p99_ms_before": round(1000 * p99(gaps[0])),
        "away": round(1000 * p99(gaps[1])),
        "longest_ms": round(1000 * gaps[1][-1]),
        "page_p99_ms_before": round(1000 * p99(pages[0])),
        "page_p99_ms_away": round(1000 * p99(pages[1])) if pages[1] else "none",
        "saved_after_s": saved,
    }
    assert gaps[1][-1] < 1.0, found  # nobody's picture ever stood still
    if not database:
        assert saved <= 30, found
        if away > 15:  # of a few seconds, the 99th percentile is the worst
            assert p99(gaps[1]) <= p99(gaps[0]) + MORE, found
            assert p99(pages[1]) <= p99(pages[0]) + MORE, found
        else:
            assert pages[1][-1] < 1.0, found
    return found, company.lives


def ways(proxy: Any, service: str, *waiting: str) -> dict[str, Outage]:
    """The two ways a service behind a proxy goes away."""
    return {
        "gone": Outage(f"{service} gone", proxy.cut, proxy.mend, waiting),
        "silent": Outage(f"{service} silent", proxy.freeze, proxy.thaw, waiting),
    }


BROKER_WAITS = ("engine", "worker", "beat")
DATABASE_WAITS = ("web", "worker")


async def test_the_broker_and_the_database_are_away_for_seconds(tmp_path: Path) -> None:
    """RabbitMQ says nothing any more, and later PostgreSQL is gone."""
    with rabbitmq() as (broker, broker_url), postgres() as (database, database_url):
        urls = {"CELERY_BROKER_URL": broker_url, "DATABASE_URL": database_url}
        told: set[str] = set()
        with everything(tmp_path, **urls) as (stage, _, books):
            silent = ways(broker, "RabbitMQ")["silent"]
            for outage in silent, ways(database, "PostgreSQL")["gone"]:
                told |= (await go_through(stage, books, outage, before=1, away=3))[1]
            await books.balance(told)


@pytest.mark.drill
async def test_the_broker_or_the_database_is_away_for_a_minute(tmp_path: Path) -> None:
    """Six stages at once, each of which loses one service in one way."""

    async def on_redis(how: str) -> None:
        folder = tmp_path / f"broker-{how}"
        folder.mkdir()
        broker = Valkey(folder)
        broker.start()
        try:
            words = {"dies": "gone", "hangs": "silent"}
            outage = Outage(
                f"a Redis as broker {words[how]}",
                lambda: broker.lose(how),
                lambda: broker.come_back(how),
                BROKER_WAITS,
            )
            await run(outage, BROKER_BAR, CELERY_BROKER_URL=f"redis+socket://{broker.socket}")
        finally:
            broker.close()

    async def on_rabbitmq(way: str) -> None:
        with rabbitmq() as (proxy, url):
            outage = ways(proxy, "RabbitMQ", *BROKER_WAITS)[way]
            await run(outage, BROKER_BAR, CELERY_BROKER_URL=url)

    async def on_postgres(way: str) -> None:
        with postgres() as (proxy, url):
            outage = ways(proxy, "PostgreSQL", *DATABASE_WAITS)[way]
            await run(outage, DATABASE_BAR, DATABASE_URL=url)

    starting = asyncio.Semaphore(2)  # the others measure nothing yet
    started = asyncio.Barrier(6)

    async def run(outage: Outage, bar: str, **urls: str) -> None:
        async with contextlib.AsyncExitStack() as stack:
            async with starting:
                open_ = everything(tmp_path / outage.name, **urls)
                stage, _, books = await asyncio.to_thread(stack.enter_context, open_)
            await started.wait()
            found, told = await go_through(stage, books, outage, before=20, away=AWAY)
            number = await books.balance(told)
        record(f"{outage.name} for {AWAY:.0f} s", bar, **found, lives=number)

    async with asyncio.TaskGroup() as group:
        for how in ("dies", "hangs"):
            group.create_task(on_redis(how))
        for way in ("gone", "silent"):
            group.create_task(on_rabbitmq(way))
            group.create_task(on_postgres(way))
