"""Where a request goes: scheme, host and port, taken from a URL."""

from typing import Final
from urllib.parse import urlsplit

from attrs import field, frozen

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


@frozen
class Origin:
    """What connections are pooled by (RFC 9110, 4.3.1)."""

    scheme: str
    """`http` or `https`."""
    host: str
    """A name, in IDNA's ASCII form, or an address; IPv6 without brackets."""
    port: int
    addresses: tuple[str, ...] = ()
    """The only ones that may be connected to, in the order in which they are tried; none: what the host resolves to."""

    host_header: str = field(init=False, repr=False, eq=False)
    """The `host` field: with brackets around IPv6, without the scheme's own port."""

    @host_header.default
    def _host_header(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"


def split_url(url: str) -> tuple[Origin, str]:
    """An `http(s)` URL as origin and path, the path without its last slash and perhaps empty.

    Raises:
        ValueError: not an `http(s)` URL with a host, or one with user, query or fragment; the text never quotes it.
    """
    parts = urlsplit(url)
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        raise ValueError("a base URL starts with http:// or https:// and names a host")
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError("a base URL has no user, query or fragment")
    if parts.port == 0:
        raise ValueError("a base URL's port is between 1 and 65535")
    host = parts.hostname.encode("idna").decode("ascii")
    return Origin(parts.scheme, host, parts.port or _DEFAULT_PORTS[parts.scheme]), parts.path.rstrip("/")
