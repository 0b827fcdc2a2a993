"""What an operator may do to queues and to the schedule."""

import re
from functools import partial

from asgiref.sync import sync_to_async
from celery import current_app
from django.conf import settings
from django.http import HttpRequest

from game import metrics, store, tasks
from game.console.overview import reader
from game.console.views import NotDone, Pull, lever
from game.queues import pauses

PURGE, PAUSE, RUN = "game.purge_queue", "game.pause_queue", "game.run_task"
REVOKE = "game.revoke_task"


def _queue(request: HttpRequest) -> str:
    name = request.POST.get("queue", "")
    if name not in current_app.amqp.queues:
        raise ValueError("There is no such queue.")
    return name


@lever(PURGE, "purge_queue")
def purge(request: HttpRequest) -> Pull:
    """Throw away what waits in a queue; what workers have fetched they end."""
    queue = _queue(request)

    def do() -> None:
        try:
            with current_app.connection_for_write() as connection:
                current_app.amqp.queues[queue](connection.default_channel).purge()
        except Exception as error:  # each broker's library has its own
            raise NotDone(f"the broker does not answer: {error}") from error

    return Pull(
        queue,
        f"What waited in queue {queue} is gone.",
        sync_to_async(do, thread_sensitive=False),
    )


@lever(PAUSE, "pause_queue")
def pause(request: HttpRequest) -> Pull:
    """Let a queue's tasks wait."""
    queue = _queue(request)
    do = sync_to_async(partial(pauses.pause, store.redis(), queue))
    return Pull(queue, f"Queue {queue} pauses within seconds.", do)


@lever(PAUSE, "resume_queue")
def resume(request: HttpRequest) -> Pull:
    """Have a paused queue's tasks run."""
    queue = _queue(request)
    do = sync_to_async(partial(pauses.resume, store.redis(), queue))
    return Pull(queue, f"Queue {queue} goes on within seconds.", do)


@lever(REVOKE, "revoke_task")
def revoke(request: HttpRequest) -> Pull:
    """Have no worker begin a task that one of them has fetched.

    One that runs already ends by itself, at its time limit at the latest: to end it sooner, its
    pool process would have to be killed, and that one may have begun another task by then.
    """
    id, name = request.POST.get("id", ""), request.POST.get("task", "")
    if not re.fullmatch(r"[\w-]{1,64}", id) or not re.fullmatch(r"[\w.]{1,60}", name):
        raise ValueError("Which task? Its id or its name is missing.")

    def do() -> None:
        living = metrics.snapshot(reader())["living"]
        if not any(id == held[0] for p in living for held in p["details"].get("held", ())):
            raise NotDone("no worker has this task any more")
        try:
            with current_app.connection_for_write() as connection:
                current_app.control.revoke(id, connection=connection)
        except Exception as error:  # each broker's library has its own
            raise NotDone(f"the broker does not answer: {error}") from error

    said = f"Every worker is being told to leave {name} alone."
    return Pull(f"{name} {id}", said, sync_to_async(do, thread_sensitive=False))


@lever(RUN, "run_task")
def run(request: HttpRequest) -> Pull:
    """Ask for an entry of the schedule now, beside its time."""
    name = request.POST.get("entry", "")
    entry = settings.CELERY_BEAT_SCHEDULE.get(name)
    if entry is None:
        raise ValueError("There is no such entry in the schedule.")

    def do() -> None:
        if not tasks.publish(current_app.tasks[entry["task"]]):
            raise NotDone("the broker does not take it")

    return Pull(name, f"“{name}” was asked for.", sync_to_async(do, thread_sensitive=False))
