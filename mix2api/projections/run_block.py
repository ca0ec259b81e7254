"""Ended runs of ten seconds in arrays: some 140 bytes a run, so that a process can hold a million of them.

What many runs have in common (`RunKind`) is kept once, by the index, and stands here as a number. Ids stand as text, one
line a run, so that a word is found by one search over the block.
"""

import re
from array import array
from collections.abc import Sequence
from functools import cached_property
from typing import Final, NamedTuple

from attrs import define, field

BLOCK_MS: Final = 10_000
"""25 hours are 9,000 blocks. A block of a deployment that ends 1,000 runs a second is put in order in some 10 ms."""
NEVER: Final = 0xFFFFFFFF
"""A time that there is none of; also what a longer time than 49 days is cut to."""
_SPACE: Final = re.compile(r"\s")
BINS: Final = 64
"""Of a histogram of times; see `bin_of`."""


class RunKind(NamedTuple):
    """What many runs have in common."""

    reason: str
    """The `EndReason` that the client was told, if it was told one; else the log's."""
    detail: str | None
    client: str
    model: str
    """A configured name; `#` for every other one."""
    channel: str
    account: str | None
    """That served the run. None: the upstream is no pool, or an older process wrote the entry."""
    seen: str
    """How the client's ending compares with the log's (`mix2api.projections.endings.Seen`); `refused` of a refused request."""


class RunRow(NamedTuple):
    """One run, or one request that was refused before a run began."""

    at_ms: int
    """When it ended, Unix milliseconds on the store's clock."""
    kind: RunKind
    request_id: str
    run_id: str
    """Empty: the request was refused before a run began."""
    session_id: str
    total_ms: int | None
    first_ms: int | None

    @property
    def mark(self) -> str:
        """Tells it from others of the same millisecond."""
        return self.run_id or self.request_id


class RunTimes(NamedTuple):
    """The times of one run, in milliseconds. None: not known."""

    total_ms: int | None
    first_ms: int | None


class RunIds(NamedTuple):
    """The ids of one run; see `RunRow`."""

    request_id: str
    run_id: str
    session_id: str


def bin_of(ms: int) -> int:
    """The bin of a time in a histogram. Two bins are a factor of two: 1 ms is bin 0, and the last one begins at 37 days."""
    if ms < 1:
        return 0
    half = ms.bit_length() - 1
    upper = half > 0 and ms >> (half - 1) & 1
    return min(BINS - 1, 2 * half + int(upper))


def bin_bounds(number: int) -> tuple[float, float]:
    """Where a bin begins and ends, in milliseconds."""
    half, upper = divmod(number, 2)
    begins = 2.0**half * (1.5 if upper else 1.0)
    return (0.0 if number == 0 else begins), 2.0**half * (2.0 if upper else 1.5)


@define(eq=False, slots=False)
class RunBlock:
    """The runs that ended within ten seconds, in the order in which they were read."""

    number: int
    """Since 1970."""
    at_ms: "array[int]" = field(factory=lambda: array("Q"), init=False)
    kinds: "array[int]" = field(factory=lambda: array("H"), init=False)
    total_ms: "array[int]" = field(factory=lambda: array("I"), init=False)
    first_ms: "array[int]" = field(factory=lambda: array("I"), init=False)
    places: "array[int]" = field(factory=lambda: array("I"), init=False)
    """Where each run's line begins in `ids`."""
    ids: bytearray = field(factory=bytearray, init=False)
    counts: dict[int, int] = field(factory=dict, init=False)
    """Kind -> runs."""
    totals: "array[int]" = field(factory=lambda: array("I", bytes(4 * BINS)), init=False)
    """The histogram of `total_ms`."""
    firsts: "array[int]" = field(factory=lambda: array("I", bytes(4 * BINS)), init=False)

    def __len__(self) -> int:
        return len(self.kinds)

    def add(self, at_ms: int, kind: int, ids: RunIds, times: RunTimes) -> int:
        """Adds a run, and gives its place."""
        place = len(self.kinds)
        self.at_ms.append(at_ms)
        self.kinds.append(kind)
        self.counts[kind] = self.counts.get(kind, 0) + 1
        self.total_ms.append(_counted(times.total_ms, self.totals))
        self.first_ms.append(_counted(times.first_ms, self.firsts))
        self.places.append(len(self.ids))
        self.ids += " ".join(map(_one_word, ids)).encode("utf-8", "replace") + b"\n"
        self.__dict__.pop("newest_first", None)
        return place

    def change_kind(self, place: int, kind: int) -> None:
        """Gives a run another kind: its receipt was read."""
        before = self.kinds[place]
        self.kinds[place] = kind
        self.counts[kind] = self.counts.get(kind, 0) + 1
        self.counts[before] -= 1
        if not self.counts[before]:
            del self.counts[before]

    @cached_property
    def newest_first(self) -> "array[int]":
        """The places of all runs: the latest first, and by their marks within a millisecond."""
        keys = [(at_ms, self.mark(place)) for place, at_ms in enumerate(self.at_ms)]
        return array("I", sorted(range(len(keys)), key=keys.__getitem__, reverse=True))

    def mark(self, place: int) -> str:
        """`RunRow.mark` of the run at that place."""
        ids = self.ids_of(place)
        return ids.run_id or ids.request_id

    def ids_of(self, place: int) -> RunIds:
        """The ids of the run at that place."""
        ends = self.places[place + 1] if place + 1 < len(self.places) else len(self.ids)
        return RunIds(*self.ids[self.places[place] : ends - 1].decode().split(" "))

    def row(self, place: int, kind: RunKind) -> RunRow:
        """The run at that place."""
        return RunRow(
            self.at_ms[place],
            kind,
            *self.ids_of(place),
            _known(self.total_ms[place]),
            _known(self.first_ms[place]),
        )

    def places_with(self, word: bytes) -> Sequence[int]:
        """The places of the runs one of whose ids has this word in it."""
        if word not in self.ids:
            return ()
        # Many lines may have it: to look at each is faster than to find the lines of all places of the word.
        return [place for place, line in enumerate(self.ids[:-1].split(b"\n")) if word in line]


def _one_word(said: str) -> str:
    """An id; one that no process of ours wrote may have spaces, and would break its line."""
    return said if said.isprintable() and " " not in said else _SPACE.sub("_", said)


def _counted(ms: int | None, histogram: "array[int]") -> int:
    """A time as it stands in an array; a known one goes into the histogram."""
    if ms is None:
        return NEVER
    histogram[bin_of(ms)] += 1
    return min(max(0, ms), NEVER - 1)


def _known(ms: int) -> int | None:
    return None if ms == NEVER else ms
