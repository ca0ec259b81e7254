"""Schema versions of the log: how fields go up to a newer version and down to an older one, and which one is written.

Expand, then switch: a version that can read more is rolled out first and goes on writing what all others read; once
the last process of the older version is gone, it writes its own. Additive changes need no version.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from attrs import frozen

from mix2api.events.kinds import SCHEMA_VERSION

Fields = dict[str, Any]
Cast = Callable[[Fields], Fields]
"""A pure function from one version's fields to the next one's, up or down."""

SNAPSHOT: Final = "snapshot"
"""Folded states are cast by the same tables, under this name beside those of the kinds."""


@frozen
class Schema:
    """What one version of the code reads and writes.

    Both tables are keyed by kind and by the *older* of the two versions that a cast lies between, and have a row for
    every kind and step: a change that leaves a kind as it was says so with `unchanged`.
    """

    version: int
    """The highest that it reads, and writes if all others read it."""
    upcasts: Mapping[tuple[str, int], Cast]
    downcasts: Mapping[tuple[str, int], Cast]

    def raised(self, kind: str, fields: Fields, written_in: int) -> Fields:
        """Fields of an older version as this one has them.

        Raises:
            KeyError: there is no such version.
        """
        for older in range(written_in, self.version):
            fields = self.upcasts[kind, older](fields)
        return fields

    def lowered(self, kind: str, fields: Fields, version: int) -> Fields:
        """This version's fields as an older one has them."""
        for older in range(self.version - 1, version - 1, -1):
            fields = self.downcasts[kind, older](fields)
        return fields

    def to_write(self, read_by_others: Iterable[int]) -> int:
        """The highest version that this code and all other live processes read."""
        return min((self.version, *read_by_others))


def unchanged(fields: Fields) -> Fields:
    """The cast of a kind that a new version left as it was."""
    return fields


CURRENT: Final = Schema(version=SCHEMA_VERSION, upcasts={}, downcasts={})
"""This code's. The tables are empty while there is one version."""
