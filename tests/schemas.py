"""A schema of tomorrow, as the next version of the code would have it beside today's."""

from mix2api.events.kinds import KINDS
from mix2api.events.versions import CURRENT, SNAPSHOT, Cast, Fields, Schema, unchanged

TODAY = CURRENT
_SAME: dict[tuple[str, int], Cast] = {(kind, TODAY.version): unchanged for kind in (*KINDS, SNAPSHOT)}


def _raised(fields: Fields) -> Fields:
    return fields | {"total_ms": 2 * fields["total_ms"]}


def _lowered(fields: Fields) -> Fields:
    return fields | {"total_ms": fields["total_ms"] // 2}


TOMORROW = Schema(
    version=TODAY.version + 1,
    upcasts=_SAME | {("end", TODAY.version): _raised},
    downcasts=_SAME | {("end", TODAY.version): _lowered},
)
"""Counts an `end`'s duration in half milliseconds, so that its number tells whether an entry was cast."""
