"""The word of a heartbeat that tells the slots of the heaviest callers."""

import pytest

from mix2api.store.caller_slots import CALLERS_TOLD, read_slots, slots_word
from mix2api.vocabulary import Digest


@pytest.mark.parametrize("count", range(CALLERS_TOLD + 1))
def test_the_slots_of_so_many_callers_come_out_as_they_went_in(count: int) -> None:
    slots = {f"{number:016x}": number + 1 for number in range(count)}
    word = slots_word({Digest(name + "f" * 16): held for name, held in slots.items()})
    assert read_slots(word.encode()) == slots


@pytest.mark.parametrize(
    "word",
    [
        b"",
        b"=",
        b"a=",
        b"a=1 ",
        b"a=1  b=2",
        b"a=-1",
        b"a=12345678",
        b"g=1",
        b"\xff=1",
        b" ".join([b"a=1"] * 9),
    ],
)
def test_a_word_of_another_form_says_nothing(word: bytes) -> None:
    assert read_slots(word) == {}
