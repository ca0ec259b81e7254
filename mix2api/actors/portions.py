"""How a batch of the upstream's events is cut, so that no turn of the loop takes long. Pure.

Work is counted in characters that a reader of calls reads: about 4 µs each at worst. Everything else is weighed against them.
"""

from collections.abc import Callable, Iterator
from typing import Final

from mix2api.upstreams.port import Text, UpstreamEvent

PORTION: Final = 1024
"""Work between two turns of the loop: some 4 ms."""
EVENTS: Final = 64
"""Events, texts apart, that one turn handles of a batch that nobody reads for calls."""
EVENT_WORK: Final = PORTION // EVENTS
"""Of one event: a whole call with its entry in the log takes about 50 µs."""
TEXT_WORK: Final = 4
"""Of a text that is not read for calls."""

_FEW: Final = 8
_SHORT: Final = PORTION // _FEW


def is_little_to_read(batch: list[UpstreamEvent]) -> bool:
    """Whether a batch is surely less than a portion for a reader of calls, as nearly every batch of a stream is."""
    if len(batch) > _FEW:
        return False
    for event in batch:  # noqa: SIM110 - any() over a generator costs three times as much
        if type(event) is Text and len(event.text) > _SHORT:
            return False
    return True


def portions(steps: Iterator[int], is_over: Callable[[], bool]) -> Iterator[None]:
    """Works through the steps and pauses after every portion.

    Args:
        steps: do a piece of work each, and say how much it was.
        is_over: whether the rest is not to be done.
    """
    work = 0
    for done in steps:
        if is_over():
            return
        work += done
        if work >= PORTION:
            yield
            work = 0
