"""Two questions a load balancer asks: does this process live, and can it serve?"""

import asyncio
from collections.abc import Awaitable, Callable

from asgiref.sync import sync_to_async
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from game import metrics, store

ANSWER_SECONDS = 2.0  # a probe that waits longer is itself taken for dead by most balancers


@require_safe
@never_cache
async def healthz(request: HttpRequest) -> HttpResponse:
    """This process answers; whatever else is wrong, restarting it would not help."""
    return HttpResponse("ok\n", content_type="text/plain")


@require_safe
@never_cache
async def readyz(request: HttpRequest) -> JsonResponse:
    """200 when Redis, the database and its migrations are in order, else 503 with what is not.

    It is 503, too, while operators drain this process: it goes on with its pages, but takes no
    players.
    """
    redis, database = await asyncio.gather(
        _answer(_redis, "does not answer"), _answer(_database, "does not answer")
    )
    players = "drained" if metrics.level("web.drained") else "ok"
    parts = {"redis": redis, "database": database, "players": players}
    ready = all(word == "ok" for word in parts.values())
    return JsonResponse({"ready": ready, **parts}, status=200 if ready else 503)


async def _answer(question: Callable[[], Awaitable[str]], otherwise: str) -> str:
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            return await question()
    except Exception:  # whatever went wrong, the part is not ready; its own log says more
        return otherwise


async def _redis() -> str:
    await store.aredis().ping()
    return "ok"


async def _database() -> str:
    # Its own thread: a database that hangs must not hold up the thread that pages share.
    return await sync_to_async(_migrations, thread_sensitive=False)()


def _migrations() -> str:
    """Whether the database answers and has every migration this code was written for."""
    connection = connections[DEFAULT_DB_ALIAS]
    try:
        executor = MigrationExecutor(connection)
        plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    finally:
        connection.close()  # the thread may never come back to it
    if not plan:
        return "ok"
    migration = plan[0][0]
    return (
        f"{len(plan)} migrations not applied, first {migration.app_label}.{migration.name}: "
        "run `python manage.py migrate`"
    )
