"""What changed between two pictures, so that a page is sent that alone.

A difference of two objects holds the members that changed, each with its own difference, and
under GONE the names of those that went. A list of rows is told by their keys: under "rows" what
changed in each, under "order" their keys where these changed. A list that moved on says under SLID
how many of its first items went, and which came. Everything else is told anew; no list ever becomes
an object. The other end is `merge` in frontend/src/admin/merge.ts.
"""

from typing import Any

ROWS = {"queues": "name", "processes": "id", "silent": "id", "rooms": "id"}  # lists, and their keys
GONE, SLID = "-", "~"
SLIDES_MOST = 4  # items that may go at once: readings come one a second, or a few after a pause


def difference(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """What changed in an object; empty when nothing did."""
    told: dict[str, Any] = {}
    for name, value in new.items():
        before = old.get(name)
        if name not in old:
            told[name] = value
        elif value != before:
            told[name] = _of_member(name, before, value)
    if gone := [name for name in old if name not in new]:
        told[GONE] = gone
    return told


def _of_member(name: str, old: Any, new: Any) -> Any:
    if isinstance(old, dict) and isinstance(new, dict):
        return difference(old, new)
    if isinstance(old, list) and isinstance(new, list):
        if name in ROWS and _are_rows(ROWS[name], old) and _are_rows(ROWS[name], new):
            return _of_rows(ROWS[name], old, new)
        return _slid(old, new) or new
    return new


def _are_rows(key: str, items: list[Any]) -> bool:
    """Whether a list is of objects that their keys tell apart."""
    keys = {item.get(key) for item in items if isinstance(item, dict)}
    return len(keys) == len(items)


def _of_rows(key: str, old: list[dict[str, Any]], new: list[dict[str, Any]]) -> dict[str, Any]:
    before = {row[key]: row for row in old}
    rows = {
        row[key]: difference(before[row[key]], row) if row[key] in before else row
        for row in new
        if before.get(row[key]) != row
    }
    order = [row[key] for row in new]
    told: dict[str, Any] = {"rows": rows}
    if order != [row[key] for row in old]:
        told["order"] = order
    return told


def _slid(old: list[Any], new: list[Any]) -> dict[str, Any] | None:
    """How a list of readings moved on; None where it did not, or is too short to be worth it."""
    for went in range(min(SLIDES_MOST, len(old) - 1) + 1):
        kept = len(old) - went
        if kept > 1 and len(new) >= kept and new[:kept] == old[went:]:
            return {SLID: [went, *new[kept:]]}
    return None
