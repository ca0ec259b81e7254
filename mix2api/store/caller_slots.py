"""How many slots the heaviest callers of a process hold, as one word of its heartbeat: `<digest>=<slots>`, with blanks between.

The digests are keyed and cut short. They name a caller to the processes of its deployment, and to nobody else.
"""

import re
from collections.abc import Mapping
from typing import Final

from mix2api.vocabulary import Digest

CALLERS_TOLD: Final = 8
"""Callers that a heartbeat tells. A caller that is not among them holds at most a ninth of its process's slots."""
_DIGITS: Final = 16
"""64 bits of a digest tell the callers of a deployment apart."""
_WORD: Final = re.compile(rb"[0-9a-f]{1,16}=[0-9]{1,7}(?: [0-9a-f]{1,16}=[0-9]{1,7}){0,7}")

CallerSlots = Mapping[str, int]
"""Slots by the name of a caller."""


def name_of(caller: Digest) -> str:
    """A caller as heartbeats name it."""
    return caller[:_DIGITS]


def slots_word(slots: Mapping[Digest, int]) -> str:
    """The word for a heartbeat; empty where nobody holds a slot.

    Args:
        slots: of `CALLERS_TOLD` callers at most.
    """
    return " ".join(f"{name_of(caller)}={held}" for caller, held in slots.items())


def read_slots(word: bytes) -> CallerSlots:
    """The slots again. A word of another form says nothing: the heartbeat's other fields still count."""
    if _WORD.fullmatch(word) is None:
        return {}
    pairs = (pair.partition("=") for pair in word.decode().split(" "))
    return {name: int(held) for name, _, held in pairs}
