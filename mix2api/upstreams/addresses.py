"""Whether an IP address is one of the public internet. Pure.

Python's own `is_global` is the start of it; multicast is global to it, and so are IPv6 forms that lead to an IPv4 address
which is not (mapped, 6to4, Teredo, NAT64).
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

_GLOBAL_UNICAST: Final = IPv6Network("2000::/3")
"""RFC 4291, 2.4, as assigned by IANA: everything else is special, or not in use yet."""
_NAT64: Final = IPv6Network("64:ff9b::/96")
"""RFC 6052: what resolvers of networks without IPv4 give for hosts that have nothing else."""

_NOT_SERVERS: Final = (IPv4Network("192.0.0.0/24"), IPv4Network("192.88.99.0/24"))
"""Protocol assignments (RFC 6890), of which Python takes two for global, and the dead 6to4 anycast (RFC 7526)."""


def is_public(address: str) -> bool:
    """Whether a connection to it leaves for the internet; False for what is no address."""
    try:
        ip = ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, IPv4Address):
        return ip.is_global and not ip.is_multicast and not any(ip in network for network in _NOT_SERVERS)
    if ip.ipv4_mapped is not None or ip in _NAT64:
        return is_public(str(IPv4Address(int(ip) & 0xFFFF_FFFF)))
    return ip in _GLOBAL_UNICAST and ip.is_global and all(map(is_public, _tunnels_to(ip)))


def is_somewhere(address: str) -> bool:
    """Whether one host can be reached there at all, a private one perhaps: neither `0.0.0.0` nor multicast."""
    try:
        ip = ip_address(address)
    except ValueError:
        return False
    return not (ip.is_unspecified or ip.is_multicast)


def _tunnels_to(ip: IPv6Address) -> list[str]:
    """The IPv4 addresses that are packed into an IPv6 one."""
    packed = [ip.sixtofour, *(ip.teredo or ())]
    return [str(address) for address in packed if address is not None]
