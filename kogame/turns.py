"""Costly work for a few at each turn of the loop; between them, it does everything else."""

from collections import deque
from collections.abc import Callable
from typing import Any


class Turns:
    """Who may go on now, and who later; of hundreds that come at once, none holds up the loop.

    `soon` calls a function at the loop's next turn; `most` may go on in each.
    """

    def __init__(self, soon: Callable[[Callable[[], None]], Any], most: int) -> None:
        self._soon = soon
        self._most = most
        self._left = most  # in this turn
        self._turning = False
        # Who waits; as many as there are connections, which the system bounds.
        self._waiting: deque[Callable[[], Any]] = deque()

    def may(self, go: Callable[[], Any]) -> bool:
        """Whether the caller may go on at once; if not, `go` is called when it is its turn."""
        now = self._left > 0
        if now:
            self._left -= 1
        else:
            self._waiting.append(go)
        if not self._turning:
            self._turning = True
            self._soon(self._turn)
        return now

    def _turn(self) -> None:
        self._turning = bool(self._waiting)
        self._left = self._most
        while self._waiting and self._left:
            self._left -= 1
            self._waiting.popleft()()
        if self._turning:
            self._soon(self._turn)
