"""The same tests of scores and Celery, run on PostgreSQL with RabbitMQ as the broker."""

import os
import subprocess
import sys
import urllib.parse
import uuid
from collections.abc import Iterator

import psycopg
import pytest

from tests.conftest import absent
from tests.live.fleet import ROOT, rabbitmqctl

POSTGRES = os.environ.get("TEST_POSTGRES_URL", "postgres://postgres@127.0.0.1:5432/postgres")
RABBITMQ = os.environ.get("TEST_RABBITMQ_URL", "amqp://guest:guest@127.0.0.1:5672")
SAME = ("test_scores.py", "test_scores_clean.py", "test_admin.py", "live/test_celery_worker.py")
DRILLS = (
    "live/test_celery_drills.py",
    *("-k", "killed or stop"),
)


@pytest.fixture(scope="module")
def postgres() -> str:
    """A server in which Django may make its test database."""
    try:
        psycopg.connect(POSTGRES, connect_timeout=3).close()
    except psycopg.OperationalError as error:
        absent("PostgreSQL", f"{POSTGRES} (TEST_POSTGRES_URL): {error}")
    return POSTGRES.rpartition("/")[0] + f"/kg{uuid.uuid4().hex[:12]}"


@pytest.fixture(scope="module")
def rabbitmq() -> Iterator[str]:
    """A virtual host of this run's own, so that no other worker takes our tasks."""
    name = f"kgtest-{uuid.uuid4().hex[:12]}"
    user = urllib.parse.urlsplit(RABBITMQ).username or "guest"
    try:
        rabbitmqctl("add_vhost", name)
    except (OSError, subprocess.SubprocessError) as error:
        absent("RabbitMQ", f"{RABBITMQ} (TEST_RABBITMQ_URL), no virtual host made: {error}")
    rabbitmqctl("set_permissions", "-p", name, user, ".*", ".*", ".*")
    yield f"{RABBITMQ.rstrip('/')}/{name}"
    rabbitmqctl("delete_vhost", name)


@pytest.mark.timeout(400)
@pytest.mark.parametrize("tests", [SAME, DRILLS], ids=["same", "drills"])
def test_scores_on_postgresql_through_rabbitmq(
    postgres: str, rabbitmq: str, tests: tuple[str, ...]
) -> None:
    words = [f"tests/{word}" if word.endswith(".py") else word for word in tests]
    elsewhere = {"DATABASE_URL": postgres, "CELERY_BROKER_URL": rabbitmq}
    # Were the settings named already, that run would load them before its own Redis is started.
    inherited = {k: v for k, v in os.environ.items() if k != "DJANGO_SETTINGS_MODULE"}
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *words],
        cwd=ROOT,
        env=inherited | elsewhere,
        capture_output=True,
        text=True,
        timeout=390,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout[-6000:] + ran.stderr[-2000:]
