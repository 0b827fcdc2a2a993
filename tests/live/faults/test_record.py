"""The table of results: a row for each drill, that of its last run."""

from pathlib import Path

import pytest

from tests.live.faults import record as records
from tests.live.faults.record import record


def test_a_drill_keeps_one_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "results.md"
    table.write_text("head\n| one | - | - | - |\n")
    monkeypatch.setattr(records, "RESULTS", table)
    monkeypatch.setenv(records.ASKED, "1")
    record("two", "≤ 1 s", worst_gap_s=0.51234, frames=12)
    record("one", "none", frames=7)
    monkeypatch.delenv(records.ASKED)
    record("two", "≤ 1 s", frames=13)
    rows = table.read_text().splitlines()
    assert [row.rpartition("|")[0].rpartition("|")[0] for row in rows[1:]] == [
        "| one | none | frames 7 ",
        "| two | ≤ 1 s | worst gap s 0.512, frames 12 ",
    ]
    assert "drill: two: frames 13" in capsys.readouterr().out
