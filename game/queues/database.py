"""How the database does, asked in a thread that alone waits for it."""

import time
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any

from django.db import connection, connections

# s between questions: with each sample, as a change is to be on the page within two.
ASK_EVERY = 0.5
ANSWER_SECONDS = 0.5  # from a question: who waits longer calls it away, a sample has three in all

POSTGRES = (
    "SELECT pg_database_size(current_database()),"
    " (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),"
    " current_setting('max_connections')::int"
)
SQLITE = "SELECT page_count * page_size, NULL, NULL FROM pragma_page_count(), pragma_page_size()"


class Watch:
    """Asks the database now and then; one question at a time, however long that takes."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="database")
        self._answer: Future[dict[str, Any]] | None = None
        self._asked = float("-inf")
        self._last: dict[str, Any] = {}

    def look(self, now: float) -> dict[str, Any]:
        """What is known at this time (s since 1970), after at most ANSWER_SECONDS.

        {"kind", "latency": s, "size": bytes, "clients", "clients_most", "error", "since"}. Numbers
        are None where there are none, and the last known while it is away: then "error" says why,
        and "since" when that was first seen.
        """
        if self._answer is None:
            if time.monotonic() - self._asked < ASK_EVERY:
                return self._last
            self._asked, self._answer = time.monotonic(), self._thread.submit(_ask)
        wait([self._answer], max(0.0, self._asked + ANSWER_SECONDS - time.monotonic()))
        if not self._answer.done():
            return self._away(now, f"no answer in {time.monotonic() - self._asked:.0f} s")
        answer, self._answer = self._answer, None
        if error := answer.exception():
            return self._away(now, " ".join(f"{type(error).__name__}: {error}".split())[:200])
        self._last = {"kind": connection.vendor, **answer.result(), "error": "", "since": None}
        return self._last

    def _away(self, now: float, said: str) -> dict[str, Any]:
        nothing = dict.fromkeys(("latency", "size", "clients", "clients_most"))
        since = self._last.get("since") or now
        known = {"kind": connection.vendor, **nothing, **self._last}
        self._last = {**known, "error": said, "since": since}
        return self._last

    def close(self) -> None:
        """Let its connection go once the last question is answered, without waiting for that."""
        self._thread.submit(connections.close_all)
        self._thread.shutdown(wait=False)


def _ask() -> dict[str, Any]:
    try:
        connection.ensure_connection()
        started = time.perf_counter()
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            cursor.fetchone()
            latency = time.perf_counter() - started
            cursor.execute(POSTGRES if connection.vendor == "postgresql" else SQLITE)
            size, clients, most = cursor.fetchone()
    except Exception:
        connection.close()
        raise
    return {"latency": latency, "size": size, "clients": clients, "clients_most": most}
