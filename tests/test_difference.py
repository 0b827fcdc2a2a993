"""Differences between pictures: put on the old one, they give the new one."""

import copy
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from game.console.difference import GONE, ROWS, SLID, difference

CASES = json.loads((Path(__file__).parent / "differences.json").read_text())


def merged(name: str, old: Any, told: Any) -> Any:
    """What the page makes of a member that it has and what it is told."""
    if isinstance(told, dict) and isinstance(old, list) and SLID in told:
        went, *came = told[SLID]
        return old[went:] + came
    if isinstance(told, dict) and isinstance(old, list):
        rows = {row[ROWS[name]]: row for row in old}
        rows |= {key: merged("", rows.get(key), row) for key, row in told["rows"].items()}
        return [rows[key] for key in told.get("order", [row[ROWS[name]] for row in old])]
    if not isinstance(told, dict) or not isinstance(old, dict):
        return told
    kept = {key: value for key, value in old.items() if key not in told.get(GONE, ())}
    changed = {key: merged(key, kept.get(key), value) for key, value in told.items() if key != GONE}
    return kept | changed


@pytest.mark.parametrize("case", CASES, ids=[case["why"] for case in CASES])
def test_what_is_told(case: dict[str, Any]) -> None:
    assert difference(case["old"], case["new"]) == case["told"]


plain = st.none() | st.booleans() | st.integers(0, 3) | st.text("ab", max_size=1)
row = st.fixed_dictionaries(
    {"id": st.sampled_from("abcde")},
    optional={"tick": plain, "history": st.lists(st.integers(0, 2), max_size=6), "more": plain},
)
rows = st.lists(row, max_size=4, unique_by=lambda one: one["id"])
picture = st.fixed_dictionaries(
    {},
    optional={
        "rooms": rows | plain,
        "processes": rows,
        "redis": plain | st.dictionaries(st.sampled_from("abc"), plain, max_size=3),
        "history": st.lists(st.integers(0, 2), max_size=6),
    },
)


@given(st.lists(picture, min_size=2, max_size=5))
def test_differences_put_on_each_other_give_the_last_picture(pictures: list[Any]) -> None:
    held = copy.deepcopy(pictures[0])
    for old, new in pairwise(pictures):
        held = merged("", held, json.loads(json.dumps(difference(old, new))))
    assert held == pictures[-1]
