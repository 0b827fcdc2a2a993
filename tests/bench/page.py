"""What the game's page costs its browser: `python -m tests.bench.page`.

Main-thread work per animation frame, from Chromium's own trace, with 64 snakes on a board that all
see and with 1,000 on one of 512 by 512 cells; and the size of the game's script and style as they
go over the wire.
"""

import argparse
import asyncio
import gzip
import json
import os
import shutil
import statistics
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Page, async_playwright

from tests import conftest, processes

assert conftest  # it starts Valkey and sets the environment, before Django is set up

BOARDS = {64: {"width": 80, "height": 60}, 1_000: {"width": 512, "height": 512}}  # by snakes
WORK_MOST = 8.0  # ms a frame at p95: half of it at 60 Hz, on a machine slower than this one
SIZE_MOST = 60_000  # bytes of script and style, compressed
WARM_UP = 5.0  # s until all snakes have begun and the scripts are compiled
ENTRY = "src/room.ts"
CATEGORIES = ["toplevel", "devtools.timeline"]
SCREENS: dict[str, dict[str, Any]] = {
    "laptop": {"viewport": {"width": 1366, "height": 768}},
    "phone": {
        "viewport": {"width": 390, "height": 844},
        "device_scale_factor": 3,
        "is_mobile": True,
        "has_touch": True,
    },
}


# --- Size --------------------------------------------------------------------------------------
def assets(entry: str) -> set[str]:
    """The files that a page with this entry loads, with what they import."""
    manifest = json.loads((processes.ROOT / "frontend/dist/manifest.json").read_text())
    files: set[str] = set()
    chunks = [entry]
    while chunks:
        chunk = manifest[chunks.pop()]
        if chunk["file"] not in files:
            files |= {chunk["file"], *chunk.get("css", [])}
            chunks += chunk.get("imports", [])
    return files


def weigh(files: Iterable[str]) -> int:
    """Bytes of these files, each compressed by gzip."""
    dist = Path(processes.ROOT / "frontend/dist")
    return sum(len(gzip.compress((dist / file).read_bytes(), 9)) for file in files)


# --- Work --------------------------------------------------------------------------------------
def frames(events: list[dict[str, Any]]) -> tuple[list[float], list[float]]:
    """Main-thread ms between one animation frame and the next: by the clock, and of the CPU."""
    drawing = [e for e in events if e["name"] == "FireAnimationFrame"]
    thread = statistics.mode((e["pid"], e["tid"]) for e in drawing)
    tasks = sorted(
        (e for e in events if e["name"].endswith("RunTask") and e.get("ph") == "X"),
        key=lambda e: e["ts"],
    )
    tasks = outermost([e for e in tasks if (e["pid"], e["tid"]) == thread])
    starts = sorted(e["ts"] for e in drawing if (e["pid"], e["tid"]) == thread)
    # A frame begins with the task that draws it.
    begins = [max((t["ts"] for t in tasks if t["ts"] <= start), default=start) for start in starts]
    wall, cpu, at = [], [], 0
    for begin, end in pairwise(sorted(set(begins))):
        while at < len(tasks) and tasks[at]["ts"] < begin:
            at += 1
        spent = [0.0, 0.0]
        while at < len(tasks) and tasks[at]["ts"] < end:
            spent[0] += tasks[at]["dur"] / 1000
            spent[1] += tasks[at].get("tdur", tasks[at]["dur"]) / 1000
            at += 1
        wall.append(spent[0])
        cpu.append(spent[1])
    return wall, cpu


def outermost(tasks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Tasks that run inside no other (a task may be traced under two names, or nest)."""
    kept: list[dict[str, Any]] = []
    for task in tasks:
        if not kept or task["ts"] >= kept[-1]["ts"] + kept[-1]["dur"]:
            kept.append(task)
    return kept


async def trace(chromium: Browser, page: Page, seconds: float) -> list[dict[str, Any]]:
    """What Chromium notes of a page for some time; a snake that dies begins again."""
    await chromium.start_tracing(page=page, categories=CATEGORIES)
    end = asyncio.get_running_loop().time() + seconds
    while asyncio.get_running_loop().time() < end:
        await asyncio.sleep(1)
        await page.keyboard.press("Enter")
    return list(json.loads(await chromium.stop_tracing())["traceEvents"])


async def visit(
    chromium: Browser, address: str, screen: dict[str, Any], seconds: float, snakes: int
) -> list[dict[str, Any]]:
    """Play on a screen of this kind, and trace it."""
    context = await chromium.new_context(**screen)
    await context.add_init_script(
        "if (isSecureContext) { localStorage['kogame.name'] = 'Ada';"
        "localStorage['kogame.seen.how'] = 1; }"
    )
    page = await context.new_page()
    await page.goto(address)
    await page.wait_for_function(f"() => window.kogame?.roster.length >= {snakes}")
    await asyncio.sleep(WARM_UP)
    events = await trace(chromium, page, seconds)
    await context.close()
    return events


async def measure(seconds: float, snakes: int) -> None:
    """Play on each kind of screen and print what a frame costs."""
    from game import matchmaking, store

    room = await matchmaking.create_room(
        BOARDS[snakes], "", private=False, capacity=snakes, fill=snakes
    )
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    with processes.web() as base, processes.engine():
        async with async_playwright() as playwright:
            chromium = await playwright.chromium.launch(
                executable_path=path,
                args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
            )
            for name, screen in SCREENS.items():
                events = await visit(chromium, f"{base}/r/{room}/", screen, seconds, snakes)
                wall, cpu = frames(events)
                rate = len(wall) / seconds
                print(f"{name}: {rate:.0f} frames/s with {snakes} snakes, main thread a frame:")
                print(f"  by the clock  {spread(wall)}  (at most {WORK_MOST:.0f} ms at p95)")
                print(f"  of the CPU    {spread(cpu)}")
            await chromium.close()
    await store.close_aredis()


def spread(values: list[float]) -> str:
    """p50, p95 and the longest, in ms."""
    cuts = statistics.quantiles(values, n=100)
    return f"p50 {cuts[49]:.2f}, p95 {cuts[94]:.2f}, longest {max(values):.1f} ms"


def main() -> None:
    """`python -m tests.bench.page [--seconds 10] [--snakes 64 1000]`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--snakes", type=int, nargs="+", choices=BOARDS, default=[*BOARDS])
    given = parser.parse_args()
    files = assets(ENTRY)
    print(f"script and style: {weigh(files):,} bytes compressed (at most {SIZE_MOST:,})")
    for file in sorted(files):
        print(f"  {weigh([file]):>7,}  {file}")
    load = os.getloadavg()[0]
    print(f"{os.cpu_count()} cores, load {load:.1f} before; without a GPU, drawing included")
    for snakes in given.snakes:
        asyncio.run(measure(given.seconds, snakes))


if __name__ == "__main__":
    main()
