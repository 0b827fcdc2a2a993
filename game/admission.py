"""The door of a web process: so many sockets for an address and a player, and none for the banned.

The counts are this process' own, and so exact: nothing that could leak when a process is killed. A
player with tabs on several web processes may have as many on each; an address is held to its limit
over all of them by the proxy in front (config/nginx.conf).
"""

import asyncio
import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from django.conf import settings

from game import bans, metrics, protocol

logger = logging.getLogger(__name__)

DEAD_SECONDS = 6.0  # s without one of the pings that come every 2 s: its tab has likely gone
# s over which the sockets of a process that is drained are closed: there may be some thousands, and
# the processes that take them have players of their own.
SPREAD_SECONDS = 4.0
WARN_EVERY = 60.0  # s between lines about addresses with too many sockets

Verdict = tuple[int, str]  # close code, sentence ("" for the code's own)


@dataclass(eq=False, slots=True)
class Guest:
    """An open socket, as the door knows it."""

    player: str  # "" for a stranger
    address: str  # its household's; "" where the server knows none
    verdict: Verdict | None = None  # why it is to be closed
    turn_out: Callable[[Verdict], None] | None = None  # closes it, once it is served
    quiet: Callable[[], float] = field(default=lambda: 0.0)  # s since it was last heard

    def close(self, code: int, sentence: str = "") -> None:
        """End it, now or as soon as it is served."""
        if self.verdict is None:
            self.verdict = (code, sentence)
            if self.turn_out is not None:
                self.turn_out(self.verdict)


class Admission:
    """Who is in, by address and by player."""

    def __init__(self) -> None:
        self.bans = bans.Watch(self._turn_out_the_banned)
        self.drained = False  # whether nobody more is to be let in: ask before `enter`
        self._guests: dict[Guest, None] = {}
        self._inside: dict[str, dict[Guest, None]] = {}  # by "player:…" and by "address:…"
        self._warned = -WARN_EVERY

    def enter(self, guest: Guest) -> None:
        """Let a guest in, or give it its verdict; `leave` must follow either way."""
        self._guests[guest] = None
        for key in bans.fields(guest.player, guest.address):
            self._inside.setdefault(key, {})[guest] = None
        ban = self.bans.find(guest.player, guest.address)
        if ban is not None:
            self._turn_out(guest, ban)
        elif self._is_crowded(guest):
            metrics.count("web.crowded")
            guest.close(protocol.CROWDED)

    def leave(self, guest: Guest) -> None:
        """A guest is gone."""
        del self._guests[guest]
        for key in bans.fields(guest.player, guest.address):
            del self._inside[key][guest]
            if not self._inside[key]:
                del self._inside[key]

    def _is_crowded(self, guest: Guest) -> bool:
        """Whether its address or its player has too many; the player's dead ones make room."""
        if guest.address and self._beyond(
            bans.of_address(guest.address), settings.KOGAME_SOCKETS_PER_ADDRESS
        ):
            self._warn(guest.address)
            return True
        here = guest.player and self._beyond(
            bans.of_player(guest.player), settings.KOGAME_SOCKETS_PER_PLAYER
        )
        if not here:
            return False
        quietest = max(here, key=lambda other: other.quiet())
        if quietest.quiet() < DEAD_SECONDS:
            return True
        quietest.close(protocol.SILENT)
        return False

    def _beyond(self, key: str, most: int) -> list[Guest]:
        """Who is in and may stay, where those are more than `most` (0: no limit)."""
        if not 0 < most < len(self._inside[key]):
            return []
        staying = [guest for guest in self._inside[key] if guest.verdict is None]
        return staying if len(staying) > most else []

    def _warn(self, address: str) -> None:
        if time.monotonic() - self._warned > WARN_EVERY:
            self._warned = time.monotonic()
            logger.warning(
                "%s has %d sockets open here and gets no more. If it is a proxy of yours, name it "
                "in KOGAME_TRUSTED_PROXIES; else see KOGAME_SOCKETS_PER_ADDRESS.",
                address,
                settings.KOGAME_SOCKETS_PER_ADDRESS,
            )

    # --- Draining ----------------------------------------------------------------------------
    def drain(self, drained: bool) -> None:
        """Let nobody in, and send all who are in elsewhere, spread over seconds; or take them."""
        self.drained = drained
        metrics.gauge("web.drained", int(drained))
        logger.info("This process takes %s players, as operators wish.", "no" if drained else "its")
        if drained:
            loop = asyncio.get_running_loop()
            for guest in self._guests:
                loop.call_later(random.uniform(0, SPREAD_SECONDS), self._send_on, guest)

    def _send_on(self, guest: Guest) -> None:
        if self.drained:  # else it may stay: the wish was taken back meanwhile
            guest.close(protocol.RESTARTING)

    # --- Bans --------------------------------------------------------------------------------
    def _turn_out(self, guest: Guest, ban: bans.Ban) -> None:
        metrics.count("web.banned")
        # So that an operator can ban the address, too, of one who comes back as somebody new.
        logger.info(
            "A banned player (%s) was turned out at %s.",
            guest.player,
            guest.address,
            extra={"player": guest.player},
        )
        guest.close(protocol.BANNED, ban.sentence())

    def _turn_out_the_banned(self) -> None:
        for guest in list(self._guests):
            ban = self.bans.find(guest.player, guest.address)
            if ban is not None and guest.verdict is None:
                self._turn_out(guest, ban)
