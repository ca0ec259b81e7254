"""Earlier names that take effect as the settings that took their place.

`former` has the names that no setting took the place of.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from attrs import frozen

from mix2api.settings.readers import Reader, Share, Whole


@frozen
class Alias:
    """One earlier name."""

    reader: Reader[object]
    """Reads the earlier name's own form, which may have another unit."""
    meaning: Callable[[str], Mapping[str, str]]
    """The text as the texts of today's settings; the reader has read it without an error."""
    stands_for: str
    """For the documentation and the line at the start: what it sets."""


def _sampled(share: str) -> Mapping[str, str]:
    """A share above 0 was the whole switch."""
    return {"TRACE_SAMPLING_RATE": share, "TRACE_SAMPLING_ENABLED": "true" if float(share) > 0 else "false"}


def _kept(seconds: str) -> Mapping[str, str]:
    return {"TRACE_RETENTION_MS": str(int(seconds) * 1000)}


ALIASES: Final[Mapping[str, Alias]] = {
    "MIX2API_TRACE_SAMPLE_RATE": Alias(
        Share(), _sampled, "TRACE_SAMPLING_RATE; above 0 also TRACE_SAMPLING_ENABLED"
    ),
    # The bound is that of TRACE_RETENTION_MS.
    "MIX2API_TRACE_TTL_S": Alias(Whole(1, 7 * 86_400), _kept, "TRACE_RETENTION_MS, in seconds"),
}


def with_aliases(values: Mapping[str, str]) -> dict[str, str]:
    """One source's values, with what its earlier names set. A setting's own name wins; a bad value sets nothing."""
    found = {name: text for name, text in values.items() if text.strip()}
    for name, alias in ALIASES.items():
        text = values.get(name, "").strip()
        if text and _reads(alias, text):
            found = {**alias.meaning(text), **found}
    return found


def alias_problems(*sources: Mapping[str, str]) -> Iterator[str]:
    """A line for each earlier name whose value is refused. None of them is a secret."""
    for name, alias in ALIASES.items():
        for text in _given(name, *sources):
            if not _reads(alias, text):
                shown = f"`{text}`" if text.isprintable() else ascii(text)
                yield f"{name}: {shown} is refused; allowed: {alias.reader.allowed}"


def alias_names(*sources: Mapping[str, str]) -> Iterator[str]:
    """A line for each earlier name that stands in one of these with a value."""
    for name, alias in ALIASES.items():
        if any(_given(name, *sources)):
            yield f"{name} is an earlier name; it sets {alias.stands_for}, unless that is set by its own name"


def _given(name: str, *sources: Mapping[str, str]) -> Iterator[str]:
    return (text for values in sources if (text := values.get(name, "").strip()))


def _reads(alias: Alias, text: str) -> bool:
    try:
        alias.reader.read(text)
    except ValueError:
        return False
    return True
