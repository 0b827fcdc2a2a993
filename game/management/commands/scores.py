"""`manage.py scores`: check the leaderboards against the lives, or rebuild them from these."""

from collections.abc import Callable, Iterator
from typing import Any, cast
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from game import scores, store

PAGE = 500  # players at a time: a second's work, after which others may write


class Command(BaseCommand):
    """Look after what is derived from the lives."""

    help = "Check the leaderboards against the lives (verify), put them right (rebuild), or list "
    help += "entries that could not be saved (damaged)."

    def add_arguments(self, parser: CommandParser) -> None:
        """One word says what to do."""
        parser.add_argument("what", choices=("verify", "rebuild", "damaged"))

    def handle(self, *args: Any, what: str, **options: Any) -> None:
        """Do it; `verify` ends with an error when anything differs."""
        if what == "damaged":
            self._damaged()
            return
        wrong = 0
        for difference in self._differences(repair=what == "rebuild"):
            self.stdout.write(difference)
            wrong += 1
        if wrong and what == "verify":
            raise CommandError(f"{wrong} differ from the lives. `scores rebuild` puts them right.")
        self.stdout.write(f"{wrong} put right." if wrong else "All as the lives say.")

    def _differences(self, repair: bool) -> Iterator[str]:
        for ids in _pages(scores.clean.all_players):
            yield from scores.check(ids, repair)
        for ids in _pages(scores.clean.all_matches):
            yield from scores.check_matches(ids, repair)

    def _damaged(self) -> None:
        """The entries set aside, oldest first: when, why, and what they say."""
        entries = cast("list[tuple[bytes, dict[bytes, bytes]]]", store.redis().xrange(scores.BAD))
        for id, fields in entries:
            why, data = (fields.get(key, b"").decode(errors="replace") for key in (b"why", b"d"))
            self.stdout.write(f"{id.decode()}  {why}\n    {data[:500]}")
        self.stdout.write(f"{len(entries)} entries could not be saved.")


def _pages(find: Callable[[int, str], list[str]]) -> Iterator[list[UUID]]:
    after = ""
    while True:
        ids = find(PAGE, after)
        if ids:
            yield [UUID(id) for id in ids]
        if len(ids) < PAGE:
            return
        after = ids[-1]
