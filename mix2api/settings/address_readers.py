"""How addresses and header fields are read from settings, in the way of `mix2api.settings.readers`."""

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

import msgspec
from attrs import frozen

from mix2api.settings.readers import HeaderText, Names


@frozen
class HttpUrl:
    """An absolute http or https URL without user and fragment; a slash at its end is dropped."""

    query: bool = False
    """May have a query."""

    @property
    def allowed(self) -> str:
        """The parts."""
        without = "user and fragment" if self.query else "user, query and fragment"
        return f"an http:// or https:// URL with a host, without {without}"

    def read(self, text: str) -> str:
        """The URL."""
        parts = urlsplit(text)
        port_is_good = parts.port is None or parts.port > 0  # .port raises ValueError by itself over 65535
        is_plain = not parts.fragment and "@" not in parts.netloc and (self.query or not parts.query)
        if parts.scheme not in {"http", "https"} or not parts.hostname or not is_plain or not port_is_good:
            raise ValueError(text)
        if re.search(r"\s", text):
            raise ValueError(text)
        return text.rstrip("/")


@frozen
class RedisUrl:
    """A URL with one of Redis's schemes; its parts are read, and told apart, by the store."""

    allowed: str = (
        "a redis://, rediss://, unix://, redis+sentinel://, rediss+sentinel://, redis+cluster:// or "
        "rediss+cluster:// URL"
    )

    def read(self, text: str) -> str:
        """The URL."""
        if re.fullmatch(r"(rediss?(\+sentinel|\+cluster)?|unix)://[^\s]+", text) is None:
            raise ValueError("not a Redis URL")
        return text


@frozen
class UrlPath:
    """The path of a URL."""

    allowed: str = "a path such as /v2/chats"

    def read(self, text: str) -> str:
        """The path, with a slash at its beginning."""
        if re.fullmatch(r"[^\s?#]*", text) is None or "://" in text:
            raise ValueError(text)
        return text if text.startswith("/") else f"/{text}"


@frozen
class HeaderName:
    """The name of an HTTP header (RFC 9110, "token")."""

    allowed: str = "the name of an HTTP header"

    def read(self, text: str) -> str:
        """The name in lower case."""
        if re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}", text) is None:
            raise ValueError(text)
        return text.lower()


_FRAMING: Final = frozenset({"host", "content-length", "transfer-encoding", "accept-encoding", "connection"})
"""Header fields that the HTTP client sets by itself."""


@frozen
class HeaderMap:
    """HTTP header fields as a JSON object of texts."""

    allowed: str = "a JSON object of header names and texts, without those that frame a request"

    def read(self, text: str) -> Mapping[str, str]:
        """The fields, their names in lower case."""
        given = msgspec.json.decode(text, type=dict[str, str])
        fields = {HeaderName().read(name): HeaderText().read(value) for name, value in given.items()}
        if len(fields) != len(given) or _FRAMING & fields.keys():
            raise ValueError("twice, or not to be set")
        return fields


_LABELS: Final = r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*"
_HOST_PATTERN: Final = re.compile(rf"(\*|(\*\.)?{_LABELS}|\[[0-9a-f:.]+\])(:[0-9]{{1,5}})?")
_ORIGIN: Final = re.compile(rf"[a-z][a-z0-9+.-]*://({_LABELS}|\[[0-9a-f:.]+\])(:[0-9]{{1,5}})?")


@frozen
class HostPatterns:
    """Hosts by comma, with wildcards for whole labels at the front and with ports."""

    allowed: str = "hosts separated by commas, each with or without a port: api.example.com, *.example.com, 10.0.0.1:8080, [::1], or *"

    def read(self, text: str) -> tuple[str, ...]:
        """The patterns in lower case."""
        patterns = tuple(pattern.lower() for pattern in Names().read(text))
        if not all(map(_HOST_PATTERN.fullmatch, patterns)):
            raise ValueError(text)
        return patterns


@frozen
class Origins:
    """Origins of web pages by comma (RFC 6454, 6.2)."""

    allowed: str = "origins separated by commas, each a scheme, a host and perhaps a port: https://chat.example.com, http://localhost:5173, or *"

    def read(self, text: str) -> tuple[str, ...]:
        """The origins in lower case, without a slash at their end."""
        origins = tuple(origin.lower().rstrip("/") for origin in Names().read(text))
        if not all(origin == "*" or _ORIGIN.fullmatch(origin) for origin in origins):
            raise ValueError(text)
        return origins
