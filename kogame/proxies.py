"""Which forwarded headers to believe: those of the proxies that KOGAME_TRUSTED_PROXIES names."""

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any

FORWARDED = (b"forwarded", b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host")


class Proxies:
    """The networks whose word counts; raises ValueError for one that is not an address."""

    def __init__(self, networks: Iterable[str]) -> None:
        self.networks: list[IPv4Network | IPv6Network] = [ip_network(n) for n in networks]

    def trusts(self, address: str) -> bool:
        """Whether an address is a proxy of ours."""
        try:
            ip = ip_address(address)
        except ValueError:
            return False
        return any(ip in network for network in self.networks)

    def apply(self, scope: dict[str, Any]) -> None:
        """Put the visitor's own address and scheme into a scope, or drop claims of a stranger.

        Without this, anyone could send X-Forwarded-Proto and pass for a secure request, or another
        address in each request and escape every limit.
        """
        client = scope.get("client")
        if client is None or not self.trusts(client[0]):
            scope["headers"] = [h for h in scope["headers"] if h[0] not in FORWARDED]
            return
        claims = dict(scope["headers"])
        if visitor := self._visitor(claims.get(b"x-forwarded-for", b"").decode("latin1")):
            scope["client"] = [visitor, 0]
        if claims.get(b"x-forwarded-proto") == b"https":
            scope["scheme"] = "wss" if scope["type"] == "websocket" else "https"

    def _visitor(self, chain: str) -> str | None:
        """The nearest address that is not ours: proxies append, so what is left of it may lie."""
        for hop in reversed([part.strip() for part in chain.split(",") if part.strip()]):
            if not self.trusts(hop):
                try:
                    return str(ip_address(hop))
                except ValueError:
                    return None
        return None
