"""What a web process knows of a room, and the frames it makes of that for those who look on."""

from collections.abc import Iterable
from itertools import repeat

from game import protocol
from game.protocol import RoomTick

# Ticks without any keyframe after which all is forgotten, for deltas would pile up: each region's
# comes every second.
UNKEYED_BOUND = 256


class Frames:
    """Each region as last keyed and the deltas since; this tick's frames, each built once."""

    def __init__(self) -> None:
        self.epoch = 0
        self.tick = 0
        self.welcome = b""
        self.views: list[list[int]] = []  # empty while regions are not known: sockets wait
        self._seen: list[frozenset[int]] = []  # the same, to tell two apart
        self.regions: dict[int, list[bytes]] = {}  # its keyframe, then the deltas since
        self._unkeyed = 0  # ticks since a keyframe of any region came
        self._keys: dict[int, bytes] = {}  # regions whose keyframe came with this tick
        self._changed: dict[int, bytes] = {}  # by region: what this tick changed
        self._built: dict[tuple[int, int], bytes] = {}  # frames of this tick: (from view, to view)

    def newer(self, tick: RoomTick) -> bool:
        """Whether a tick is neither of an owner that was replaced nor seen before."""
        return (tick.epoch, tick.tick) > (self.epoch, self.tick)

    def learn(self, tick: RoomTick) -> bool:
        """Take a tick in; whether who held the last one can follow on with this."""
        followed = tick.epoch == self.epoch and tick.tick == self.tick + 1
        self.epoch, self.tick = tick.epoch, tick.tick
        self._changed, self._keys = tick.parts, tick.keys
        self._built.clear()
        if tick.views:
            self.views, self.welcome, self._unkeyed = tick.views, tick.welcome, 0
            self._seen = [frozenset(view) for view in tick.views]
            self.regions = {region: [key] for region, key in tick.keys.items()}
            return followed
        if not followed or not self.views:
            self.views, self.regions = [], {}
            return False
        for region, part in tick.parts.items():
            self.regions[region].append(part)
        for region, key in tick.keys.items():
            self.regions[region] = [key]
        self._unkeyed = 0 if tick.keys else self._unkeyed + 1
        if self._unkeyed > UNKEYED_BOUND:
            self.views, self.regions = [], {}
        return bool(self.views)

    def middle(self) -> int:
        """The view of whoever has no other; -1 while views are not known."""
        return len(self.views) // 2 if self.views else -1

    def of(self, before: int, view: int) -> bytes:
        """This tick for all who had one view and have another, or the same."""
        built = self._built.get((before, view))
        if built is None:
            parts: Iterable[bytes]
            if before == view:
                regions = (protocol.ROOM, *self.views[view])
                parts = map(self._changed.get, regions, repeat(b""))
            else:
                parts = self._moving(before, view)
            built = protocol.frame(self.epoch, self.tick, parts)
            self._built[before, view] = built
        return built

    def _moving(self, before: int, view: int) -> list[bytes]:
        """What changed in the room, what to forget, what changed in sight, what is new there."""
        known, seen = self._seen[before], self._seen[view]
        return [
            self._changed.get(protocol.ROOM, b""),
            *map(protocol.forget_part, known - seen),
            *map(self._changed.get, known & seen, repeat(b"")),
            *map(self._whole, seen - known),
        ]

    def _whole(self, region: int) -> bytes:
        """All of a region: its keyframe with the deltas since, put together once."""
        parts = self.regions[region]
        if len(parts) > 1:
            parts[:] = [b"".join(parts)]
        return parts[0]

    def everything(self, view: int) -> bytes:
        """The keyframe of a view, as of the newest tick."""
        built = self._built.get((-1, view))
        if built is None:
            parts = map(self._whole, (protocol.ROOM, *self.views[view]))
            built = protocol.frame(self.epoch, self.tick, parts, keyframe=True)
            self._built[-1, view] = built
        return built

    def sums(self, view: int) -> bytes:
        """What a page must hold of the regions in view whose keyframe came with this tick."""
        keys = self._keys
        regions = {protocol.ROOM, *self.views[view]}.intersection(keys)
        prints = {region: protocol.fingerprint(keys[region], self.welcome) for region in regions}
        return protocol.sums(self.epoch, self.tick, prints)
