"""Each drill has two forms: a short one for every run of the tests, and a full one for the record.

`KOGAME_FAULTS=full` (as `make test-faults` sets it) asks for the full one. A test that only makes
sense there is marked `drill`, and left out of the short run.
"""

import os
from collections.abc import Iterator

import pytest

from tests.live.faults.house import Play, playing

FULL = os.environ.get("KOGAME_FAULTS") == "full"
SECONDS = 300 if FULL else 90  # that one drill may take; most take a tenth


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what the short run leaves out, and give the others time."""
    out = [item for item in items if item.get_closest_marker("drill") and not FULL]
    if out:
        config.hook.pytest_deselected(items=out)
        items[:] = [item for item in items if item not in out]
    for item in items:
        if item.path.parent.name == "faults" and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(SECONDS))


@pytest.fixture(scope="session")
def full() -> bool:
    """Whether the drills run in full: counts and seconds follow from it."""
    return FULL


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory, full: bool) -> Iterator[Play]:
    """Rooms full of players, for drills that leave them playing: 200 in 20 rooms, or a few."""
    rooms, each = (20, 10) if full else (4, 5)
    with playing(tmp_path_factory.mktemp("house"), rooms, each) as play:
        yield play


@pytest.fixture
def play(played: Play) -> Play:
    """The same, with one engine and one web process, everybody seated."""
    played.settle()
    return played
