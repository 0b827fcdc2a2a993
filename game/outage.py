"""A service that is away is said to be once, and once to be back, however many wait for it."""

import logging
import time

# s after its return in which a failure still belongs to the outage before: whoever asked while it
# was away hears of that only when its own time-out ends.
ECHO_SECONDS = 6.0
# s after which an outage that nobody has felt again counts as over, though nobody said so.
FELT_SECONDS = 15.0


class Outage:
    """One service as one process knows it; `log` is where its absence is said.

    Two threads that notice in the same instant may both say so: no lock, since workers fork.
    """

    def __init__(self, log: logging.Logger, back: str) -> None:
        self._log = log
        self._back = back
        self._said = False
        self._hushed = False
        self._felt = self._over = float("-inf")

    def hush(self) -> None:
        """Say nothing from now on: a parent process, which misses the same service, does."""
        self._hushed = True

    @property
    def on(self) -> bool:
        """Whether the service is away, as far as is known."""
        return self.felt_within(FELT_SECONDS)

    def felt_within(self, seconds: float) -> bool:
        """Whether it failed somebody in the last seconds, and nobody was answered since."""
        return time.monotonic() - self._felt < seconds

    @property
    def near(self) -> bool:
        """Whether it is away, or was so recently that its absence is still felt."""
        return self.on or time.monotonic() - self._over < ECHO_SECONDS

    def felt(self, sentence: str, *args: object) -> None:
        """It failed somebody; said for the first one only."""
        self._felt = time.monotonic()
        if not self._said and self._felt - self._over > ECHO_SECONDS:
            self._said = True
            if not self._hushed:
                self._log.warning(sentence, *args)

    def over(self) -> None:
        """It answered somebody."""
        self._felt = float("-inf")
        if self._said:
            self._said = False
            self._over = time.monotonic()
            if not self._hushed:
                self._log.info(self._back)
