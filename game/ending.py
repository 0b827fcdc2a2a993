"""How background tasks are brought to their end."""

import asyncio
from collections.abc import Iterable
from typing import Any

CANCEL_AGAIN = 0.1  # s; libraries swallow a cancellation that comes at the wrong moment


async def end(tasks: Iterable["asyncio.Task[Any]"]) -> None:
    """Cancel tasks until every one of them is done."""
    while pending := [task for task in tasks if not task.done()]:
        for task in pending:
            task.cancel()
        await asyncio.wait(pending, timeout=CANCEL_AGAIN)
