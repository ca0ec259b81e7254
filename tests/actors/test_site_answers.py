"""Recorded answers of sites, and what a client gets of each."""

from typing import Any

import pytest
from site_answers import case, given

from mix2api.tools.apologies import ENGLISH
from mix2api.tools.text.offered_tools import OfferedTools
from mix2api.tools.text.recognition import Recogniser
from mix2api.tools.text.stopped_text import StoppedText

PREFIX = '{"a":"rm -rf /data/x'


@pytest.mark.parametrize("name", ["half-call-finish-tool-calls.sse", "half-call-finish-unknown.sse"])
def test_a_half_call_never_ends_as_a_call(name: str) -> None:
    streamed, whole = given(case(name)), given(case(name), streamed=False)
    assert (streamed.calls, streamed.finish_reason) == ((("f", PREFIX),), None)
    assert (whole.calls, whole.finish_reason, whole.text) == ((), "stop", ENGLISH.malformed)
    assert streamed.detail == whole.detail == "broken_call"
    assert streamed.faithful is whole.faithful is False


@pytest.mark.parametrize("reason", ["stop", "length", "tool-calls", "other"])
def test_no_finish_makes_a_half_call_whole(reason: str) -> None:
    site = case("half-call-finish-unknown.sse").replace(b'"unknown"', b'"%b"' % reason.encode())
    assert given(site).finish_reason is None
    whole = given(site, streamed=False)
    assert (whole.calls, whole.detail) == ((), "broken_call")
    assert whole.finish_reason == ("length" if reason == "length" else "stop")


@pytest.mark.parametrize("streamed", [True, False])
def test_a_repaired_input_is_the_site_s_final_one(*, streamed: bool) -> None:
    answer = given(case("repaired-input.sse"), streamed=streamed)
    assert answer.calls == (("f", '{"a":"xyz"}'),)
    assert (answer.finish_reason, answer.detail) == ("tool_calls", None)


def test_an_input_that_is_repaired_into_something_else_is_a_broken_call_in_a_stream() -> None:
    site = case("repaired-input.sse").replace(b'{"a":"xyz"}', b'{"a":"q"}')
    streamed, whole = given(site), given(site, streamed=False)
    assert (streamed.finish_reason, streamed.detail) == (None, "broken_call")
    assert (whole.calls, whole.finish_reason) == ((("f", '{"a":"q"}'),), "tool_calls")


@pytest.mark.parametrize("streamed", [True, False])
def test_an_emoji_that_comes_in_halves_is_whole(*, streamed: bool) -> None:
    site = case("emoji-in-halves.sse")
    for cut in range(0, len(site), 7):
        assert given(site, streamed=streamed, cut=cut).text == "好的😀，完成👍。"  # noqa: RUF001


def reading(**fields: Any) -> Recogniser:
    return Recogniser(OfferedTools(names=frozenset({"f"}), **fields))


@pytest.mark.parametrize("streamed", [True, False])
def test_a_call_within_thought_is_thought(*, streamed: bool) -> None:
    answer = given(case("call-inside-thought.sse"), streamed=streamed, reader=reading())
    assert (answer.text, answer.calls) == ("I will not delete anything.", ())
    assert answer.reasoning.startswith("I could call {")
    assert (answer.finish_reason, answer.detail, answer.faithful) == ("stop", None, True)


@pytest.mark.parametrize("streamed", [True, False])
def test_an_example_in_prose_stays_text(*, streamed: bool) -> None:
    answer = given(case("example-in-prose.sse"), streamed=streamed, reader=reading())
    assert answer.text.startswith("Here is how a reply with a call looks:\n\n```json\n{")
    assert answer.text.endswith("}\n```\n\nThe `arguments` are a string.")
    assert (answer.calls, answer.finish_reason, answer.detail) == ((), "stop", None)


@pytest.mark.parametrize("streamed", [True, False])
def test_a_call_in_the_model_s_own_tags_is_a_call(*, streamed: bool) -> None:
    answer = given(case("hermes-call.sse"), streamed=streamed, reader=reading())
    assert (answer.text, answer.calls) == ("I will read it.\n", (("f", '{"a": "x"}'),))
    assert (answer.finish_reason, answer.detail) == ("tool_calls", None)


@pytest.mark.parametrize("streamed", [True, False])
@pytest.mark.parametrize("in_tools", [True, False])
def test_an_answer_ends_before_the_caller_s_stop(*, streamed: bool, in_tools: bool) -> None:
    reader = StoppedText(reading() if in_tools else None, ("\nObservation:",))
    answer = given(case("stop-not-heeded-by-site.sse"), streamed=streamed, reader=reader)
    assert answer.text == "Thought: I need data.\nAction: search"
    assert (answer.finish_reason, answer.detail, answer.faithful) == ("stop", None, False)
