"""Finished lives as an engine puts them in the outbox."""

import json
import uuid
from typing import Any, cast

from game import store

MATCH = "0" * 31 + "1"
MIA = "a" * 32


def told(number: int = 1, **changes: Any) -> dict[str, Any]:
    """What an engine tells of a life; `number` makes it another one of the same match."""
    match = changes.get("match", MATCH)
    return {
        "life": f"{match}-{number}",
        "match": match,
        "room": "abcd",
        "game": "snek",
        "player": MIA,
        "name": "Mia",
        "colour": 3,
        "score": 10,
        "length": 5,
        "kills": 1,
        "seconds": 12.5,
        "cause": "wall",
        "by": "",
        **changes,
    }


def put(*lives: dict[str, Any] | bytes, at: int | None = None) -> list[str]:
    """Put lives in the outbox, the first at `at` (ms since 1970) or now; answers the entry ids."""
    pipe = store.redis().pipeline(transaction=False)
    for n, life in enumerate(lives):
        data = life if isinstance(life, bytes) else json.dumps(life).encode()
        pipe.xadd(store.OUTBOX, {"d": data}, id=f"{at + n}-0" if at else "*")
    return [id.decode() for id in cast("list[bytes]", pipe.execute())]


def crowd(number: int, lives: int = 1) -> list[dict[str, Any]]:
    """Lives of `number` different players, each with a score of their own."""
    return [
        told(n * lives + k + 1, player=uuid.UUID(int=n + 1).hex, name=f"P{n}", score=n + k + 1)
        for n in range(number)
        for k in range(lives)
    ]


def empty() -> None:
    """Take everything of the scores out of Redis."""
    client = store.redis()
    for pattern in ("kg:outbox*", "kg:scores:*", "kg:lock:*"):
        for key in client.scan_iter(pattern, count=1000):
            client.delete(key)
