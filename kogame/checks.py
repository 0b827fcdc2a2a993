"""What must be right before Kogame starts, each said in a sentence that tells what to do."""

import errno
import logging
import os
import shutil
import socket
import sys
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections
from django.db.migrations.exceptions import InconsistentMigrationHistory
from django.db.migrations.executor import MigrationExecutor

from game import store

log = logging.getLogger("kogame.checks")

FREE_BYTES = 32 * 1024 * 1024  # SQLite's log alone may grow to some MB between checkpoints
BROKER_SECONDS = 2.0  # as long as a connection to a healthy broker may take
EXIT_CONFIG = 78  # EX_CONFIG, as in sysexits: starting again without a change will not help
DEFAULT_PORTS = {"amqp": 5672, "amqps": 5671, "redis": 6379, "rediss": 6379}
BROKERS = {*DEFAULT_PORTS, "redis+socket"}


def refuse_unless_ready(database: bool = True) -> None:
    """Exit with what is wrong, or return; a broker that is away is only warned of.

    Scores wait in Redis until the broker is back, so the game may go on without one.
    """
    problem = redis_problem() or broker_address_problem()
    problem = problem or (database_problem() if database else None)
    refuse_if(problem)
    for warning in (durability_problem(), broker_problem()):
        if warning:
            log.warning(warning)


def refuse_if(problem: str | None) -> None:
    """Exit with a problem, if there is one."""
    if problem:
        print(f"Kogame cannot start: {problem}", file=sys.stderr, flush=True)
        sys.exit(EXIT_CONFIG)


def redis_problem() -> str | None:
    """Why Kogame must not run on this Redis, or None."""
    try:
        store.check()
    except store.Unfit as error:
        return str(error)
    return None


def durability_problem() -> str | None:
    """What a Redis that answers would lose when its machine stops, or None."""
    try:
        persistence = store.redis().info("persistence")
    except store.Unavailable:
        return None  # redis_problem() says so
    if persistence.get("aof_enabled"):
        return None
    return (
        "Redis keeps no append-only file: scores on their way to the database are lost when it "
        "stops. Set `appendonly yes` in its configuration."
    )


def database_problem() -> str | None:
    """Why the database cannot be used as it is, or None."""
    connection = connections[DEFAULT_DB_ALIAS]
    if connection.vendor == "sqlite":
        problem = disk_problem(Path(str(connection.settings_dict["NAME"])).parent)
        if problem:
            return problem
    try:
        executor = MigrationExecutor(connection)
        plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except InconsistentMigrationHistory as error:
        return f"the database's migrations do not fit this release: {error}"
    except DatabaseError as error:
        reason = str(error).strip().splitlines()[0]
        return f"the database does not answer ({reason}). Start it, or see DATABASE_URL."
    finally:
        connection.close()
    if plan:
        first = plan[0][0]
        return (
            f"the database lacks {len(plan)} migrations, first {first.app_label}.{first.name}. "
            "Run `python manage.py migrate`."
        )
    return None


def disk_problem(folder: Path) -> str | None:
    """Why nothing can be written to a folder, or None."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(b"0")
            probe.flush()
            os.fsync(probe.fileno())
        free = shutil.disk_usage(folder).free
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            return f"the disk of {folder} is full. Make room there, or set KOGAME_STATE_DIR."
        return (
            f"{folder} cannot be written ({error.strerror}). "
            "Give this user the right to, or set KOGAME_STATE_DIR to another folder."
        )
    if free < FREE_BYTES:
        return (
            f"the disk of {folder} has only {free // 1024**2} MB left. "
            "Make room there, or set KOGAME_STATE_DIR."
        )
    return None


def broker_address_problem() -> str | None:
    """Why nothing can be a task broker at this address, or None."""
    scheme = urlsplit(str(settings.CELERY_BROKER_URL)).scheme
    if scheme in BROKERS:
        return None
    return (
        f"CELERY_BROKER_URL begins with {scheme or 'no scheme'}; it must be of RabbitMQ "
        "(amqp://…) or of Redis (redis://…), or unset to use REDIS_URL."
    )


def broker_problem() -> str | None:
    """What is wrong with a broker other than Redis itself, or None; only its port is tried."""
    url = urlsplit(str(settings.CELERY_BROKER_URL))
    if not url.hostname:
        return None  # Redis on its socket: checked as Redis
    port = url.port or DEFAULT_PORTS.get(url.scheme, 0)
    try:
        with socket.create_connection((url.hostname, port), BROKER_SECONDS):
            return None
    except OSError as error:
        return (
            f"The task broker at {url.hostname}:{port} does not answer ({error}). Scores wait in "
            "Redis until it does. Start it, or set CELERY_BROKER_URL."
        )
