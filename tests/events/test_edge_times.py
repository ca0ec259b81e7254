"""The edge's times in a receipt."""

import pytest

from mix2api.events.edge_times import EdgeTimes, read_times, times_bytes

TIMES = EdgeTimes(
    body=3,
    understood=4,
    found=5,
    submitted=6,
    accepted=9,
    ended=700,
    over=701,
    waits=((100, 300), (500, 251)),
    more_waits=12,
)
BYTES = b"[1,3,4,5,6,9,700,701,[[100,300],[500,251]],12]"


def test_the_bytes_of_version_one_stay_as_they_are() -> None:
    assert times_bytes(TIMES) == BYTES
    assert read_times(BYTES) == TIMES


def test_an_answer_that_was_given_up_early_has_no_acceptance_and_no_ending() -> None:
    data = times_bytes(EdgeTimes(body=1, understood=1, found=1, submitted=1, over=9))
    assert data == b"[1,1,1,1,1,null,null,9,[],0]"
    assert read_times(data) is not None


def test_what_a_later_version_adds_is_passed_over() -> None:
    assert read_times(BYTES[:-1] + b',"more"]') == TIMES


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b"\xff", b"[2" + BYTES[2:], b"[" * 100_000])
def test_what_is_damaged_or_newer_is_none(data: bytes) -> None:
    assert read_times(data) is None
