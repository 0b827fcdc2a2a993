"""The Game contract: its tables, the games that keep it, and what rules may import."""

import ast
import inspect
import json
import sys
from pathlib import Path

import pytest

from game.rules.contract import (
    ROOM,
    BadOptions,
    Change,
    Field,
    Finished,
    Game,
    Table,
    TableSpec,
)
from game.rules.games import GAMES
from tests.rules.noughts import Noughts

KINDS: list[type[Game]] = [*GAMES.values(), Noughts]


@pytest.fixture
def table():
    return Table(TableSpec("marks", "H", (Field("seat", "H"),)))


def test_a_table_keeps_the_order_of_the_last_writing(table):
    table.set_all(0, [(1, (1,)), (2, (2,)), (3, (3,))])
    table.set(0, 1, (9,))
    assert list(table.rows(0)) == [(2, (2,)), (3, (3,)), (1, (9,))]


def test_changes_are_taken_once_and_by_region(table):
    table.set(0, 1, (1,))
    table.set(4, 2, (2,))
    assert table.take_changes() == {0: Change((), ((1, (1,)),)), 4: Change((), ((2, (2,)),))}
    assert table.take_changes() == {}


def test_a_row_set_and_removed_is_gone(table):
    table.set(0, 1, (1,))
    table.remove(0, 1)
    assert table.take_changes() == {0: Change((1,), ())}


def test_a_row_removed_and_set_is_set(table):
    table.set(0, 1, (1,))
    table.take_changes()
    table.remove(0, 1)
    table.set(0, 1, (2,))
    assert table.take_changes() == {0: Change((), ((1, (2,)),))}


def test_removing_what_is_not_there_changes_nothing(table):
    table.remove(0, 1)
    assert table.take_changes() == {}
    assert list(table.regions()) == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_game_has_all_that_the_contract_names(kind):
    game = kind(1, {})
    for name, _ in inspect.getmembers(Game, inspect.isfunction):
        if not name.startswith("_"):
            assert callable(getattr(game, name))
    for name in Game.__annotations__:
        assert hasattr(game, name), name
    assert [table.spec.name for table in game.tables.values()] == list(game.tables)
    assert len(game.tables) <= 7


@pytest.mark.parametrize("kind", KINDS)
def test_the_widths_on_the_wire_are_known(kind):
    fields = [field for table in kind(1, {}).tables.values() for field in table.spec.fields]
    fields += [field for action in kind.ACTIONS for field in action.fields]
    assert {field.width for field in fields} <= {"B", "H", "I"}
    assert len({action.code for action in kind.ACTIONS}) == len(kind.ACTIONS)
    assert all(0 < action.code < 256 for action in kind.ACTIONS)


@pytest.mark.parametrize("kind", KINDS)
def test_unknown_options_are_refused_with_a_sentence(kind):
    with pytest.raises(BadOptions, match=r"\.$"):
        kind(1, {"gravity": 9})


@pytest.mark.parametrize("kind", KINDS)
def test_a_restored_game_shows_the_same_tables(kind):
    game = kind(1, {})
    game.join(1, 0)
    game.join(2, 1)
    game.step([])
    game.step([(1, 1, (1,))])
    again = kind.restore(json.loads(json.dumps(game.checkpoint())))
    assert again.checkpoint() == game.checkpoint()
    for name, table in game.tables.items():
        for region in table.regions():
            assert dict(again.tables[name].rows(region)) == dict(table.rows(region))


def test_a_turn_based_game_plays_through_the_contract():
    game = GAMES.get("noughts", Noughts)(1, {})
    game.join(1, 0)
    game.join(2, 1)
    for seat, cell in ((1, 4), (2, 0), (1, 2), (2, 1)):
        assert game.step([(seat, 1, (cell,))]) == []
    assert game.step([(2, 1, (6,))]) == []  # out of turn
    game = type(game).restore(game.checkpoint())
    assert game.step([(1, 1, (6,))]) == [Finished((1, 2))]
    assert [key for key, _ in game.tables["marks"].rows(ROOM)] == [0, 1, 2, 4, 6]


def test_rules_import_the_standard_library_numpy_and_rules_alone():
    folder = Path(inspect.getfile(Game)).parent
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            assert getattr(node, "attr", "") != "random", f"{path.name} draws dice of its own"
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{path.name} imports relatively"
                names = [node.module or ""]
            for name in names:
                ours = name == "game.rules" or name.startswith("game.rules.")
                known = ours or name in {"numpy", "numpy.typing"}
                assert known or name.split(".")[0] in sys.stdlib_module_names, f"{path}: {name}"
                assert name not in {"time", "random", "os", "asyncio"}, f"{path}: {name}"
