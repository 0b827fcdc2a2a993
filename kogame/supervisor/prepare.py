"""Make the database ready: migrations, then a development admin. Run by the supervisor.

It prints one JSON object per line: {"migrated": n} as soon as the others may start, then
{"admin": …} with what the supervisor shows about logging in.
"""

import json
import os
import secrets
import sys
from pathlib import Path
from typing import Any

import django
from django.conf import settings
from django.core.management import call_command
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

NAME = "admin"


def main() -> int:
    """Prepare; returns the exit code."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "kogame.settings")
    django.setup()
    from kogame import checks  # noqa: PLC0415  (needs Django)

    problem = checks.redis_problem() if "--redis" in sys.argv else None
    problem = problem or checks.broker_address_problem()
    if problem is None and connection.vendor == "sqlite":
        problem = checks.disk_problem(Path(str(connection.settings_dict["NAME"])).parent)
    if problem:
        print(f"Kogame cannot start: {problem}", file=sys.stderr)
        return checks.EXIT_CONFIG
    try:
        say(migrated=migrate())
        if not settings.PRODUCTION:
            say(admin=admin(settings.STATE_DIR / "admin-password"))
    except DatabaseError as error:
        reason = str(error).strip().splitlines()[0]
        print(
            f"Kogame cannot start: the database refused ({reason}). See DATABASE_URL.",
            file=sys.stderr,
        )
        return checks.EXIT_CONFIG
    return 0


def say(**words: Any) -> None:
    """Tell the supervisor."""
    print(json.dumps(words), flush=True)


def migrate() -> int:
    """Apply what is missing; returns how many migrations that were."""
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if plan:
        call_command("migrate", interactive=False, verbosity=0)
    return len(plan)


def admin(file: Path) -> str:
    """See that there is somebody who may log in; returns how, for people."""
    from django.contrib.auth import get_user_model  # noqa: PLC0415  (needs Django)

    users: Any = get_user_model().objects
    user = users.filter(username=NAME).first()
    password = file.read_text().strip() if file.exists() else ""
    if user is None:
        password = password or secrets.token_urlsafe(12)
        users.create_superuser(NAME, password=password)
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as out:
            out.write(password + "\n")
    elif not password or not user.check_password(password):
        return f"log in as {NAME} with the password you gave it"
    return f"log in as {NAME} with {password}"


if __name__ == "__main__":
    sys.exit(main())
