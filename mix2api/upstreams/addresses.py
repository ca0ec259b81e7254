"""Whether an IP address is one of the public internet. Pure.

Python's own `is_global` is the start of it, and it changed within minor versions. What it has taken for global now and then is
listed here: multicast, addresses of protocols, and IPv6 forms that lead to an IPv4 address which is not.
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_address
from typing import Final

_GLOBAL_UNICAST: Final = IPv6Network("2000::/3")
"""RFC 4291, 2.4, as assigned by IANA: everything else is special, or not in use yet."""
_NAT64: Final = IPv6Network("64:ff9b::/96")
"""RFC 6052: what resolvers of networks without IPv4 give for hosts that have nothing else."""
_NO_SERVERS_V4: Final = (IPv4Network("192.0.0.0/24"), IPv4Network("192.88.99.0/24"))
"""Protocol assignments (RFC 6890), and the relays that 6to4 had (RFC 7526)."""
_NO_SERVERS_V6: Final = (IPv6Network("2001::/23"), IPv6Network("2002::/16"))
"""Protocol assignments, Teredo among them (RFC 6890), and 6to4 (RFC 3056): tunnels that may lead anywhere."""


def is_public(address: str) -> bool:
    """Whether a connection to it leaves for the internet; False for what is no address."""
    try:
        ip = ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, IPv4Address):
        return ip.is_global and not ip.is_multicast and not any(ip in network for network in _NO_SERVERS_V4)
    if ip.ipv4_mapped is not None or ip in _NAT64:
        return is_public(str(IPv4Address(int(ip) & 0xFFFF_FFFF)))
    return ip.is_global and ip in _GLOBAL_UNICAST and not any(ip in network for network in _NO_SERVERS_V6)


def is_somewhere(address: str) -> bool:
    """Whether one host can be reached there at all, a private one perhaps: neither `0.0.0.0` nor multicast."""
    try:
        ip = ip_address(address)
    except ValueError:
        return False
    return not (ip.is_unspecified or ip.is_multicast)
