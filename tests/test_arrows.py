"""Which part may import which: the arrows of the house, read from the code's own imports."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

BASE = Path(__file__).resolve().parent.parent
GAME = BASE / "game"


def imports(path: Path) -> Iterator[tuple[str, str]]:
    """Every import in a file, wherever it stands, as (module, name); name is "" for `import x`."""
    here = path.relative_to(BASE).with_suffix("").parts
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if node.level:  # from . import x
                package = here[: len(here) - node.level]
                module = ".".join((*package, *([module] if module else [])))
            yield from ((module, alias.name) for alias in node.names)


def part_of(path: Path) -> str:
    """The part of the game that a file belongs to: a module, or a folder of modules."""
    return path.relative_to(GAME).with_suffix("").parts[0]


def target(module: str, name: str) -> str | None:
    """The part that an import reaches, or None when it leaves the game."""
    if module == "game":
        return name or "__init__"
    return module.split(".")[1] if module.startswith("game.") else None


def files() -> list[Path]:
    return sorted(path for path in GAME.rglob("*.py") if part_of(path) != "__init__")


PARTS = {part_of(path) for path in files()}
ARROWS = {
    part: {
        reached
        for path in files()
        if part_of(path) == part
        for module, name in imports(path)
        if (reached := target(module, name)) and reached != part
    }
    for part in PARTS
}
OUTSIDE = {
    part: {
        module.split(".")[0]
        for path in files()
        if part_of(path) == part
        for module, _ in imports(path)
        if not module.startswith("game")
    }
    for part in PARTS
}

# part: all that it may import of the game
ONLY = {
    "rules": set(),
    "names": set(),
    "profanity": {"names"},
    "protocol": {"rules"},  # its contract: what an action and a visible table are
    "metrics": set(),
    "room": {"rules", "protocol", "names"},
}
# part: what it must never import; who is above it, or none of its business
NEVER = {
    "consumers": {"rules", "room", "models", "engine"},
    "handshake": {"rules", "room", "models", "engine", "consumers"},
    "admission": {"rules", "room", "models", "engine", "consumers", "hub"},
    "bans": {"rules", "room", "models", "engine", "consumers", "hub"},  # no ORM for sockets
    "hub": {"rules", "room", "models", "engine", "consumers"},
    "engine": {"models", "scores", "hub", "consumers", "views", "matchmaking"},
    "models": {"scores", "tasks", "views", "admin", "engine", "hub", "consumers"},
    "scores": {"tasks", "views", "admin", "engine", "hub", "consumers", "room", "rules"},
    "tasks": {"views", "admin", "engine", "hub", "consumers", "room", "rules"},
    "matchmaking": {"consumers", "views", "engine", "hub"},
    "banning": {"views", "admin", "engine", "hub", "consumers", "room", "rules", "admission"},
    "views": {"engine", "room", "hub", "consumers"},
    "store": {"engine", "hub", "consumers", "models", "scores", "tasks", "views", "room", "rules"},
}


def test_no_part_was_renamed_away_from_its_arrows() -> None:
    assert set(ONLY) | set(NEVER) <= PARTS


@pytest.mark.parametrize("part", sorted(ONLY))
def test_the_core_imports_only_what_is_below_it(part: str) -> None:
    assert ARROWS[part] <= ONLY[part]


@pytest.mark.parametrize("part", sorted(NEVER))
def test_no_part_imports_what_is_above_it(part: str) -> None:
    assert not ARROWS[part] & NEVER[part]


@pytest.mark.parametrize(("part", "more"), [("rules", {"numpy"}), ("room", set())])
def test_what_is_played_needs_the_standard_library_and_numpy_only(
    part: str, more: set[str]
) -> None:
    assert OUTSIDE[part] <= sys.stdlib_module_names | more


@pytest.mark.parametrize("part", ["rules", "room"])
def test_what_is_played_has_no_clock_and_no_door_to_the_world(part: str) -> None:
    assert not OUTSIDE[part] & {"time", "datetime", "asyncio", "socket", "os", "io", "threading"}


def test_the_wire_knows_the_contract_but_no_game() -> None:
    files = (GAME / "protocol").glob("*.py")
    reached = {module for path in files for module, _ in imports(path) if "rules" in module}
    assert reached <= {"game.rules.contract"}


def test_the_contract_loads_no_game() -> None:
    """Web processes read the contract, and need neither games nor what these compute with."""
    assert list(imports(GAME / "rules" / "__init__.py")) == []


def test_the_game_does_not_know_how_it_is_wired() -> None:
    assert "kogame" not in set().union(*OUTSIDE.values())


def test_only_parts_with_io_count() -> None:
    assert not {
        part for part in ("rules", "room", "protocol", "models") if "metrics" in ARROWS[part]
    }


def test_the_engine_only_nudges_the_tasks() -> None:
    used = {
        node.attr
        for path in files()
        if part_of(path) == "engine"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "tasks"
    }
    taken = {
        name
        for path in files()
        if part_of(path) == "engine"
        for module, name in imports(path)
        if module == "game.tasks"
    }
    assert used | taken <= {"nudge"}


def test_the_arrows_make_no_circle() -> None:
    """Parts that (also through others) import themselves cannot be understood one by one."""
    reach = {part: set(ARROWS[part]) for part in PARTS}
    for _ in PARTS:
        for part in PARTS:
            reach[part] |= {further for near in set(reach[part]) for further in reach.get(near, ())}
    assert not {part for part in PARTS if part in reach[part]}
