"""What there is one of on each event loop: a process has one loop, a run of tests has many."""

import asyncio
import functools
import weakref
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def each_loop(make: Callable[[], T]) -> Callable[[], T]:
    """A function that answers the running loop's own, made when it is first asked for."""
    made: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, T] = weakref.WeakKeyDictionary()

    @functools.wraps(make)
    def own() -> T:
        loop = asyncio.get_running_loop()
        if loop not in made:
            made[loop] = make()
        return made[loop]

    return own
