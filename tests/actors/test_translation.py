"""From what a site says to replies and log entries."""

import pytest
from actor_parts import SEAL
from actors.translations import beginning, chunks, tool_calls, translated

from mix2api.actors.phase import Phase
from mix2api.events.kinds import Usage
from mix2api.sessions.commands import RecordChunk
from mix2api.sessions.worker_port import ReasoningDelta, TextDelta, ToolCallDelta
from mix2api.tools.apologies import ENGLISH
from mix2api.upstreams.port import (
    AbortedByUpstream,
    Failed,
    Finished,
    IdsSeen,
    Opened,
    Reasoning,
    Relayed,
    RuntimeToolRan,
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
from mix2api.vocabulary import ChunkKind, Detail, EndReason, FinishReason
from mix2api.wire.passed_on import PassedOn

USAGE = Usage(prompt_tokens=1, completion_tokens=2, total_tokens=3)


def test_deltas_go_out_as_they_come_and_are_logged_together() -> None:
    translation = translated([Text("a"), Text("é")], [Text("\ud800")])
    assert translation.answer.replies == [TextDelta("a"), TextDelta("é"), TextDelta("\ud800")]
    (chunk,) = chunks(translation)
    assert (chunk.kind, chunk.first_frame, chunk.last_frame, chunk.frames) == (ChunkKind.TEXT, 1, 3, 3)
    assert (chunk.size_bytes, chunk.at_ms) == (6, 0)
    assert translation.deltas == 3


def test_events_that_came_together_count_as_so_many() -> None:
    one = Relayed("response.output_text.delta", "{1}", ChunkKind.TEXT, "a")
    three = Relayed("response.output_text.delta", "{2}\n{3}\n{4}", ChunkKind.TEXT, "bcé", count=3)
    translation = translated([one, three], [one])
    assert translation.answer.replies == [
        PassedOn(event={one.type: one.data}),
        PassedOn(event={one.type: three.data}, count=3),
        PassedOn(event={one.type: one.data}),
    ]
    (chunk,) = chunks(translation)
    assert (chunk.kind, chunk.last_frame, chunk.frames, chunk.size_bytes) == (ChunkKind.TEXT, 5, 5, 6)
    assert translation.deltas == 5
    assert "".join(translation.answer.texts) == "abcéa"


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


def test_tools_that_a_runtime_ran_are_counted_and_say_nothing_to_the_client() -> None:
    translation = translated([RuntimeToolRan(), Text("a"), RuntimeToolRan(), Finished("stop")])
    assert translation.tally.runtime_tools == 2
    assert translation.answer.replies == [TextDelta("a")]


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
