"""Run one engine: it takes rooms, steps them on their clocks and hands them over when it ends."""

import asyncio
import gc
import signal
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from game import names, store
from game.engine import Engine


class Command(BaseCommand):
    """`manage.py runengine`; stop it with SIGTERM or Ctrl-C."""

    help = "Run one engine. Any number may run; each room is stepped by exactly one of them."

    def handle(self, *args: Any, **options: Any) -> None:
        """Check Redis, then run until told to stop."""
        try:
            store.check()
        except store.Unfit as error:
            raise CommandError(str(error)) from error
        except store.Unavailable as error:
            raise CommandError(f"{store.AWAY} ({error})") from error
        asyncio.run(serve())


async def serve() -> None:
    """Run an engine until SIGTERM or SIGINT."""
    engine = Engine()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, engine.stop)
    # A full collection of a large heap stops every room for 40 to 100 ms: take what start-up made
    # out of the collector's sight, and collect young objects in large, rare batches.
    names.look("")  # its table is made now, and not in the tick in which somebody first joins
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 100)
    await engine.run()
    await store.close_aredis()
