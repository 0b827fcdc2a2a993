"""What the tests of queue length share: an application on a broker, a worker, and a drain."""

import contextlib
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from celery import Celery
from kombu import Queue

from game.queues.sampler import Sampler
from tests.processes import migrated

ROOT = Path(__file__).parents[2]
PATIENCE = 30  # seconds for a worker to start on a busy machine


class Bench:
    """A Celery application with queues of its own on a broker."""

    def __init__(self, broker: str) -> None:
        self.suffix = f"-{uuid.uuid4().hex[:8]}"
        self.names = [f"scores{self.suffix}", f"odd \"q', ü {self.suffix}"]
        self.broker = broker
        self._samplers: list[Sampler] = []
        self.app = Celery(f"bench{self.suffix}", broker=broker, set_as_current=False)
        self.app.conf.update(
            task_queues=[Queue(name, routing_key=name) for name in self.names],
            task_default_queue=self.names[0],
        )

    def publish(self, queue: str, number: int, **options: Any) -> None:
        """Put tasks in a queue, each with the time of publishing, as Kogame's own have it."""
        headers = {"published_at": time.time()}
        for _ in range(number):
            self.app.send_task("hold", ["never"], queue=queue, headers=headers, **options)

    def sampler(self) -> Sampler:
        """A sampler of these queues, closed with the bench."""
        self._samplers.append(Sampler(self.app))
        return self._samplers[-1]

    @contextlib.contextmanager
    def worker(self) -> Iterator["subprocess.Popen[bytes]"]:
        """A real worker with one pool process; killed at the end, tasks and all."""
        migrated()
        worker = subprocess.Popen(
            [
                *(sys.executable, "-m", "celery", "-A", "tests.live.queue_app", "worker"),
                *("--concurrency", "1", "--without-gossip", "--without-mingle", "-l", "ERROR"),
                *("-n", f"bench{self.suffix}@test"),
            ],
            cwd=ROOT,
            env={**os.environ, "QUEUE_BROKER": self.broker, "QUEUE_SUFFIX": self.suffix},
            start_new_session=True,
            stdout=subprocess.DEVNULL,
        )
        try:
            yield worker
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(worker.pid, signal.SIGKILL)
            worker.wait()

    def drain(self, **options: Any) -> dict[str, int]:
        """Take every ready message out of every queue, and count."""
        with self.app.connection_for_read(transport_options=options) as connection:
            channel = connection.default_channel
            if options and channel.qos:
                channel.qos.restore_visible(num=10_000)
            return {name: self._empty(channel, name) for name in self.names}

    def _empty(self, channel: Any, name: str) -> int:
        number = 0
        while channel.basic_get(name, no_ack=True) is not None:
            number += 1
        return number

    def clean(self) -> None:
        """Leave nothing behind on the broker, and no connection to it."""
        for sampler in self._samplers:
            sampler.close()
        with self.app.connection_for_write() as connection:
            for name in self.names:
                connection.default_channel.queue_delete(name)
        self.app.close()


def wait_for(what: Callable[[], Any]) -> Any:
    """Ask again until the answer is true; fails after PATIENCE."""
    deadline = time.monotonic() + PATIENCE
    while not (answer := what()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)  # a breath for the process that is waited for, on few cores
    return answer
