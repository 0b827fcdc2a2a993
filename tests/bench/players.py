"""A crowd that plays: `python -m tests.bench.players` takes orders as `crowd` does.

Every client turns at random, begins a new life when it died, acknowledges its notes, and measures
how long its actions took to be taken. All of that is cheap enough for thousands in one process.
"""

import random
import struct
import time
from typing import Any

from tests.bench.crowd import Client, Crowd, obey

FRAME, NOTE, SEATED, ACKED = 0x82, 0x83, 0x84, 0x85
TURN, SPAWN = 1, 2
SIZES_BOUND = 200_000  # frame sizes kept of one measurement


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
        self.sizes: list[int] = []
        self.delays: list[float] = []

    def seen(self) -> dict[str, Any]:
        """What was seen, with frame sizes in bytes and delays in ms, each as p50, p99 and max."""
        return super().seen() | {
            "sizes": spread(self.sizes),
            "delays": spread([delay * 1000 for delay in self.delays]),
        }

    def message(self, client: Client, data: bytes, at: int, end: int, now: float) -> None:
        """Take one message of the server."""
        super().message(client, data, at, end, now)
        kind = data[at]
        if kind == FRAME:
            if len(self.sizes) < SIZES_BOUND and not data[at + 9] & 1:
                self.sizes.append(end - at)
        elif kind == ACKED:
            (number,) = struct.unpack_from("<H", data, at + 1)
            asked = self.asked.pop(client, None)
            if asked is not None and asked[0] == number:
                self.delays.append(now - asked[1])
        elif kind == NOTE:
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


def spread(values: list[Any]) -> list[float]:
    """p50, p99 and max."""
    if not values:
        return [0, 0, 0]
    ordered = sorted(values)
    return [ordered[len(ordered) // 2], ordered[len(ordered) * 99 // 100], ordered[-1]]


if __name__ == "__main__":
    obey(Players())
