"""What `mix2api audit` must say of a store after all trials, and what it says."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from attrs import define, field
from cases import Case
from clients import Client
from systems import System

from mix2api.vocabulary import EndReason

_NONE_OF = ("open", "orphans", "unknown", "unreadable", "refused_store_away")


@define
class Expected:
    """Counts the runs that the trials made."""

    runs: Counter[tuple[str, str, bool]] = field(factory=Counter)
    """By client, end reason and stream."""

    def add(self, case: Case, client: Client) -> None:
        """A case was tried with a client."""
        for line in case.lines:
            if line.accepted:
                self.runs[client.known_as.value, line.end_reason.value, case.stream] += 1

    @property
    def has_stayed(self) -> bool:
        """Whether there was a stream whose client stayed."""
        return any(stream and end_reason != EndReason.CLIENT_ABORT for _, end_reason, stream in self.runs)


async def audit_findings(system: System, expected: Expected) -> list[str]:
    """What the audit of a system's store says that it should not."""
    code, output = await system.command("audit", "--json", "--by", "client,end_reason,stream")
    if code != 0:
        return [f"audit: exit code {code}"]
    return list(_wrong(msgspec.json.decode(output), expected))


def _wrong(audit: dict[str, Any], expected: Expected) -> Iterator[str]:
    runs = expected.runs.total()
    should_be = dict.fromkeys(_NONE_OF, 0) | {
        "requests": runs,
        "ended": runs,
        "coverage": 1.0 if runs else None,
        "done_coverage": 1.0 if expected.has_stayed else None,
    }
    for name, value in should_be.items():
        if audit[name] != value:
            yield f"audit: {name} is {audit[name]} instead of {value}"
    counted = Counter({_key(group): group["requests"] for group in audit["groups"]})
    yield from _more("too many", counted - expected.runs)
    yield from _more("missing", expected.runs - counted)


def _key(group: dict[str, Any]) -> tuple[str, str, bool]:
    by = group["by"]
    return by["client"], by["end_reason"], by["stream"]


def _more(what: str, counts: Counter[tuple[str, str, bool]]) -> Iterable[str]:
    for (client, end_reason, stream), count in counts.items():
        yield f"audit: {count} {what} of {client} {end_reason} {'streamed' if stream else 'whole'}"
