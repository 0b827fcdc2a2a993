"""What one page looks at: which of the rooms it lists, and into which it sees."""

from typing import Annotated, Any

import msgspec

LISTED = 30  # rooms in one page of the list: as many as a screen shows
OPEN_MOST = 10  # rooms whose seats one page may look into at a time

Id = Annotated[str, msgspec.Meta(max_length=64)]


class Look(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The open rooms, what the list is searched for, and how many rooms of it stand before."""

    open: Annotated[tuple[Id, ...], msgspec.Meta(max_length=OPEN_MOST)] = ()
    find: Annotated[str, msgspec.Meta(max_length=64)] = ""
    first: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 0


FIRST = Look()  # the first rooms of the list, and into none of them


def cut(whole: dict[str, Any], look: Look) -> dict[str, Any]:
    """The picture as one page gets it: its part of the rooms, the seats of those that are open.

    An open room stays in the list, wherever its place has gone to meanwhile.
    """
    if "rooms" not in whole:  # Redis is away
        return whole
    whole = dict(whole)
    pings = whole.pop("pings")
    found = [room for room in whole["rooms"] if _is_like(room, look.find.casefold())]
    first = min(look.first, max(0, len(found) - 1) // LISTED * LISTED)
    told = []
    for n, room in enumerate(found):
        if room["id"] in look.open:
            told.append(_with_pings(room, pings))
        elif first <= n < first + LISTED:
            told.append({name: value for name, value in room.items() if name != "seats"})
    totals = {
        "rooms": len(whole["rooms"]),
        "people": sum(room.get("people", 0) for room in whole["rooms"]),
        "found": len(found),
        "first": first,
        "listed": LISTED,
    }
    return {**whole, "rooms": told, "totals": totals}


def _with_pings(room: dict[str, Any], pings: dict[tuple[str, str], int]) -> dict[str, Any]:
    """An open room, each of its seats with the ping of its player after the player's id, or None.

    Who plays in several windows has one seat, and the slowest of their pings.
    """
    seats = [
        [*seat[:4], pings.get((room["id"], seat[3])), *seat[4:]] for seat in room.get("seats", ())
    ]
    return {**room, "seats": seats}


def _is_like(room: dict[str, Any], part: str) -> bool:
    """Whether a room's id, title, game or engine has this in it."""
    names = (room["id"], room.get("title"), room.get("game"), room.get("engine"))
    return not part or any(part in str(name).casefold() for name in names)
