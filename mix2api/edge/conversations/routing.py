"""Routes of the conversations API, and what their handlers are given and give."""

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Final

from attrs import field, frozen

from mix2api.edge.request import Line
from mix2api.errors import InvalidRequest, MethodNotAllowed, NotFound
from mix2api.vocabulary import Digest
from mix2api.wire.object_fields import ObjectFields, wrong

PAGE: Final = 50
"""Entries of a page, where the caller does not say."""
PAGE_MAX: Final = 200
_PARAMETER: Final = re.compile(r"\{(\w+)\}")


@frozen(kw_only=True)
class Asked:
    """One request."""

    caller: Digest
    """Fingerprint of its credential: everything is looked up within it."""
    request_id: str
    path: Mapping[str, str]
    """The parameters in the path."""
    query: Mapping[str, str] = field(repr=False)
    body: ObjectFields = field(repr=False)
    """Empty for methods without a body."""
    headers: Mapping[bytes, bytes] = field(factory=dict, repr=False)
    line: Line | None = None
    """Takes an answer that comes in pieces."""

    def number(self, name: str, default: int, least: int, most: int) -> int:
        """A whole number of the query.

        Raises:
            InvalidRequest: it is something else, or out of bounds.
        """
        said = self.query.get(name)
        if said is None:
            return default
        if (
            not said.isascii()
            or not said.isdigit()
            or len(said) > len(str(most))
            or not least <= int(said) <= most
        ):
            raise wrong(name, f"a whole number from {least} to {most}")
        return int(said)

    def page_size(self) -> int:
        """`limit`.

        Raises:
            InvalidRequest: it is no number, or out of bounds.
        """
        return self.number("limit", PAGE, 1, PAGE_MAX)

    def is_set(self, name: str) -> bool:
        """Whether the query or the body says `true`.

        Raises:
            InvalidRequest: it says something else than `true` or `false`.
        """
        said = self.query.get(name)
        if said not in {None, "true", "false"}:
            raise wrong(name, "true or false")
        return said == "true" or self.body.flag(name)


@frozen
class Answer:
    """What a handler gives."""

    data: Any = field(repr=False)
    status: int = 200


@frozen
class Streamed:
    """The handler has sent the answer itself, in pieces."""


Handler = Callable[[Asked], Awaitable[Answer | Streamed]]


@frozen
class Route:
    """One method of one path."""

    method: str
    template: str
    """Such as `/api/plans/{planId}`."""
    handler: Handler = field(repr=False)
    pattern: re.Pattern[str] = field(init=False, repr=False)

    @pattern.default
    def _pattern(self) -> re.Pattern[str]:
        parts = _PARAMETER.split(self.template)
        named = (f"(?P<{part}>[^/]+)" if place % 2 else re.escape(part) for place, part in enumerate(parts))
        return re.compile("".join(named))


class Routes:
    """All routes.

    Args:
        routes: the first one that matches is taken.
    """

    def __init__(self, routes: Iterable[Route]) -> None:
        self.all = tuple(routes)
        """In the order in which they are tried."""

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]]:
        """The route of a request, and the parameters in its path.

        Raises:
            NotFound: there is no such path.
            MethodNotAllowed: the path has other methods.
        """
        methods: list[str] = []
        for route in self.all:
            found = route.pattern.fullmatch(path.removesuffix("/"))
            if found is not None and route.method == method:
                return route, found.groupdict()
            if found is not None:
                methods.append(route.method)
        if methods:
            allowed = tuple(sorted(methods))
            raise MethodNotAllowed(
                f"This route does not take that method, but {', '.join(allowed)}.", allowed=allowed
            )
        raise NotFound("There is no such route below /api.")


def unknown(what: str, param: str) -> NotFound:
    """The error for an id that the caller has nothing under, be it that another has."""
    return NotFound(f"You have no such {what}.", param=param, code=f"{what}_not_found")


def repeated(name: str) -> InvalidRequest:
    """The error for a parameter that stands twice in the query."""
    return wrong(name, "given once")
