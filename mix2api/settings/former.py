"""Names that have no setting any more, most of them the earlier adapter's, and what is to be done about each.

A row is a line at the start for whoever still sets the name (`docs/migrating.md`). `aliases` has the names that still count.
"""

from collections.abc import Iterator, Mapping
from typing import Final

_QUERY_HISTORY: Final = (
    "has no effect: with INCLUDE_CONTEXT_IN_QUERY the query has the whole history, cut to QUERY_MAX_CHARS"
)
FORMER: Final[Mapping[str, str]] = {
    "CONTEXT_MAX_TURNS": _QUERY_HISTORY,
    "CONTEXT_MAX_CHARS": _QUERY_HISTORY,
    "CONTEXT_USER_MAX_CHARS": _QUERY_HISTORY,
    "CONTEXT_ASST_MAX_CHARS": _QUERY_HISTORY,
    "CONTEXT_SMART_COMPRESS": _QUERY_HISTORY,
    "CONTEXT_PRESERVE_TOOL_CHAINS": _QUERY_HISTORY,
    "TRACE_CLEANUP_INTERVAL_MS": "has no effect: Redis removes each trace at its own TRACE_RETENTION_MS (ADR 67)",
}
"""Name -> what follows it in the line."""


def former_names(*given: Mapping[str, str]) -> Iterator[str]:
    """A line for each such name that stands in one of these with a value."""
    for name, advice in FORMER.items():
        if any(values.get(name, "").strip() for values in given):
            yield f"{name} {advice}"
