"""The base URLs that requests choose: what may be chosen, and the addresses that alone are then connected to.

A name is resolved once. Its addresses are checked here and travel with the turn, and the connection goes to one of them,
with the name kept for TLS and `host`: a name that changes its address after the check (DNS rebinding) changes nothing.
The edge checks, because it answers the caller; the worker checks again, because the credential is its own.
"""

import re
from contextlib import AbstractAsyncContextManager
from typing import Final

import trio
from attrs import frozen

from mix2api.errors import InvalidRequest
from mix2api.upstreams.addresses import is_public, is_somewhere
from mix2api.upstreams.http.origin import Origin, split_url
from mix2api.upstreams.port import Upstream, UpstreamCall, UpstreamStream
from mix2api.wire.turn import AskedBase, ChosenBase

_URL: Final = re.compile(r"[!-~]{1,2048}")
"""Visible ASCII: what URL parsers drop or turn (white space, control characters) is refused before they see it."""
_NAME: Final = re.compile(r"[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?")
_LOOKUPS: Final = 16
"""At once: lookups hold threads, of which trio has 40 for everything, and callers choose how slow they are."""


@frozen(kw_only=True)
class BaseUrlOptions:
    """What a deployment allows."""

    allowlist: tuple[str, ...] = ("*",)
    """Hosts in lower case, each perhaps with `*.` before it or a port behind it; `*` is any."""
    allow_http: bool = False
    allow_private: bool = False
    refusal: str = ""
    """Why nothing at all may be chosen; empty if something may."""
    lookup_s: float = 10.0


class BaseNotAllowed(Exception):
    """An edge let a request choose what the worker's own settings do not allow: the two are to be the same."""


class BaseUrls:
    """Checks what requests choose.

    Args:
        options: see there.
    """

    def __init__(self, options: BaseUrlOptions) -> None:
        self._options = options
        self._lookups = trio.CapacityLimiter(_LOOKUPS)

    async def chosen(self, asked: AskedBase) -> ChosenBase:
        """The base URL with the addresses of its host.

        Raises:
            InvalidRequest: it may not be chosen (400). The text does not tell what a host's name resolves to.
        """
        options = self._options
        if options.refusal:
            raise _refused(asked, options.refusal)
        origin, path = _parsed(asked)
        objection = _objection(origin, options)
        if objection:
            raise _refused(asked, objection)
        addresses = await self._addresses(origin)
        if not _are_allowed(addresses, options):
            raise _refused(asked, "its host has no address that may be connected to")
        host = origin.host_header
        return ChosenBase(url=f"{origin.scheme}://{host}{path}", host=host, addresses=addresses)

    async def _addresses(self, origin: Origin) -> tuple[str, ...]:
        """All addresses of a host, family by family as the system prefers, sorted within: equal for equal hosts."""
        with trio.move_on_after(self._options.lookup_s):
            async with self._lookups:
                try:
                    found = await trio.socket.getaddrinfo(
                        origin.host, origin.port, type=trio.socket.SOCK_STREAM
                    )
                except (OSError, UnicodeError):
                    return ()
            families = list(dict.fromkeys(family for family, *_ in found))
            places = {(families.index(family), str(address[0])) for family, _, _, _, address in found}
            return tuple(address for _, address in sorted(places))
        return ()


class CheckedUpstream:
    """The port `mix2api.upstreams.port.Upstream` around another one, which only gets calls that may go where they want.

    Args:
        inner: puts the calls.
        options: what the worker's deployment allows.
    """

    def __init__(self, inner: Upstream, options: BaseUrlOptions) -> None:
        self._inner = inner
        self._options = options

    def open(self, call: UpstreamCall) -> AbstractAsyncContextManager[UpstreamStream]:
        """Puts the call.

        Raises:
            BaseNotAllowed: it chose an upstream that it may not have from here. Nothing was sent.
        """
        if call.turn.base is not None:
            self._check(call.turn.base)
        return self._inner.open(call)

    def _check(self, base: ChosenBase) -> None:
        origin, _ = split_url(base.url)
        objection = self._options.refusal or _objection(origin, self._options)
        if objection or not _are_allowed(base.addresses, self._options):
            raise BaseNotAllowed


def _objection(origin: Origin, options: BaseUrlOptions) -> str:
    """Why a place may not be chosen, whatever its addresses; empty if it may."""
    if origin.scheme == "http" and not options.allow_http:
        return "it must begin with https://"
    if not any(_matches(origin, pattern) for pattern in options.allowlist):
        return "its host is not on the list of those that may be chosen"
    return ""


def _are_allowed(addresses: tuple[str, ...], options: BaseUrlOptions) -> bool:
    """Whether a host may be connected to. One bad address is enough: a name that leads to both sides gets neither."""
    wanted = is_somewhere if options.allow_private else is_public
    return bool(addresses) and all(map(wanted, addresses))


def _parsed(asked: AskedBase) -> tuple[Origin, str]:
    if _URL.fullmatch(asked.url) is None:
        raise _refused(asked, "it is not a URL of ASCII characters")
    try:
        origin, path = split_url(asked.url)
    except ValueError:
        raise _refused(
            asked,
            "it must be an http(s) URL with a host and perhaps a port from 1 to 65535, without user, query and fragment",
        ) from None
    host = origin.host.rstrip(".").lower()
    if ":" not in host and _NAME.fullmatch(host) is None:
        raise _refused(asked, "its host is not a name")
    return Origin(origin.scheme, host, origin.port), path


def _matches(origin: Origin, pattern: str) -> bool:
    host = f"[{origin.host}]" if ":" in origin.host else origin.host
    name, colon, port = pattern.rpartition(":") if not pattern.endswith("]") else (pattern, "", "")
    if not colon:
        name, port = pattern, ""
    if port and port != str(origin.port):
        return False
    return name in {"*", host} or (name.startswith("*.") and host.endswith(name[1:]))


def _refused(asked: AskedBase, why: str) -> InvalidRequest:
    return InvalidRequest(
        f"The upstream's base URL in '{asked.param}' is refused: {why}.",
        param=asked.param,
        code="upstream_base_refused",
    )
