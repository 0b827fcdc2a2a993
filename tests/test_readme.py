"""The README: what it says of settings, files and commands is so."""

import re
from pathlib import Path

from django.db.models import Model

from game.models import AuditEntry, FailedTask
from game.rules.snek import tuning
from kogame import settings
from tests.bench.__main__ import BENCHES
from tests.test_compose import EXAMPLE, interpolated, settings_variables

BASE = Path(__file__).resolve().parent.parent
README = (BASE / "README.md").read_text()
TABLE = dict(re.findall(r"^\| `([A-Z_]+)` \| (.+?) \| .+ \|$", README, re.MULTILINE))
SUPERVISOR = {"HOST", "PORT"}  # what `make run` reads beside the settings


def test_every_setting_is_in_the_table_and_in_the_example() -> None:
    example = set(re.findall(r"^#?([A-Z_]+)=", EXAMPLE, re.MULTILINE))
    compose = set(interpolated()) - {"KOGAME_VERSION"}
    assert set(TABLE) == settings_variables() | compose | SUPERVISOR
    assert example == set(TABLE) - SUPERVISOR


def test_the_table_has_the_defaults_of_the_settings() -> None:
    source = (BASE / "kogame/settings.py").read_text()
    given = re.findall(r'env\.\w+\("([A-Z_]+)", ("?)([\w.:/]+)\2\)', source)
    plain = {name: value for name, _, value in given}
    for name, value in plain.items():
        said = re.fullmatch(r"`(.+)`", TABLE[name])
        if said:
            assert said[1].lower() == value.lower().replace("_", ""), name
    assert {"KEEP_LIVES_DAYS", "KEEP_GUESTS_DAYS", "KEEP_ROOMS_HOURS"} <= set(plain)
    assert str(settings.BASE_DIR / ".run").endswith(TABLE["KOGAME_STATE_DIR"].strip("`"))


def test_every_file_it_names_is_there() -> None:
    named = set(re.findall(r"[`(]((?:game|kogame|tests|frontend|config|docs)/[\w./]*)[`)]", README))
    assert len(named) > 15
    for path in named:
        assert (BASE / path).exists(), path


def test_every_command_it_names_is_there() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (BASE / "Makefile").read_text(), re.MULTILINE))
    named = re.findall(r"^make ((?:[a-z-]+ ?)+)|`make ([a-z-]+)", README, re.MULTILINE)
    for lines, word in named:
        assert set((lines or word).split()) <= targets, lines or word
    assert set(re.findall(r"-m tests\.bench\.(\w+)", README)) == set(BENCHES)


def test_it_tells_of_every_lever() -> None:
    named = set(re.findall(r"`(\w+)`", README.partition("## What an operator may do")[2]))
    models: list[type[Model]] = [AuditEntry, FailedTask]
    levers = {codename for model in models for codename, _ in model._meta.permissions}
    assert levers - {"view_metrics"} <= named


def test_it_tells_the_scores_as_they_are() -> None:
    for points, cells in (
        (tuning.POINTS_SEED, f" {tuning.GROWTH_SEED} "),
        (tuning.POINTS_REMAINS, f" {tuning.GROWTH_REMAINS} "),
        (tuning.POINTS_KILL, " "),
        (tuning.POINTS_SECOND, " "),
    ):
        assert f"| {points} |{cells}|" in README


def test_the_picture_is_small() -> None:
    for picture in re.findall(r"\((docs/[\w.-]+)\)", README):
        assert (BASE / picture).stat().st_size <= 200_000, picture
