"""Whose address an address is: limits and bans are for a household, not for one of its numbers."""

from ipaddress import IPv6Address, ip_address

from django.http import HttpRequest

IPV6_PREFIX = 64  # bits: the smallest network a provider hands out, with 2**64 addresses in it


def household(address: str | None) -> str:
    """The address itself, of IPv6 the first of its network; "" when there is none."""
    try:
        ip = ip_address(address or "")
    except ValueError:
        return ""
    if not isinstance(ip, IPv6Address):
        return str(ip)
    if ip.ipv4_mapped:
        return str(ip.ipv4_mapped)
    return str(IPv6Address(int(ip) >> IPV6_PREFIX << IPV6_PREFIX))


def of_request(request: HttpRequest) -> str | None:
    """The household a request comes from; None where the server does not know."""
    return household(request.META.get("REMOTE_ADDR")) or None
