"""Which rooms an engine gives to another that has less to do: arithmetic alone, no I/O."""

import math
from collections.abc import Mapping

BALANCE_EVERY = 1.0  # s between two rounds: what was given is in the other's figures by then
GIVE_MOST = 4  # rooms given in one round: each is a short pause for its players, and work to open
SLACK = 0.25  # of an engine's load: below this difference rooms stay, for figures are not exact
SLACK_LEAST = 0.004  # of a core: below this difference nobody gains anything
HAND_ON_EVERY = 0.25  # s between two rounds of an engine that is drained …
HAND_ON_MOST = 5  # … and the rooms of one: 20 a second, half of what another engine can open
ROOM_LOAD = 0.001  # of a core: a room that sleeps still has its lease renewed, twice a second


def surplus(me: str, rooms: Mapping[str, float], loads: Mapping[str, float]) -> dict[str, str]:
    """The rooms to give away now: room → engine. Loads are parts of a core, by engine or room.

    Each gift leaves the giver with no less than the taker has then: no room ever comes back for it.
    """
    others = {e: load for e, load in loads.items() if e != me and load < math.inf}
    if not others:
        return {}
    mine, least = sum(rooms.values()), min(others, key=lambda engine: (others[engine], engine))
    difference = mine - others[least]
    if difference <= max(SLACK_LEAST, SLACK * mine):
        return {}
    mean = (mine + sum(others.values())) / (1 + len(others))
    left = min(difference / 2, mine - mean)  # others may give to the same one
    given: dict[str, str] = {}
    for room in sorted(rooms, key=lambda room: (-rooms[room], room)):
        if len(given) < GIVE_MOST and rooms[room] <= left:
            left -= rooms[room]
            given[room] = least
    return given


def parcel_out(rooms: Mapping[str, float], loads: Mapping[str, float]) -> dict[str, str]:
    """Some of the rooms of an engine that is drained: room → engine, each to who has least then.

    Nobody gets any while there is no other engine.
    """
    bears = {engine: load for engine, load in loads.items() if load < math.inf}
    given: dict[str, str] = {}
    for room in sorted(rooms, key=lambda room: (-rooms[room], room))[:HAND_ON_MOST]:
        if not bears:
            break
        least = min(bears, key=lambda engine: (bears[engine], engine))
        bears[least] += rooms[room]
        given[room] = least
    return given
