"""Routing: which definition a message is for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mix2api.conversations.routing import Candidate, Decision, normal_steps, route
from mix2api.steps import at_once


def _candidate(definition_id: str, pattern: str, score: float = 0.5, version: int = 1) -> Candidate:
    return Candidate(definition_id=definition_id, pattern=pattern, score=score, version=version)


def _route(message: str, *candidates: Candidate) -> Decision:
    return at_once(route(message, candidates))


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("hello", "hello"),
        ("Hello  World", " hello\nWORLD "),
        ("*", ""),
        ("*", "anything"),
        ("refund*", "Refund my order"),
        ("*refund", "I want a refund"),
        ("*refund*order*", "Please refund the last order now"),
        ("a*b*c", "a b b c"),
        ("**x**", "axb"),
        ("STRASSE", "straße"),
    ],
)
def test_a_pattern_matches_the_whole_message_without_regard_to_case_and_space(
    pattern: str, message: str
) -> None:
    assert _route(message, _candidate("d", pattern)).ranking == ("d",)


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("hello", "hello world"),
        ("refund*", "a refund"),
        ("*refund", "refund me"),
        ("*order*refund*", "refund the order"),
        ("a*a", "a"),
        ("ab*b", "ab"),
        ("a.c", "abc"),
        ("[ab]", "a"),
    ],
)
def test_anything_else_is_a_miss_with_a_score_of_zero(pattern: str, message: str) -> None:
    assert _route(message, _candidate("d", pattern)) == Decision(ranking=(), scores={"d": 0.0})


def test_without_definitions_there_is_a_miss() -> None:
    assert _route("hello") == Decision(ranking=(), scores={})


def test_the_highest_score_wins_then_the_higher_version_then_the_smaller_id() -> None:
    decision = _route(
        "hello",
        _candidate("e", "*", 0.2, version=9),
        _candidate("d", "hello", 0.5, version=1),
        _candidate("c", "hel*", 0.5, version=2),
        _candidate("b", "hel*", 0.5, version=2),
        _candidate("a", "bye", 0.9),
    )
    assert decision.ranking == ("b", "c", "d", "e")
    assert decision.scores == {"a": 0.0, "b": 0.5, "c": 0.5, "d": 0.5, "e": 0.2}


def test_a_hostile_pattern_looks_at_the_message_once() -> None:
    assert not _route("a" * 1_000_000, _candidate("d", "a*" * 250 + "b")).ranking


@given(st.text(alphabet="ab*", max_size=8), st.text(alphabet="ab", max_size=10))
def test_matching_is_that_of_a_search_through_all_ways(pattern: str, message: str) -> None:
    def matches(left: str, text: str) -> bool:
        if not left:
            return not text
        if left[0] == "*":
            return any(matches(left[1:], text[start:]) for start in range(len(text) + 1))
        return text[:1] == left[0] and matches(left[1:], text[1:])

    assert bool(_route(message, _candidate("d", pattern)).ranking) is matches(pattern, message)


@pytest.mark.parametrize(
    "text", ["a b" * 50_000, " " * 200_000 + "a", "a" * 70_000 + " " * 70_000 + "Ab", "é\t\n" * 66_000]
)
@pytest.mark.parametrize("before", [0, 1, 2])
def test_a_long_text_is_normalised_slice_by_slice_like_a_short_one(text: str, before: int) -> None:
    text = " x"[:before] + text
    assert at_once(normal_steps(text)) == " ".join(text.casefold().split())
