"""Random bytes: each given once, whatever the pieces, in few reads."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mix2api.randomness import Randomness


@given(st.lists(st.integers(0, 3000), max_size=20))
def test_pieces_are_as_long_as_asked_for(lengths: list[int]) -> None:
    randomness = Randomness()
    assert [len(randomness.take(length)) for length in lengths] == lengths


def test_no_byte_is_given_twice() -> None:
    read: list[bytes] = []

    def numbered(count: int) -> bytes:
        read.append(b"".join(len(read).to_bytes(4) + place.to_bytes(4) for place in range(count // 8)))
        return read[-1]

    randomness = Randomness(numbered)
    pieces = [randomness.take(8) for _ in range(1000)]
    assert len(set(pieces)) == 1000
    assert len(read) == 4


def test_two_of_them_give_different_bytes() -> None:
    assert Randomness().take(16) != Randomness().take(16)


@pytest.mark.parametrize("bound", [1, 2, 3, 256])
def test_a_number_is_below_its_bound_and_each_one_comes(bound: int) -> None:
    randomness = Randomness()
    assert {randomness.below(bound) for _ in range(100 * bound)} == set(range(bound))
