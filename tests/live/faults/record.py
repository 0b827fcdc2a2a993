"""What the drills found: said once, and kept as a table where that was asked for."""

import os
import subprocess
import time
from pathlib import Path

RESULTS = Path(__file__).with_name("results.md")
ASKED = "KOGAME_FAULTS_RECORD"  # the environment's: "1" keeps the figures


def record(drill: str, bar: str, **figures: object) -> None:
    """Print a drill's figures, and keep them in results.md when that was asked for.

    A name says what was counted or measured, and its unit: `worst_gap_s=0.4` reads "worst gap s".
    """
    found = ", ".join(
        f"{name.replace('_', ' ')} {_short(value)}" for name, value in figures.items()
    )
    print(f"\ndrill: {drill}: {found}", flush=True)
    if os.environ.get(ASKED) == "1":
        _keep(drill, f"| {drill} | {bar} | {found} | {_when()} |\n")


def _short(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) and value < 1000 else f"{value}"


def _when() -> str:
    """The day and the commit, for people who compare."""
    command = ["git", "describe", "--always", "--abbrev=7"]
    commit = subprocess.run(
        command, cwd=RESULTS.parent, check=False, capture_output=True, text=True
    ).stdout.strip()
    return f"{time.strftime('%Y-%m-%d')} {commit}".strip()


def _keep(drill: str, row: str) -> None:
    """Put a row in the place of the drill's last one, or behind the others."""
    lines = RESULTS.read_text().splitlines(keepends=True)
    for number, line in enumerate(lines):
        if line.startswith(f"| {drill} |"):
            lines[number] = row
            break
    else:
        lines.append(row)
    RESULTS.write_text("".join(lines))
