"""Where an answer ends by its caller's word."""

import sys
from itertools import pairwise
from types import FrameType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mix2api.wire.stop_sequences import StopSequences, stops_of


def _left(chunks: list[str], *stops: str) -> tuple[str, bool]:
    """What leaves of a text in these chunks, and whether it came to a stop."""
    sequences = StopSequences(stops)
    left = ""
    for chunk in chunks:
        left += sequences.feed(chunk)
        if sequences.met:
            return left, True
    return left + sequences.release(), False


@pytest.mark.parametrize(
    ("text", "stops", "left"),
    [
        ("Action: search\nObservation: made up", ["\nObservation:"], "Action: search"),
        ("a STOP b", ["STOP"], "a "),
        ("STOP", ["STOP"], ""),
        ("a;b", [";"], "a"),
        ("aabaabaaab", ["aabaaa"], "aab"),
        ("ababac", ["abac"], "ab"),
        ("x END y STOP", ["STOP", "END"], "x "),
        ("abc", ["abc", "bc"], ""),
        ("abcd", ["bc", "abcd"], "a"),
        ("x😀y", ["😀"], "x"),
    ],
)
def test_the_answer_ends_before_the_sequence_that_is_whole_first(
    text: str, stops: list[str], left: str
) -> None:
    for place in range(len(text) + 1):
        assert _left([text[:place], text[place:]], *stops) == (left, True)
    assert _left(list(text), *stops) == (left, True)


@pytest.mark.parametrize("text", ["", "a", "\nObserv", "\nObserv\nObservatio", "STO STO"])
def test_text_without_a_stop_sequence_leaves_whole(text: str) -> None:
    for place in range(len(text) + 1):
        assert _left([text[:place], text[place:]], "\nObservation:", "STOP") == (text, False)


@given(
    st.text("ab", max_size=30),
    st.lists(st.text("ab", min_size=1, max_size=4), min_size=1, max_size=3),
    st.data(),
)
def test_any_cut_of_any_text_ends_where_the_first_whole_sequence_begins(
    text: str, stops: list[str], data: st.DataObject
) -> None:
    places = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    chunks = [text[start:end] for start, end in pairwise([0, *places, len(text)])]
    ends = [end for end in range(len(text) + 1) if any(text[:end].endswith(stop) for stop in stops)]
    if not ends:
        assert _left(chunks, *stops) == (text, False)
        return
    longest = max(len(stop) for stop in stops if text[: ends[0]].endswith(stop))
    assert _left(chunks, *stops) == (text[: ends[0] - longest], True)


def test_only_what_may_be_a_beginning_is_held() -> None:
    sequences = StopSequences(("\nObservation:",))
    assert sequences.feed("Thought\nObs") == "Thought"
    assert sequences.feed("olete") == "\nObsolete"
    assert sequences.feed("\n") == ""
    assert sequences.release() == "\n"
    assert sequences.feed("Observation:") == "Observation:"


@pytest.mark.parametrize(
    ("stop", "stops"),
    [(None, ()), ("a", ("a",)), (["a", "", "b", "a"], ("a", "b")), ("", ()), ([], ())],
)
def test_stops_are_read_in_either_form(stop: str | list[str] | None, stops: tuple[str, ...]) -> None:
    assert stops_of(stop) == stops


@pytest.mark.parametrize("text", ["a", "ab", "a" * 99 + "b", "c"])
def test_steps_grow_with_the_text_and_no_faster(text: str) -> None:
    def steps(n: int) -> int:
        count = 0

        def see(_frame: FrameType, event: str, _argument: object) -> None:
            nonlocal count
            count += event in {"call", "c_call"}

        sequences = StopSequences(("a" * 100 + "c", "aab"))
        before = sys.getprofile()
        sys.setprofile(see)
        try:
            for _ in range(n):
                sequences.feed(text)
        finally:
            sys.setprofile(before)
        return count

    assert steps(800) <= 4.2 * steps(200) + 100
