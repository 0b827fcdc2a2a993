"""The wiring of Kogame: settings, addresses, and the processes."""

from kogame.celery import app as celery_app

__all__ = ["celery_app"]
