"""Calls, thought and final answers in the site's text, streamed and whole."""

from itertools import count

import pytest
from actors.translations import beginning, chunks, texts, tool_calls
from hypothesis import given
from hypothesis import strategies as st

from mix2api.actors.translation import Translation
from mix2api.sessions.worker_port import ReasoningDelta, TextDelta, ToolCallDelta
from mix2api.tools.apologies import ENGLISH
from mix2api.tools.ids import CallIds
from mix2api.tools.text.offered_tools import OfferedTools
from mix2api.tools.text.recognition import Recogniser
from mix2api.tools.text.thoughts import LeadingThought
from mix2api.upstreams.port import (
    Finished,
    StepFinished,
    Text,
    ToolInputAvailable,
    ToolInputDelta,
    ToolInputStarted,
    ToolOutputSeen,
    UpstreamEvent,
)
from mix2api.vocabulary import Detail, FinishReason

# --- calls in text


def read(*texts: str, streamed: bool = True) -> Translation:
    """After a text in these pieces, and its finish."""
    offered = OfferedTools(names=frozenset({"weather"}), known=frozenset({"clock"}))
    translation = beginning(Recogniser(offered), streamed=streamed)
    translation.take([Text(text) for text in texts])
    translation.take([Finished("stop")])
    return translation


def test_a_call_in_text_is_a_call() -> None:
    translation = read("Let me look. ", '{"tool_calls":[{"name":"weather","argum', 'ents":{"city":"Ulm"}}]}')
    assert translation.answer.replies[:2] == [
        TextDelta("Let me look. "),
        ToolCallDelta(index=0, call_id="call_drawn", name="weather"),
    ]
    assert "".join(
        reply.arguments for reply in translation.answer.replies if isinstance(reply, ToolCallDelta)
    ) == ('{"city":"Ulm"}')
    (call,) = tool_calls(translation)
    assert call.upstream_call_id is None
    finish = chunks(translation)[-1]
    assert (finish.finish_reason, finish.detail, translation.answer.faithful) == (
        FinishReason.TOOL_CALLS,
        None,
        True,
    )


def test_a_call_that_had_to_be_repaired_leaves_a_session_that_nobody_knows() -> None:
    translation = read("{tool_call: (name: weather, arguments: (city:Ulm}}")
    assert chunks(translation)[-1].finish_reason is FinishReason.TOOL_CALLS
    assert not translation.answer.faithful


def test_a_final_answer_in_json_is_the_answer() -> None:
    translation = read('{"final": "It is ', 'raining."}')
    assert "".join(reply.text for reply in translation.answer.replies if isinstance(reply, TextDelta)) == (
        "It is raining."
    )
    assert chunks(translation)[-1].finish_reason is FinishReason.STOP


@pytest.mark.parametrize("streamed", [True, False])
def test_a_call_without_a_name_is_an_apology(*, streamed: bool) -> None:
    translation = read('{"tool_calls":[{"arguments":{}}]}\n', streamed=streamed)
    assert "".join(
        reply.text for reply in translation.answer.replies if isinstance(reply, TextDelta)
    ).strip() == (ENGLISH.malformed)
    finish = chunks(translation)[-1]
    assert (finish.finish_reason, finish.detail) == (FinishReason.STOP, Detail.BROKEN_CALL)


def test_a_call_in_text_that_nobody_offered_is_dropped() -> None:
    translation = read('{"tool_calls":[{"name":"shell","arguments":{}}]}')
    assert translation.answer.replies == [TextDelta(ENGLISH.not_there)]
    finish = chunks(translation)[-1]
    assert (finish.finish_reason, finish.detail) == (FinishReason.STOP, Detail.DROPPED_CALL)


def test_where_the_site_said_something_beside_a_dropped_call_nothing_is_added() -> None:
    translation = read('I look. {"tool_calls":[{"name":"clock","arguments":{}}]}')
    assert texts(translation).strip() == "I look."
    assert chunks(translation)[-1].detail == Detail.DROPPED_CALL


def test_a_call_that_nobody_knows_makes_no_text_vanish() -> None:
    site = 'So it looks: {"tool_calls":[{"name":"shell","arguments":{}}]} in short.'
    translation = read(site)
    assert texts(translation) == site
    assert (chunks(translation)[-1].detail, translation.answer.faithful) == (None, True)


def test_thought_in_the_text_is_reasoning_and_no_part_of_the_answer() -> None:
    translation = read("<think>Let me ", 'see {"tool_call":{"name":"weather"}}', "</think>\n\nNo.")
    reasoning = [reply.text for reply in translation.answer.replies if isinstance(reply, ReasoningDelta)]
    assert "".join(reasoning) == 'Let me see {"tool_call":{"name":"weather"}}'
    assert texts(translation) == "No."
    assert translation.answer.message().content == "No."
    assert translation.answer.faithful


def test_a_reader_that_is_done_is_asked_no_more() -> None:
    translation = beginning(LeadingThought())
    translation.take([Text("<think>a</think>b")])
    translation.take([Text("<think>c")])
    assert texts(translation) == "b<think>c"


def test_large_batches_behind_a_reader_that_is_done_are_not_worked_through_in_portions() -> None:
    translation = beginning(LeadingThought())
    large: list[UpstreamEvent] = [Text("x" * 40)] * 300
    is_left = translation.take(large)
    assert is_left
    while is_left:
        is_left = translation.go_on()
    assert not translation.take(large)
    assert texts(translation) == "x" * 40 * 600
    assert translation.deltas == 600


def test_ordinary_text_is_what_it_was() -> None:
    translation = read("a {", "b", "} c")
    assert (
        "".join(reply.text for reply in translation.answer.replies if isinstance(reply, TextDelta))
        == "a {b} c"
    )
    assert translation.answer.faithful


# --- streamed and whole


PARTS: st.SearchStrategy[UpstreamEvent] = st.one_of(
    st.text(max_size=5).map(Text),
    st.just(StepFinished()),
    st.sampled_from(["c1", "c2", "c3"]).flatmap(
        lambda call_id: st.sampled_from(
            [
                ToolInputStarted(call_id, "weather"),
                ToolInputDelta(call_id, '{"a":'),
                ToolInputDelta(call_id, "1}"),
                ToolInputAvailable(call_id, "weather", '{"b":2}'),
                ToolInputAvailable(f"x{call_id}", "shell", "{}"),
                ToolOutputSeen(f"x{call_id}"),
            ]
        )
    ),
    st.sampled_from(
        [
            '{"tool_calls":[{"name":"weather","arguments":{"a":[1,{}]}}]}',
            '{"final": "yes"}',
            '{"tool_call":{"name":"shell"}}',
            '```json\n{"a": 1}\n```',
            "{",
            '"tool_calls":[{"name": "weather"}]}',
        ]
    ).map(Text),
)


def assembled(translation: Translation) -> tuple[str, dict[int, list[str]]]:
    """What a client makes of the replies: text, and id, name, arguments by index."""
    text, calls = "", {}
    for reply in translation.answer.replies:
        match reply:
            case TextDelta():
                text += reply.text
            case ToolCallDelta():
                call: list[str] = calls.setdefault(reply.index, ["", "", ""])
                call[0] += reply.call_id or ""
                call[1] += reply.name or ""
                call[2] += reply.arguments
            case _:
                pass
    return text, calls


@given(
    parts=st.lists(PARTS, max_size=12),
    in_text=st.booleans(),
    single=st.booleans(),
    reason=st.sampled_from(["stop", "tool-calls", "length"]),
)
def test_streamed_and_whole_are_the_same_message(
    *, parts: list[UpstreamEvent], in_text: bool, single: bool, reason: str
) -> None:
    made = []
    for streamed in (True, False):
        numbers = count(1)
        ids = CallIds(lambda numbers=numbers: f"call_drawn{next(numbers)}", lambda _: False)
        reader = Recogniser(OfferedTools(names=frozenset({"weather"}))) if in_text else None
        translation = beginning(reader, ids=ids, streamed=streamed, single=single)
        for part in parts:
            translation.take([part])
        translation.take([Finished(reason)])
        made.append(translation)
    streaming, whole = made
    # A stream cannot take back the beginning of a call that breaks later; a whole answer never shows it (ADR 0011).
    if streaming.answer.calls is None or not streaming.answer.calls.shown_half:
        assert assembled(streaming) == assembled(whole)
        assert chunks(streaming)[-1].finish_reason == chunks(whole)[-1].finish_reason
