"""The machine a benchmark runs on: who has which core, and what else is going on there."""

import platform
import random
import statistics
import time
from collections.abc import Callable, Iterable

import psutil

DISTURBED = 0.10  # of a core: others who take more are in the figures
FAR = 500_000  # objects, some 40 MB: more than caches hold
CORES = psutil.Process().cpu_affinity() if psutil.LINUX else []  # of this process, as it begins


def share_out(web: psutil.Process, others: Iterable[psutil.Process]) -> None:
    """Give the web process a core, and all others another: none of them is moved about."""
    if len(CORES) < 2:
        return
    web.cpu_affinity([CORES[1]])
    for process in others:
        process.cpu_affinity([CORES[0]])


class Others:
    """The CPU of processes that are not of this benchmark, from now on."""

    def __init__(self) -> None:
        self._before, self._cores = self._spent(), psutil.cpu_count() or 1

    @staticmethod
    def _spent() -> tuple[float, float]:
        """CPU-seconds so far of others, and of all cores, idle ones among them."""
        whole = psutil.cpu_times()
        here = psutil.Process()
        ours = [here, *here.children(recursive=True)]
        own = sum(sum(process.cpu_times()[:2]) for process in ours)
        idle = whole.idle + whole.iowait
        return sum(whole[:8]) - idle - own, sum(whole[:8])  # guests are in `user` already

    def said(self) -> str:
        """Their share of one core since the beginning, as a line, with a warning if need be."""
        others, whole = (now - then for now, then in zip(self._spent(), self._before, strict=True))
        share = others / whole * self._cores
        warning = " DISTURBED RUN: measure again" if share > DISTURBED else ""
        return f"others on this machine took {max(0.0, share):.0%} of a core{warning}"


def pace() -> str:
    """How fast this machine is now with this Python, as a line: to compare runs of other days.

    The first figure is that of the web process' core, the second the memory's. Others share both:
    where a core is half of a real one, what its other half does may nearly double the first.
    """
    far = [[number] for number in range(FAR)]
    random.Random(1).shuffle(far)

    def look() -> int:
        return sum(one[0] for one in far)

    return (
        f"Python {platform.python_version()}: a million additions in {additions():.0f} ms, "
        f"{FAR // 1000:,} thousand looks at objects far apart in {_ms(look):.0f} ms"
    )


def additions() -> float:
    """Milliseconds that a million additions take on the web process' core."""

    def add() -> int:
        return sum(number & 1 for number in range(1_000_000))

    here = psutil.Process()
    if len(CORES) > 1:
        here.cpu_affinity([CORES[1]])
    try:
        return _ms(add)
    finally:
        if len(CORES) > 1:
            here.cpu_affinity(CORES)


def _ms(work: Callable[[], int]) -> float:
    """The median of five runs."""

    def once() -> float:
        begun = time.perf_counter()
        work()
        return (time.perf_counter() - begun) * 1000

    return statistics.median(once() for _ in range(5))
