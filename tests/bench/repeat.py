"""Runs of a benchmark, one after the other, and the medians of their figures."""

import asyncio
import json
import resource
import statistics
from collections.abc import Callable, Coroutine
from typing import Any

from tests.bench.machine import additions, pace


def repeat(what: str, runs: int, run: Callable[[], Coroutine[Any, Any, dict[str, float]]]) -> None:
    """Run so often, with as many open files as may be, and print the median of each figure."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # its children inherit it
    figures = []
    for number in range(runs):
        print(f"{what}, run {number + 1}:\n  {pace()}", flush=True)
        figures.append(asyncio.run(run()))
        print(f"  after it: a million additions in {additions():.0f} ms", flush=True)
    medians = {key: statistics.median(f[key] for f in figures) for key in figures[0]}
    print("median of the runs: " + json.dumps({k: round(v, 3) for k, v in medians.items()}))
