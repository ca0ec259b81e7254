"""From what a site says to replies and log entries."""

import gc
import weakref
from itertools import count
from typing import Any

import pytest
from actor_parts import SEAL
from hypothesis import given
from hypothesis import strategies as st

from mix2api.actors.tool_calls import CALLS_MAX, CallRules
from mix2api.actors.translation import Phase, Translation
from mix2api.events.kinds import ToolCall, UpstreamChunk, Usage
from mix2api.sessions.commands import RecordChunk
from mix2api.sessions.worker_port import ReasoningDelta, TextDelta, ToolCallDelta
from mix2api.tools.apologies import ENGLISH
from mix2api.tools.ids import CallIds
from mix2api.tools.text.offered_tools import OfferedTools
from mix2api.tools.text.recognition import ENCLOSURES_MAX, Recogniser
from mix2api.tools.text.thoughts import LeadingThought
from mix2api.upstreams.port import (
    AbortedByUpstream,
    Failed,
    Finished,
    IdsSeen,
    Opened,
    Reasoning,
    Skipped,
    Started,
    StepFinished,
    Text,
    ToolInputAvailable,
    ToolInputBroken,
    ToolInputDelta,
    ToolInputStarted,
    ToolOutputSeen,
    UpstreamEvent,
    UsageSeen,
)
from mix2api.vocabulary import ChunkKind, Detail, EndReason, FinishReason, RunId

USAGE = Usage(prompt_tokens=1, completion_tokens=2, total_tokens=3)


def rules(**fields: Any) -> CallRules:
    ids = CallIds(lambda: "call_drawn", lambda _: False)
    return CallRules(**({"callable_names": frozenset({"weather"}), "ids": ids} | fields))


def beginning(reader: Recogniser | None = None, **fields: Any) -> Translation:
    """Before the first batch, at 0 ms."""
    return Translation(RunId("run_1"), SEAL, lambda: rules(**fields), lambda: 0, reader)


def translated(*batches: list[UpstreamEvent], **fields: Any) -> Translation:
    """After these batches, 10 ms apart, and a flush."""
    at = [0]
    translation = Translation(RunId("run_1"), SEAL, lambda: rules(**fields), lambda: at[0])
    for batch in batches:
        translation.take(batch)
        at[0] += 10
    translation.tally.flush()
    return translation


def chunks(translation: Translation) -> list[UpstreamChunk]:
    return [command.chunk for command in translation.tally.commands if isinstance(command, RecordChunk)]


def tool_calls(translation: Translation) -> list[ToolCall]:
    return [command.call for command in translation.tally.commands if not isinstance(command, RecordChunk)]


def test_deltas_go_out_as_they_come_and_are_logged_together() -> None:
    translation = translated([Text("a"), Text("é")], [Text("\ud800")])
    assert translation.answer.replies == [TextDelta("a"), TextDelta("é"), TextDelta("\ud800")]
    (chunk,) = chunks(translation)
    assert (chunk.kind, chunk.first_frame, chunk.last_frame, chunk.frames) == (ChunkKind.TEXT, 1, 3, 3)
    assert (chunk.size_bytes, chunk.at_ms) == (6, 0)
    assert translation.deltas == 3


def test_another_kind_begins_another_entry() -> None:
    translation = translated([Reasoning("r"), Text("t"), Reasoning("r")])
    assert translation.answer.replies == [ReasoningDelta("r"), TextDelta("t"), ReasoningDelta("r")]
    assert [(each.kind, each.first_frame, each.last_frame) for each in chunks(translation)] == [
        (ChunkKind.REASONING, 1, 1),
        (ChunkKind.TEXT, 2, 2),
        (ChunkKind.REASONING, 3, 3),
    ]


def test_there_is_something_to_log_until_it_was_flushed() -> None:
    translation = beginning()
    translation.take([Text("a")])
    assert translation.tally.kind is ChunkKind.TEXT
    translation.tally.flush()
    assert translation.tally.kind is None
    translation.tally.flush()
    assert len(translation.tally.commands) == 1


def test_the_site_s_ids_are_sealed() -> None:
    first, second = chunks(translated([Opened(200), Started("s", None), IdsSeen("s", "x")]))
    assert (first.kind, first.upstream_status, first.upstream_exchange) == (ChunkKind.START, 200, None)
    assert second.upstream_status is None
    assert second.upstream_session is not None
    assert second.upstream_exchange is not None
    assert SEAL.unseal(second.upstream_session, "upstream_session") == "s"
    assert SEAL.unseal(second.upstream_exchange, "upstream_exchange") == "x"


def test_frames_that_say_nothing_are_counted_with_the_next_entry() -> None:
    text, finish = chunks(
        translated([Skipped(2), StepFinished(), Text("a"), ToolOutputSeen("c"), Finished("stop")])
    )
    assert (text.first_frame, text.skipped) == (4, 4)
    assert (finish.first_frame, finish.skipped) == (6, 0)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("stop", FinishReason.STOP),
        ("length", FinishReason.LENGTH),
        ("content-filter", FinishReason.CONTENT_FILTER),
        ("tool-calls", FinishReason.STOP),  # of tools that the client did not offer
        ("other", FinishReason.STOP),
        (None, FinishReason.STOP),
    ],
)
def test_the_site_s_finish_is_openai_s(said: str | None, meant: FinishReason) -> None:
    translation = translated([Text("a"), UsageSeen(USAGE), Finished(said)])
    assert translation.phase is Phase.FINISHED
    finish = chunks(translation)[-1]
    assert (finish.kind, finish.finish_reason, finish.usage) == (ChunkKind.FINISH, meant, USAGE)


@pytest.mark.parametrize("said", ["tool-calls", "stop", None])
def test_an_answer_with_calls_finishes_for_them(said: str | None) -> None:
    translation = translated([ToolInputAvailable("c", "weather", "{}"), Finished(said)])
    assert chunks(translation)[-1].finish_reason is FinishReason.TOOL_CALLS


def test_an_error_frame_s_text_goes_to_the_client_only() -> None:
    translation = translated([Text("a"), Failed("secret words")])
    assert translation.phase is Phase.FAILED
    assert translation.upstream_says == "secret words"
    error = chunks(translation)[-1]
    assert (error.kind, error.cause, error.detail) == (
        ChunkKind.ERROR,
        EndReason.UPSTREAM_ERROR,
        Detail.ERROR_FRAME,
    )
    assert "secret" not in repr(translation.tally.commands)


def test_a_finish_for_an_error_is_an_error() -> None:
    translation = translated([Finished("error")])
    assert translation.phase is not Phase.FINISHED
    assert chunks(translation)[-1].detail == Detail.ERROR_FRAME


def test_a_site_that_gives_up_has_aborted() -> None:
    assert chunks(translated([AbortedByUpstream()]))[-1].detail == Detail.ABORTED


def test_nothing_follows_the_site_s_own_ending() -> None:
    translation = translated([Finished("stop"), Text("late"), Failed("late"), IdsSeen("s", "x")])
    assert translation.answer.replies == []
    assert [each.kind for each in chunks(translation)] == [ChunkKind.FINISH]
    assert translation.upstream_says == ""


def test_a_call_is_streamed_and_told_once_it_is_whole() -> None:
    translation = translated(
        [ToolInputStarted("c", "weather"), ToolInputDelta("c", "{}")],
        [ToolInputAvailable("c", "weather", "{}"), Text("a")],
    )
    assert translation.answer.replies[:2] == [
        ToolCallDelta(index=0, call_id="call_c", name="weather"),
        ToolCallDelta(index=0, arguments="{}"),
    ]
    first, second = chunks(translation)
    assert (first.kind, first.frames, first.size_bytes) == (ChunkKind.TOOL_INPUT, 3, 2)
    assert second.kind is ChunkKind.TEXT
    assert [call.index for call in tool_calls(translation)] == [0]
    assert translation.deltas == 3


def test_a_tool_that_nobody_offered_gives_the_client_no_call() -> None:
    translation = translated(
        [ToolInputAvailable("c", "shell", "{}"), ToolInputBroken("c", "shell"), Finished("tool-calls")]
    )
    assert translation.answer.replies == [TextDelta(ENGLISH.not_there)]
    assert tool_calls(translation) == []


@pytest.mark.parametrize("ending", [Finished("tool-calls"), Failed("broke")])
def test_whole_calls_are_told_before_the_ending(ending: UpstreamEvent) -> None:
    translation = translated(
        [ToolInputStarted("c1", "weather"), ToolInputAvailable("c2", "weather", "{}"), ending]
    )
    assert [call.index for call in tool_calls(translation)] == [1]
    assert not isinstance(translation.tally.commands[-2], RecordChunk)


# --- calls that are not the client's, and calls that break


def test_a_call_that_nobody_runs_is_dropped_with_a_remark() -> None:
    translation = translated(
        [Text("a"), ToolInputAvailable("c", "shell", "{}"), StepFinished(), Finished("tool-calls")]
    )
    finish = chunks(translation)[-1]
    assert (finish.finish_reason, finish.detail) == (FinishReason.STOP, Detail.DROPPED_CALL)
    assert not translation.answer.faithful


def test_a_call_that_the_site_runs_itself_is_no_remark() -> None:
    translation = translated(
        [ToolInputAvailable("c", "shell", "{}"), ToolOutputSeen("c"), StepFinished()],
        [Text("a"), Finished("stop")],
    )
    finish = chunks(translation)[-1]
    assert (finish.finish_reason, finish.detail) == (FinishReason.STOP, None)
    assert (translation.answer.replies, translation.answer.faithful) == ([TextDelta("a")], False)


def test_a_broken_call_is_an_apology() -> None:
    translation = translated([ToolInputBroken("c", "weather"), Finished("tool-calls")])
    assert translation.answer.replies == [TextDelta(ENGLISH.malformed)]
    finish = chunks(translation)[-1]
    assert (finish.finish_reason, finish.detail) == (FinishReason.STOP, Detail.BROKEN_CALL)
    assert not translation.answer.faithful


def test_a_call_that_breaks_in_the_middle_of_a_stream_is_never_completed() -> None:
    translation = translated(
        [ToolInputStarted("c", "weather"), ToolInputDelta("c", '{"x":'), ToolInputBroken("c", "weather")],
        [Finished("tool-calls")],
    )
    assert translation.answer.replies == [
        ToolCallDelta(index=0, call_id="call_c", name="weather"),
        ToolCallDelta(index=0, arguments='{"x":'),
        TextDelta(ENGLISH.malformed),
    ]
    assert chunks(translation)[-1].finish_reason is FinishReason.STOP
    assert tool_calls(translation) == []


def test_good_calls_beside_a_broken_one_are_still_to_be_answered() -> None:
    translation = translated(
        [ToolInputAvailable("c1", "weather", "{}"), ToolInputBroken("c2", "weather"), Finished("tool-calls")]
    )
    assert not any(isinstance(reply, TextDelta) for reply in translation.answer.replies)
    finish = chunks(translation)[-1]
    assert (finish.finish_reason, finish.detail) == (FinishReason.TOOL_CALLS, Detail.BROKEN_CALL)


def test_a_site_that_goes_on_after_a_broken_call_needs_no_apology() -> None:
    translation = translated([ToolInputBroken("c", "weather"), Text("never mind"), Finished("stop")])
    assert translation.answer.replies == [TextDelta("never mind")]


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


def texts(translation: Translation) -> str:
    return "".join(reply.text for reply in translation.answer.replies if isinstance(reply, TextDelta))


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


def test_one_call_more_than_a_run_may_have_ends_it() -> None:
    def calls(count: int) -> list[UpstreamEvent]:
        return [ToolInputAvailable(f"c{number}", "weather", "{}") for number in range(count)]

    assert portioned(calls(CALLS_MAX)).phase is Phase.OPEN
    ended = portioned([*calls(CALLS_MAX + 1), Text("more"), Finished("stop")])
    assert ended.phase is Phase.FAILED
    cause = chunks(ended)[-1]
    assert (cause.kind, cause.cause, cause.detail) == (
        ChunkKind.ERROR,
        EndReason.UPSTREAM_ERROR,
        Detail.TOO_MANY,
    )
    assert TextDelta("more") not in ended.answer.replies


@pytest.mark.parametrize(
    "event",
    [
        lambda number: ToolInputStarted(f"c{number}", "not_offered"),
        lambda number: ToolInputBroken(f"c{number}", "weather"),
    ],
)
def test_calls_that_come_to_nothing_count_as_well(event: Any) -> None:
    assert portioned([event(number) for number in range(CALLS_MAX)]).phase is Phase.OPEN
    assert portioned([event(number) for number in range(CALLS_MAX + 1)]).phase is Phase.FAILED


@pytest.mark.parametrize(
    "enclosure",
    [
        '{"tool_calls": []} ',
        '{"final": "so"} ',
        '{"tool_call": {"name": "fly", "arguments": {}}} ',
        '{"tool_call": {"arguments": {}}} ',
    ],
)
def test_one_enclosure_more_than_an_answer_may_have_ends_it(enclosure: str) -> None:
    def read(count: int) -> Translation:
        return portioned(
            [Text(enclosure * count), Finished("stop")],
            reader=Recogniser(OfferedTools(names=frozenset({"weather"}))),
        )

    assert read(ENCLOSURES_MAX).phase is Phase.FINISHED
    ended = read(ENCLOSURES_MAX + 1)
    assert ended.phase is Phase.FAILED
    assert chunks(ended)[-1].detail == Detail.TOO_MANY


def test_a_call_too_many_in_the_last_words_ends_the_run_as_well() -> None:
    text = '{"tool_call": {"name": "fly", "arguments": {}}} ' * (ENCLOSURES_MAX - 1)
    text += '{"tool_calls": [' + '{"name": "fly"},' * (CALLS_MAX - ENCLOSURES_MAX + 1)
    text += '{"name": "fly"'
    ended = portioned(
        [Text(text), Finished("stop")], reader=Recogniser(OfferedTools(names=frozenset({"weather"})))
    )
    assert ended.phase is Phase.FAILED


def test_portions_say_together_what_a_batch_says() -> None:
    text = 'So be it. {"tool_calls": [{"name": "weather", "arguments": {"at": "' + "x" * 5000 + '"}}]}'
    ended = portioned(
        [Text(text), Finished("stop")], reader=Recogniser(OfferedTools(names=frozenset({"weather"})))
    )
    (call,) = ended.answer.message().tool_calls or ()
    assert call.function is not None
    assert call.function.arguments == '{"at": "' + "x" * 5000 + '"}'
    assert ended.deltas == len(ended.answer.replies)
    assert chunks(ended)[0].frames == 1, "frames are counted as the site sent them"


def portioned(batch: list[UpstreamEvent], reader: Recogniser | None = None) -> Translation:
    """After all portions of one batch, and a flush."""
    numbers = count()
    ids = CallIds(lambda: f"call_{next(numbers)}", lambda _: False)
    translation = beginning(reader, ids=ids)
    is_left = translation.take(batch)
    while is_left:
        is_left = translation.go_on()
    translation.tally.flush()
    return translation


@pytest.mark.parametrize("ended", [True, False])
def test_a_translation_that_ends_within_a_batch_is_held_by_nothing(*, ended: bool) -> None:
    batch: list[UpstreamEvent] = [Text("{" * 5000), Failed("no"), Text("{" * 5000)]
    translation = beginning(Recogniser(OfferedTools(names=frozenset({"weather"}))))
    is_left = translation.take(batch)
    while ended and is_left:
        is_left = translation.go_on()
    assert translation.phase is (Phase.FAILED if ended else Phase.OPEN)
    gc.disable()
    try:
        translation.let_go()
        held = weakref.ref(translation)
        del translation
        assert held() is None
    finally:
        gc.enable()
