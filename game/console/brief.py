"""Figures with as many digits as are shown: more would change all the time, and tell no more."""

from typing import Any

MEASURED = 4  # digits of what is measured
MILLI = 3  # decimals of moments and times, in seconds
LATELY = 2  # digits of what was counted in the last seconds: whether, and about how much
APART = ("rooms", "pings")  # of a report's details: told with the rooms, for all processes
TENTHS = ("oldest_ready", "oldest_in_flight")  # ages, shown in seconds


def process(report: dict[str, Any]) -> dict[str, Any]:
    """A report without its rooms, which are listed once for all engines.

    Its own clock is left out, too: it was heard by Redis' one.
    """
    return {
        **{name: _time(value) for name, value in report.items() if name != "at"},
        "memory": _digits(report["memory"], MEASURED),
        "recent": {name: _digits(n, LATELY) for name, n in report["recent"].items()},
        "recent_seconds": _digits(report["recent_seconds"], LATELY),
        "gauges": _measured(report["gauges"]),
        "observed": {name: _measured(spread) for name, spread in report["observed"].items()},
        "details": {name: items for name, items in report["details"].items() if name not in APART},
    }


def queue(row: dict[str, Any]) -> dict[str, Any]:
    """A queue's row."""
    ages = {name: round(row[name], 1) for name in TENTHS if row[name] is not None}
    return {**row, **ages}


def _time(value: Any) -> Any:
    return round(value, MILLI) if isinstance(value, float) else value


def _measured(figures: dict[str, Any]) -> dict[str, Any]:
    # Sums are for Prometheus, which works out its own means.
    return {
        name: _digits(value, MEASURED) if isinstance(value, float) else value
        for name, value in figures.items()
        if name != "sum"
    }


def _digits(value: float, most: int) -> float:
    """A number of as many digits; a whole one stays whole."""
    return type(value)(float(f"{value:.{most}g}"))
