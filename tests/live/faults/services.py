"""Services for drills: a RabbitMQ host and a PostgreSQL database of one's own, behind a proxy."""

import contextlib
import os
import subprocess
import urllib.parse
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg

from tests.conftest import absent
from tests.live.faults.company import Books
from tests.live.faults.proxy import Proxy
from tests.live.fleet import rabbitmqctl
from tests.live.stage import Stage, environment, migrated
from tests.live.valkey import Valkey

POSTGRES = os.environ.get("TEST_POSTGRES_URL", "postgres://postgres@127.0.0.1:5432/postgres")
RABBITMQ = os.environ.get("TEST_RABBITMQ_URL", "amqp://guest:guest@127.0.0.1:5672")
EVERYONE = ("web", "engine", "worker", "beat")


@contextlib.contextmanager
def rabbitmq() -> Iterator[tuple[Proxy, str]]:
    """The proxy before RabbitMQ, and the broker's URL by way of it."""
    name = f"kgdrill-{uuid.uuid4().hex[:12]}"
    user = urllib.parse.urlsplit(RABBITMQ).username or "guest"
    try:
        rabbitmqctl("add_vhost", name)
    except (OSError, subprocess.SubprocessError) as error:
        absent("RabbitMQ", f"{RABBITMQ} (TEST_RABBITMQ_URL), no virtual host made: {error}")
    try:
        rabbitmqctl("set_permissions", "-p", name, user, ".*", ".*", ".*")
        with Proxy(RABBITMQ) as proxy:
            yield proxy, f"{proxy.url.rstrip('/')}/{name}"
    finally:
        rabbitmqctl("delete_vhost", name)


@contextlib.contextmanager
def postgres() -> Iterator[tuple[Proxy, str]]:
    """The proxy before PostgreSQL, and the database's URL by way of it."""
    name = f"kgdrill{uuid.uuid4().hex[:12]}"
    try:
        server = psycopg.connect(POSTGRES, connect_timeout=3, autocommit=True)
    except psycopg.OperationalError as error:
        absent("PostgreSQL", f"{POSTGRES} (TEST_POSTGRES_URL): {error}")
    with server:
        server.execute(f"CREATE DATABASE {name}")
        try:
            with Proxy(POSTGRES) as proxy:
                yield proxy, f"{proxy.url.rpartition('/')[0]}/{name}"
        finally:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextlib.contextmanager
def everything(
    folder: Path, *, persistence: str = "everysec", **environ: str
) -> Iterator[tuple[Stage, Valkey, Books]]:
    """All of Kogame, started, on a Redis of its own."""
    for name in ("redis", "state"):
        (folder / name).mkdir(parents=True)
    own = Valkey(folder / "redis", appendfsync=persistence)
    own.start()
    try:
        with migrated(folder / "state", environment(folder / "state", own.url, **environ)) as stage:
            stage.start(*EVERYONE)
            yield stage, own, Books(stage, own.client)
    finally:
        own.close()
