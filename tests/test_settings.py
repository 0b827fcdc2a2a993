"""The settings: what a production start refuses, and how static files are released and kept."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.contrib.staticfiles import storage
from django.core.management import call_command
from django.http import HttpResponse
from django.test import RequestFactory
from whitenoise.middleware import WhiteNoiseMiddleware

BASE = Path(__file__).resolve().parent.parent
PRODUCTION = {
    "KOGAME_ENV": "production",
    "SECRET_KEY": "b7Tq-9ZkW3xN_uH5vR8cLm2YpJ6dGf4sAe1oXiKtQwBnVzUy0hDjMgPr",
    "ALLOWED_HOSTS": "play.example.org",
}


def check(**environment: str) -> subprocess.CompletedProcess[str]:
    """Run Django's own check for deployment with these variables."""
    clean = {k: v for k, v in os.environ.items() if k not in {*PRODUCTION, "DEBUG", "KOGAME_HTTPS"}}
    return subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=BASE,
        env={**clean, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_production_settings_are_clean() -> None:
    done = check(**PRODUCTION)
    assert done.returncode == 0, done.stderr
    assert "no issues" in done.stdout


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"SECRET_KEY": ""}, "SECRET_KEY"),
        ({"SECRET_KEY": None}, "SECRET_KEY is the development key"),
        ({"SECRET_KEY": "short"}, "SECRET_KEY"),
        ({"DEBUG": "true"}, "DEBUG is on in production"),
        ({"ALLOWED_HOSTS": None}, "ALLOWED_HOSTS is empty"),
        ({"KOGAME_ENV": "prod"}, "KOGAME_ENV is 'prod'"),
    ],
    ids=lambda value: next(iter(value.items())) if isinstance(value, dict) else "",
)
def test_a_dangerous_production_is_refused(change: dict[str, str | None], sentence: str) -> None:
    environment = {k: v for k, v in {**PRODUCTION, **change}.items() if v is not None}
    done = check(**environment)
    assert done.returncode != 0
    assert sentence in done.stderr


def test_cookies_stay_on_https_and_away_from_scripts_in_production() -> None:
    program = (
        "from django.conf import settings as s;"
        "print(s.SESSION_COOKIE_SECURE, s.CSRF_COOKIE_SECURE, s.SESSION_COOKIE_HTTPONLY, s.HTTPS)"
    )
    said = subprocess.run(
        [sys.executable, "-c", program],
        cwd=BASE,
        env={**os.environ, **PRODUCTION, "DJANGO_SETTINGS_MODULE": "kogame.settings"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert said.split() == ["True"] * 4


def test_any_folder_may_hold_the_data(tmp_path: Path) -> None:
    folder = tmp_path / "a b#c%20d?e=1"
    program = "from django.conf import settings as s; print(s.DATABASES['default']['NAME'])"
    clean = {k: v for k, v in os.environ.items() if k != "DATABASE_URL"}
    said = subprocess.run(
        [sys.executable, "-c", program],
        cwd=BASE,
        env={
            **clean,
            "KOGAME_STATE_DIR": str(folder),
            "DJANGO_SETTINGS_MODULE": "kogame.settings",
        },
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert said.strip() == str(folder / "kogame.sqlite3")


# --- Static files --------------------------------------------------------------------------------

VITE = "assets/room-C5QVB-HA.js"


@pytest.fixture
def release(tmp_path: Path, settings: Any) -> Path:
    """The static files of a release: one that Vite named, one that Django names."""
    source = tmp_path / "dist"
    (source / "assets").mkdir(parents=True)
    (source / VITE).write_text('import "./api-BRt0ikh8.js"; ' + "// the game\n" * 100)
    (source / "favicon.svg").write_text("<svg/>")
    settings.STATICFILES_DIRS = [source]
    settings.STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
    settings.STATIC_ROOT = tmp_path / "staticfiles"
    call_command("collectstatic", interactive=False, verbosity=0)
    return Path(settings.STATIC_ROOT)


def test_names_carry_a_hash_and_the_manifest_is_in_the_release(release: Path) -> None:
    manifest = json.loads((release / "staticfiles.json").read_text())["paths"]
    assert re.fullmatch(r"favicon\.[0-9a-f]{12}\.svg", manifest["favicon.svg"])
    assert storage.staticfiles_storage.url("favicon.svg") == f"/static/{manifest['favicon.svg']}"


def test_what_vite_has_named_keeps_its_one_name(release: Path) -> None:
    """Modules import each other by that name; under a second one they would run twice."""
    assert storage.staticfiles_storage.url(VITE) == f"/static/{VITE}"
    assert sorted(path.name for path in (release / "assets").iterdir()) == [
        Path(VITE).name,
        Path(VITE).name + ".gz",
    ]


@pytest.mark.parametrize("name", [VITE, "favicon.svg"])
def test_hashed_files_are_kept_for_good(release: Path, name: str) -> None:
    answer = get(storage.staticfiles_storage.url(name))
    assert answer.status_code == 200
    assert "immutable" in answer["Cache-Control"]
    assert int(re.findall(r"max-age=(\d+)", answer["Cache-Control"])[0]) > 30_000_000  # seconds


def test_a_file_under_its_plain_name_is_looked_at_again(release: Path) -> None:
    answer = get("/static/favicon.svg")
    assert answer.status_code == 200
    assert "immutable" not in answer["Cache-Control"]


def get(address: str) -> Any:
    """What WhiteNoise answers; it reads the release when it is made."""
    middleware = WhiteNoiseMiddleware(lambda request: HttpResponse(status=404))
    answer = middleware(RequestFactory().get(address))
    answer.close()
    return answer
