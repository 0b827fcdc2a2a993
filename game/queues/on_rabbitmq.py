"""The length of Celery's queues on RabbitMQ.

A passive declare answers ready messages and consumers, exactly. What is in flight only the
management plugin knows; where it does not answer, the page adds up what the workers report.
"""

import base64
import http.client
import json
import time
from typing import Any
from urllib.parse import quote

from amqp.exceptions import NotFound  # type: ignore[import-untyped]

API_PORT = 15_672  # the management plugin's own default
API_SECONDS = 1.0  # it is beside the broker, and the sample has three seconds in all
API_REST = 30.0  # seconds until a management plugin that did not answer is asked again


def depths(channel: Any, queues: dict[str, str]) -> list[dict[str, Any]]:
    """Each queue's figures, as in `on_redis.depths`; what RabbitMQ does not tell is None."""
    connection = channel.connection
    found = []
    for name in queues:
        try:
            if not channel.is_open:
                channel = connection.channel()
            _, ready, consumers = channel.queue_declare(name, passive=True)
        except NotFound:  # no worker has ever been here; RabbitMQ closed the channel over it
            ready, consumers = 0, 0
        found.append(
            {
                "name": name,
                "ready": ready,
                "in_flight": None,
                "at_least": False,
                "oldest_ready": None,
                "oldest_in_flight": None,
                "consumers": consumers,
            }
        )
    if channel.is_open:
        channel.close()
    return found


class Management:
    """The management plugin's HTTP interface, if there is one; left alone while it is away."""

    def __init__(
        self, host: str, user: str, password: str, vhost: str, port: int = API_PORT
    ) -> None:
        self._address = (host, port)
        token = base64.b64encode(f"{user}:{password}".encode()).decode()
        self._headers = {"Authorization": f"Basic {token}"}
        self._vhost = quote(vhost, safe="")
        self._ask_again = 0.0

    def in_flight(self) -> dict[str, int] | None:
        """Unacknowledged messages by queue, as of its last statistics; None when it is away."""
        rows = self._get(f"/api/queues/{self._vhost}?columns=name,messages_unacknowledged")
        if rows is None:
            return None
        return {
            row["name"]: row["messages_unacknowledged"]
            for row in rows
            if "messages_unacknowledged" in row  # none in a queue's first seconds
        }

    def alarms(self) -> list[str]:
        """What RabbitMQ itself is alarmed about, in words."""
        nodes = self._get("/api/nodes?columns=name,mem_alarm,disk_free_alarm") or []
        words = {"mem_alarm": "is out of memory", "disk_free_alarm": "is out of disk space"}
        return [
            f"RabbitMQ's node {node['name']} {said}: publishers are blocked"
            for node in nodes
            for alarm, said in words.items()
            if node.get(alarm)
        ]

    def _get(self, path: str) -> list[dict[str, Any]] | None:
        if time.monotonic() < self._ask_again:
            return None
        connection = http.client.HTTPConnection(*self._address, timeout=API_SECONDS)
        try:
            connection.request("GET", path, headers=self._headers)
            answer = connection.getresponse()
            if answer.status != http.client.OK:
                raise http.client.HTTPException(f"answered {answer.status}")
            rows = json.load(answer)
            return rows if isinstance(rows, list) else None
        except (OSError, http.client.HTTPException, ValueError):
            self._ask_again = time.monotonic() + API_REST
            return None
        finally:
            connection.close()
