"""The schedule, kept by a beat that says in one line when the broker does not take a task."""

import logging
from pathlib import Path
from typing import Any

from celery.beat import PersistentScheduler

from game import tasks
from kogame import checks
from kogame.worker import wait_for

log = logging.getLogger("celery.beat")  # where whoever follows beat looks


class QuietScheduler(PersistentScheduler):  # type: ignore[misc]  # Celery has no types
    """Celery's own, without two stacks for each task; CELERY_BEAT_SCHEDULER names it."""

    def setup_schedule(self) -> None:
        """Open the file of what was sent when, unless its folder cannot be written."""
        checks.refuse_if(checks.disk_problem(Path(self.schedule_filename).parent))
        super().setup_schedule()

    def apply_entry(self, entry: Any, producer: Any = None) -> None:
        """Send a task that is due; one that is not taken is due again at its next time."""
        log.info("Scheduler: Sending due task %s (%s)", entry.name, entry.task)
        try:
            self.apply_async(entry, producer=producer, advance=False)
        except Exception as error:  # each broker has its own
            tasks.broker_away.felt(tasks.BROKER_WAITS, error)
        else:
            tasks.broker_away.over()

    def _ensure_connected(self) -> Any:
        """Wait for the broker, with one line instead of one for each try."""
        wait_for(self.connection)
        return self.connection
