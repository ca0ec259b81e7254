"""What the address of a page asks for: a time, filters, a word, a mark. An address holds all of it, so that it can be shared."""

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode

from attrs import field, frozen

from mix2api.projections.run_search import FAILED, Mark, RunFilter
from mix2api.vocabulary import Channel, EndReason

RANGES: Final[Mapping[str, int]] = {"15m": 900_000, "1h": 3_600_000, "6h": 21_600_000, "24h": 86_400_000}
"""Name -> milliseconds back from now."""
_REASONS: Final = frozenset({*(reason.value for reason in EndReason), FAILED})
_CHANNELS: Final = frozenset(channel.value for channel in Channel)
_WORD: Final = re.compile(r"[A-Za-z0-9._:-]{0,128}")
"""What a request id may have in it; run and session ids have the same characters."""
_NAME: Final = re.compile(r"[^\x00-\x1f]{1,256}")
_MARK: Final = re.compile(r"([0-9]{1,15})-([A-Za-z0-9._:-]{1,128})")
_TIME: Final = re.compile(r"[0-9]{1,13}")
"""Unix milliseconds until the year 2286."""
_SPAN_MS: Final = 400 * 86_400_000
"""Of a chosen time: as long as the log may keep anything."""


class BadQuery(ValueError):
    """A value in the address that is not allowed; its text is the field's name."""


@frozen(kw_only=True)
class Asked:
    """One address, understood."""

    range: str | None
    """A name of `RANGES`. None: the time was chosen."""
    wanted: RunFilter
    after: Mark | None
    given: Mapping[str, str] = field(factory=dict)
    """Its parameters as they stood there, the mark left out: for links that keep them."""

    def link(self, path: str, **changed: str | None) -> str:
        """An address with the same parameters but these; None takes one away."""
        return address(path, {**self.given, **changed})


def address(path: str, parameters: Mapping[str, str | None]) -> str:
    """A path with those parameters that have a value."""
    said = urlencode({name: value for name, value in parameters.items() if value})
    return f"{path}?{said}" if said else path


def asked_of(arguments: Mapping[str, str], now_ms: int, standing: str) -> Asked:
    """Understands the parameters of an address.

    Args:
        arguments: the parameters.
        now_ms: until when a range reaches: Unix milliseconds on the store's clock.
        standing: the range of an address that names none.

    Raises:
        BadQuery: a value is not allowed.
    """
    given = {name: value.strip() for name, value in arguments.items() if name in _READ and value.strip()}
    chosen = "since" in given or "until" in given
    name = None if chosen else given.get("range", standing)
    if name is not None and name not in RANGES:
        raise BadQuery("range")
    since_ms, until_ms = _chosen(given, now_ms) if name is None else (now_ms - RANGES[name], now_ms + 1)
    wanted = RunFilter(
        reasons=_words(given, "reason", _REASONS),
        channels=_words(given, "channel", _CHANNELS),
        clients=_names(given, "client"),
        models=_names(given, "model"),
        accounts=_names(given, "account"),
        since_ms=since_ms,
        until_ms=until_ms,
        word=_word(given.get("word", "")),
    )
    after = _mark(given.pop("after", None))
    return Asked(range=name, wanted=wanted, after=after, given=given)


_READ: Final = frozenset(
    {"range", "since", "until", "reason", "channel", "client", "model", "account", "word", "after"}
)


def _chosen(given: Mapping[str, str], now_ms: int) -> tuple[int, int]:
    times = []
    for name, default in (("since", 0), ("until", now_ms + 1)):
        said = given.get(name, str(default))
        if _TIME.fullmatch(said) is None:
            raise BadQuery(name)
        times.append(int(said))
    since_ms, until_ms = times
    if since_ms >= until_ms:
        raise BadQuery("since")
    return max(since_ms, until_ms - _SPAN_MS), until_ms


def _words(given: Mapping[str, str], name: str, words: frozenset[str]) -> frozenset[str]:
    said = given.get(name)
    if said is None:
        return frozenset()
    if said not in words:
        raise BadQuery(name)
    return frozenset({said})


def _names(given: Mapping[str, str], name: str) -> frozenset[str]:
    said = given.get(name)
    if said is None:
        return frozenset()
    if _NAME.fullmatch(said) is None:
        raise BadQuery(name)
    return frozenset({said})


def _word(said: str) -> str:
    if _WORD.fullmatch(said) is None:
        raise BadQuery("word")
    return said


def _mark(said: str | None) -> Mark | None:
    if said is None:
        return None
    found = _MARK.fullmatch(said)
    if found is None:
        raise BadQuery("after")
    return Mark(int(found[1]), found[2])


def mark_word(mark: Mark) -> str:
    """A mark as it stands in an address."""
    return f"{mark.at_ms}-{mark.mark}"
