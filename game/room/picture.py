"""A room as bytes: what changed of each region in a tick, and all of it for newcomers."""

from collections.abc import Iterable

from game import protocol
from game.room.parts import Seat, Settings, Tick
from game.rules.contract import ROOM, Change, Game


def delta(tick: Tick) -> dict[int, bytes]:
    """What a tick changed, by region; ROOM has what everyone sees."""
    parts = protocol.changes_parts(tick.changes)
    if tick.roster:
        rows = [row for row in tick.roster.values() if row is not None]
        gone = [number for number, row in tick.roster.items() if row is None]
        parts[ROOM] = parts.get(ROOM, b"") + protocol.roster_part(rows, gone)
    for region, events in tick.events.items():
        parts[region] = parts.get(region, b"") + protocol.events_part(region, events)
    return parts


def keys(game: Game, regions: Iterable[int], seats: Iterable[Seat]) -> dict[int, bytes]:
    """All that is to be seen of these regions after a tick; with ROOM, the seats too."""
    whole = {region: _whole(game, region) for region in regions}
    if ROOM in whole:
        whole[ROOM] += protocol.roster_part((seat.row() for seat in seats), ())
    return whole


def welcome(game: Game, known: Settings) -> bytes:
    """What a page must know before the first frame."""
    return protocol.welcome(known.id, known.title, known.private, known.capacity, game)


def _whole(game: Game, region: int) -> bytes:
    scope = "room" if region == ROOM else "region"
    found = []
    for index, table in enumerate(game.tables.values()):
        if table.spec.scope == scope and (rows := list(table.rows(region))):
            found.append((index, table.spec, Change((), rows)))
    return protocol.anew_part(region, found)
