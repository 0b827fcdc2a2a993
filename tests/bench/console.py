"""What the operator's page costs, and how fresh it is: `python -m tests.bench.console`.

500 rooms, 50 queues and 20 processes that are not there report to a real Redis; a real web
process pushes them to a real browser. Then what the figures cost those who make them.
"""

import argparse
import asyncio
import contextlib
import os
import shutil
import statistics
import time
from collections.abc import AsyncIterator
from typing import Any

import psutil
from asgiref.sync import sync_to_async
from playwright.async_api import Browser, Page, async_playwright

from tests import conftest, processes
from tests.bench.crew import Crew
from tests.bench.page import assets, weigh

assert conftest  # it starts Valkey and sets the environment, before Django is set up

ROOMS, QUEUES = 500, 50
BYTES_MOST = 20_000  # a second, on the page's socket
DELAY_MOST = 2.0  # s from a change in Redis to the page
FRAME_MOST = 1000 / 60  # ms
SIZE_MOST = 60_000  # bytes of script and style, compressed
SAMPLER_MOST = 0.05  # of a core, with 50 queues
OWN_MOST = 0.02  # of a process's own work
PLAYED = 0.08  # of a core, for 200 players: see tests.bench.load
COUNTS = 1_300  # a second then: two for each of 300 inputs and answers, and for each room's tick
ENTRIES = ("src/admin/metrics.ts", "src/admin/charts.ts", "src/admin/miniature.ts")

WATCH = """() => {
  const tile = [...document.querySelectorAll(".kgm-tile")]
    .find((node) => node.textContent.startsWith("Tasks waiting")).querySelector(".kgm-tile-value");
  window.seen = {};
  new MutationObserver(() => { window.seen[tile.textContent.replaceAll(",", "")] ??= Date.now(); })
    .observe(tile, { childList: true, characterData: true, subtree: true });
}"""
FRAMES = """(seconds) => new Promise((resolve) => {
  const gaps = [];
  let last = performance.now();
  const end = last + seconds * 1000;
  const frame = (now) => {
    gaps.push(now - last);
    last = now;
    if (window.scrolling) window.scrollBy(0, window.scrolling);
    if (scrollY <= 0 || scrollY + innerHeight >= document.body.scrollHeight - 1)
      window.scrolling = -(window.scrolling ?? 0);
    if (now < end) requestAnimationFrame(frame); else resolve(gaps.slice(1));
  };
  requestAnimationFrame(frame);
})"""


# --- The page ----------------------------------------------------------------------------------
async def session() -> str:
    """The session of an operator who has just logged in."""
    from django.conf import settings
    from django.contrib.auth.models import User
    from django.test import Client

    def log_in() -> str:
        client = Client()
        client.force_login(User.objects.create_superuser("bench"))
        return str(client.cookies[settings.SESSION_COOKIE_NAME].value)

    return await sync_to_async(log_in)()


class Counted:
    """The bytes that came over the sockets of a page."""

    def __init__(self, page: Page) -> None:
        self.bytes = self.messages = 0
        page.on("websocket", lambda socket: socket.on("framereceived", self._take))

    def _take(self, payload: str | bytes) -> None:
        self.bytes += len(payload)
        self.messages += 1


async def measure(chromium: Browser, base: str, web: psutil.Process, crew: Crew, s: float) -> None:
    """Open the page, and print what it gets, shows and costs."""
    alone = await busy(web, s)
    context = await chromium.new_context(base_url=base, viewport={"width": 1366, "height": 768})
    await context.add_cookies([{"name": "sessionid", "value": await session(), "url": base}])
    page = await context.new_page()
    counted = Counted(page)
    await page.goto("/admin/metrics/")
    await page.wait_for_selector("[data-source=socket]")
    await page.wait_for_selector(".kgm-chart canvas, .kgm-mark")
    await asyncio.sleep(5)
    await page.evaluate(WATCH)
    before, messages = counted.bytes, counted.messages
    watched = await busy(web, s)
    rate = (counted.bytes - before) / s
    print(f"socket: {rate:,.0f} bytes/s (at most {BYTES_MOST:,}), ", end="")
    print(f"{(counted.messages - messages) / s:.1f} messages/s")
    seen = await page.evaluate("() => window.seen")
    delays = [at / 1000 - crew.written[int(n)] for n, at in seen.items() if int(n) in crew.written]
    print(f"Redis to page: p50 {statistics.median(delays):.2f} s, ", end="")
    print(f"longest {max(delays):.2f} s of {len(delays)} (at most {DELAY_MOST} s)")
    print(f"web process: {alone:.1%} of a core with no page open, {watched:.1%} with one")
    print(f"frames, still:     {spread(await page.evaluate(FRAMES, s))}")
    await page.evaluate("() => { window.scrolling = 20; }")
    print(f"frames, scrolling: {spread(await page.evaluate(FRAMES, s))}")
    await context.close()


def spread(gaps: list[float]) -> str:
    """Frames a second, and how long the slowest took."""
    late = sum(gap > 1.5 * FRAME_MOST for gap in gaps)
    ordered = sorted(gaps)
    return (
        f"{1000 * len(gaps) / sum(gaps):.1f}/s, p99 {ordered[len(gaps) * 99 // 100]:.1f} ms, "
        f"longest {ordered[-1]:.1f} ms, {late} of {len(gaps)} late"
    )


async def busy(process: psutil.Process, seconds: float) -> float:
    """The share of a core that a process uses."""
    before = sum(process.cpu_times()[:2])
    await asyncio.sleep(seconds)
    return float(sum(process.cpu_times()[:2]) - before) / seconds


@contextlib.asynccontextmanager
async def reporting() -> AsyncIterator[Crew]:
    """A crew at work."""
    from game import store

    crew = Crew(store.aredis(), ROOMS, QUEUES)
    working = asyncio.create_task(crew.work())
    yield crew
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    await store.close_aredis()


async def page(seconds: float) -> None:
    """Serve the page to a browser while the crew reports."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    processes.migrated()
    port = processes.free_port()
    base = f"http://127.0.0.1:{port}"
    with processes.process("-m", "kogame.server", "--port", str(port)) as web:
        processes.wait(lambda: processes.answers(f"{base}/healthz"), 30, "the web start")
        async with reporting() as crew, async_playwright() as playwright:
            chromium = await playwright.chromium.launch(executable_path=path, args=flags)
            await measure(chromium, base, psutil.Process(web.pid), crew, seconds)
            await chromium.close()


# --- The figures themselves --------------------------------------------------------------------
def each(do: Any, times: int) -> float:
    """CPU-seconds of one of several repetitions: of five rounds, the one least disturbed."""
    rounds = []
    for _ in range(5):
        began = time.process_time()
        for _ in range(times):
            do()
        rounds.append((time.process_time() - began) / times)
    return min(rounds)


def sampler() -> None:
    """What a sample of 50 queues costs, each second, in one web process of all."""
    from celery import Celery
    from django.conf import settings
    from kombu import Queue

    from game.queues.sampler import Sampler

    app = Celery("bench", broker=settings.REDIS_URL)
    app.conf.task_queues = [Queue(f"queue{n}") for n in range(QUEUES)]
    taker = Sampler(app)
    cost = each(taker.sample, 10)
    taker.close()
    print(f"sampler: {cost:.2%} of a core with {QUEUES} queues (at most {SAMPLER_MOST:.0%})")


async def engine(seconds: float, rooms: int = 40, bots: int = 8) -> None:
    """What the figures of an engine take of all it does."""
    from game import matchmaking, metrics, store
    from game.engine import Engine

    for _ in range(rooms):
        await matchmaking.create_room({}, "", private=False, capacity=16, fill=bots)
    running = Engine()
    task = asyncio.create_task(running.run())
    while len(running.rooms) < rooms:
        await asyncio.sleep(0.1)
    began = time.process_time()
    await asyncio.sleep(seconds)
    spent = (time.process_time() - began) / seconds
    ticks = metrics.report()["observed"]["engine.tick_seconds"]["n"] / seconds
    noting = ticks * (counting() + 2 * observing())
    own = each(metrics._encoded, 50) + await sending() + noting
    print(f"engine: {rooms} rooms of {bots} bots take {spent:.1%} of a core; its figures ", end="")
    print(f"{own / spent:.1%} of that (at most {OWN_MOST:.0%}): {1000 * own:.2f} ms a second")
    running.stop()
    await asyncio.wait_for(task, 10)
    await store.close_aredis()


async def sending() -> float:
    """CPU-seconds of sending one report, apart from making it."""
    from game import metrics, store

    server, body = store.aredis(), metrics._encoded()
    began = time.process_time()
    for _ in range(50):
        pipe = server.pipeline(transaction=False)
        pipe.set("bench", body, px=1000)
        pipe.zadd("bench:procs", {"bench": 1})
        pipe.zremrangebyscore("bench:procs", "-inf", 0)
        await pipe.execute()
    return (time.process_time() - began) / 50


def counting() -> float:
    """CPU-seconds of one count."""
    from game import metrics

    return each(lambda: metrics.count("web.messages_out"), 20_000)


def observing() -> float:
    """CPU-seconds of one measurement."""
    from game import metrics

    return each(lambda: metrics.observe("engine.tick_seconds", 0.001), 20_000)


async def web() -> None:
    """What the figures of a web process take of what it does for 200 players."""
    from game import metrics, store

    metrics.start("web", "bench")
    own = each(metrics._encoded, 50) + await sending() + COUNTS * counting()
    print(f"web: its figures take {1000 * own:.2f} ms a second, {own / PLAYED:.1%} of ", end="")
    print(f"what 200 players take (at most {OWN_MOST:.0%})")
    await store.close_aredis()


def main() -> None:
    """`python -m tests.bench.console [--seconds 10]`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10)
    seconds = parser.parse_args().seconds
    files = set().union(*map(assets, ENTRIES))
    first = weigh(assets(ENTRIES[0]))
    print(f"script and style: {weigh(files):,} bytes compressed (at most {SIZE_MOST:,}), ", end="")
    print(f"{first:,} before the charts and a room's picture")
    load = os.getloadavg()[0]
    print(f"{os.cpu_count()} cores, load {load:.1f} before; without a GPU")
    asyncio.run(page(seconds))
    sampler()
    asyncio.run(web())
    asyncio.run(engine(seconds))


if __name__ == "__main__":
    main()
