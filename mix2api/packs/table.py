"""All cases, in their order. Data."""

from collections.abc import Iterable
from typing import Final

from mix2api.packs.case import Case, Pack
from mix2api.packs.failures import FAILURES
from mix2api.packs.streams import STREAMS
from mix2api.packs.tools import TOOLS

CASES: Final[tuple[Case, ...]] = (*STREAMS, *TOOLS, *FAILURES)


def cases_of(packs: Iterable[Pack]) -> tuple[Case, ...]:
    """The cases of some packs."""
    wanted = frozenset(packs)
    return tuple(case for case in CASES if case.pack in wanted)
