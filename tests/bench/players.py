"""A crowd that plays: `python -m tests.bench.players` takes orders as `crowd` does.

Every client turns at random, begins a new life when it died, acknowledges its notes, and measures
how long its actions took to be taken. All of that is cheap enough for thousands in one process.
"""

import random
import struct
import time
from typing import Any

from tests.bench.crowd import Client, Crowd, Data, obey

NOTE, ACKED = 0x83, 0x85
TURN, SPAWN = 1, 2


class Players(Crowd):
    """Clients with seats."""

    def __init__(self) -> None:
        self.random = random.Random(1)
        self.dead: set[Client] = set()
        self.asked: dict[Client, tuple[int, float]] = {}  # the last action: its number, and when
        super().__init__()

    def reset(self) -> None:
        """Begin to count anew."""
        super().reset()
        self.delays: list[float] = []

    def seen(self) -> dict[str, Any]:
        """What was seen, with delays in ms as p50, p99 and max."""
        return super().seen() | {"delays": among([delay * 1000 for delay in self.delays])}

    def told(self, client: Client, data: Data, at: int, now: float) -> None:
        """Take an answer to an action, or the news of a death."""
        if data[at] == ACKED:
            (number,) = struct.unpack_from("<H", data, at + 1)
            asked = self.asked.pop(client, None)
            if asked is not None and asked[0] == number:
                self.delays.append(now - asked[1])
        elif data[at] == NOTE:
            self.dead.add(client)
            self.send(client, b"\x05" + data[at + 1 : at + 3])

    def action(self, client: Client) -> bytes:
        """A turn, or a new life for one who died."""
        client.seq = client.seq % 0xFFFF + 1
        self.asked[client] = (client.seq, time.monotonic())
        head = struct.pack("<BHI", 3, client.seq, client.tick)
        if client in self.dead:
            self.dead.discard(client)
            return head + bytes((SPAWN,))
        return head + bytes((TURN, self.random.randrange(4)))


def among(values: list[Any]) -> list[float]:
    """p50, p99 and max."""
    if not values:
        return [0, 0, 0]
    ordered = sorted(values)
    return [ordered[len(ordered) // 2], ordered[len(ordered) * 99 // 100], ordered[-1]]


if __name__ == "__main__":
    obey(Players())
