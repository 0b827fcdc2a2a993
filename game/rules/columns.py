"""Many objects of one kind as plain data: a column for each property, and entries back from them.

Thousands are saved between two ticks. A column is gathered in C, its name is written once, and
nothing is made for each object.
"""

from collections.abc import Collection, Iterator, Mapping
from operator import attrgetter
from typing import Any


class Columns:
    """The properties that are saved of every object of one kind."""

    def __init__(self, *names: str) -> None:
        self.names = names
        self._getters = [(name, attrgetter(name)) for name in names]

    def save(self, objects: Collection[Any]) -> dict[str, list[Any]]:
        """The columns of these objects, in their order."""
        return {name: list(map(getter, objects)) for name, getter in self._getters}

    def load(self, columns: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """What was saved of each object; raises KeyError or ValueError if a value is missing."""
        for row in zip(*[columns[name] for name in self.names], strict=True):
            yield dict(zip(self.names, row, strict=True))

    def gather(self, entries: Collection[Mapping[str, Any]]) -> dict[str, list[Any]]:
        """The columns of what was saved as a dict for each object."""
        return {name: [entry[name] for entry in entries] for name in self.names}
