"""What the events of a run say: each character once, the ending by the runtime's words, nothing of the prompt."""

import pytest
from upstreams.opencode.runs import delta, error, event, idle, message, part

from mix2api.upstreams.opencode.transcript import RunTranscript
from mix2api.upstreams.port import (
    AbortedByUpstream,
    Failed,
    Finished,
    Reasoning,
    RuntimeToolRan,
    StepFinished,
    Text,
    UpstreamEvent,
    UsageSeen,
)
from mix2api.vocabulary import Detail, EndReason


def texts(events: list[UpstreamEvent]) -> str:
    return "".join(each.text for each in events if isinstance(each, Text))


def test_each_character_leaves_once_though_its_part_is_told_of_many_times() -> None:
    transcript = RunTranscript()
    told = transcript.add(
        [
            message(),
            part("p", "text", text=""),
            delta("p", "one "),
            delta("p", "two"),
            part("p", "text", text="one two"),
            part("p", "text", text="one two"),
        ]
    )
    assert texts(told) == "one two"


def test_a_whole_text_gives_what_no_delta_has_told() -> None:
    transcript = RunTranscript()
    told = transcript.add([message(), part("p", "text", text="on"), part("p", "text", text="one two")])
    assert texts(told) == "one two"


def test_a_delta_of_a_part_that_nobody_has_told_of_waits_for_the_whole_part() -> None:
    transcript = RunTranscript()
    assert transcript.add([message(), delta("p", "two")]) == []
    assert texts(transcript.add([part("p", "text", text="one two")])) == "one two"


def test_the_prompt_is_told_of_and_does_not_leave() -> None:
    transcript = RunTranscript()
    prompt = [message("user", "u"), part("q", "text", "u", text="the prompt"), delta("q", "more", "u")]
    assert transcript.add(prompt) == []


def test_reasoning_leaves_as_reasoning() -> None:
    told = RunTranscript().add([message(), part("p", "reasoning", text=""), delta("p", "hm")])
    assert told == [Reasoning("hm")]


def test_the_tokens_of_all_steps_are_added_up_and_the_finish_is_the_last_step_s() -> None:
    transcript = RunTranscript()
    tokens = {"input": 10, "output": 2, "reasoning": 1, "cache": {"read": 3, "write": 4}}
    told = transcript.add(
        [
            message(),
            part("s", "step-finish", reason="tool-calls", tokens=tokens),
            part("s", "step-finish", reason="tool-calls", tokens=tokens),
            message(id_="n"),
            part("t", "step-finish", "n", reason="length", tokens=tokens),
            idle(),
            idle(),
        ]
    )
    assert told[:2] == [StepFinished(), StepFinished()]
    usage, finished = told[2:]
    assert isinstance(usage, UsageSeen)
    assert (usage.usage.prompt_tokens, usage.usage.completion_tokens) == (34, 6)
    assert (usage.usage.cached_tokens, usage.usage.reasoning_tokens) == (6, 2)
    assert finished == Finished("length")
    assert transcript.done


def test_a_session_that_is_idle_before_it_has_said_anything_is_not_over() -> None:
    transcript = RunTranscript()
    assert transcript.add([idle(), event("session.status", status={"type": "idle"})]) == []
    assert not transcript.done


def test_a_session_that_was_never_heard_of_and_rests_broke_off() -> None:
    transcript = RunTranscript()
    assert transcript.idle() == []
    assert transcript.fault is not None
    assert transcript.fault.detail is Detail.TRUNCATED


@pytest.mark.parametrize(
    ("name", "data", "last"),
    [
        ("MessageAbortedError", {"message": "Aborted"}, AbortedByUpstream()),
        ("MessageOutputLengthError", {}, Finished("length")),
        ("ContentFilterError", {"message": "no"}, Finished("content-filter")),
        ("ContextOverflowError", {"message": "long"}, Failed("long", Detail.CONTEXT_LENGTH)),
        ("UnknownError", {"message": "it broke"}, Failed("it broke")),
    ],
)
def test_an_error_of_the_runtime_ends_the_run_by_its_class(
    name: str, data: dict[str, str], last: UpstreamEvent
) -> None:
    transcript = RunTranscript()
    assert transcript.add([message(), error(name, **data), idle()])[-1] == last
    assert transcript.done


@pytest.mark.parametrize(
    ("name", "data", "end_reason", "status"),
    [
        ("APIError", {"message": "slow down", "statusCode": 429}, EndReason.UPSTREAM_ERROR, 429),
        ("APIError", {"message": "who", "statusCode": 401}, EndReason.UPSTREAM_AUTH_ERROR, 401),
        ("ProviderAuthError", {"message": "no key"}, EndReason.UPSTREAM_AUTH_ERROR, None),
    ],
)
def test_an_error_of_the_model_behind_is_the_fault_that_its_status_is(
    name: str, data: dict[str, object], end_reason: EndReason, status: int | None
) -> None:
    transcript = RunTranscript()
    transcript.add([error(name, **data), idle()])
    assert transcript.fault is not None
    assert (transcript.fault.end_reason, transcript.fault.status) == (end_reason, status)


def test_an_error_of_the_message_counts_where_no_event_tells_of_it() -> None:
    transcript = RunTranscript()
    aborted = {"name": "MessageAbortedError", "data": {"message": "Aborted"}}
    assert transcript.add([message(error=aborted), idle()]) == [AbortedByUpstream()]


def test_tool_runs_of_the_runtime_are_counted_once_and_shown_only_where_that_is_asked_for() -> None:
    runs = [
        message(),
        *(part("t", "tool", tool="bash", state={"status": status}) for status in ("running", "completed")),
        part("t", "tool", tool="bash", state={"status": "completed"}),
        part("u", "tool", tool="read", state={"status": "error"}),
    ]
    silent, shown = RunTranscript(), RunTranscript(shows_tools=True)
    assert silent.add(runs) == [RuntimeToolRan(), RuntimeToolRan()]
    assert [type(each) for each in shown.add(runs)] == [RuntimeToolRan, Reasoning] * 2


def test_what_the_session_asks_is_kept_for_who_answers() -> None:
    transcript = RunTranscript()
    transcript.add([event("permission.asked", id="per_1"), event("question.asked", id="que_1")])
    assert transcript.asked == [("permission", "per_1"), ("question", "que_1")]


def test_nothing_is_read_after_the_end_of_the_run() -> None:
    transcript = RunTranscript()
    assert transcript.add([message(), idle(), part("p", "text", text="late")]) == [Finished(None)]


def test_after_a_look_at_the_messages_only_whole_texts_of_their_parts_count() -> None:
    transcript = RunTranscript()
    transcript.add([message(), part("p", "text", text=""), delta("p", "one ")])
    assert texts(transcript.look([message(), part("p", "text", text="one two ")])) == "two "
    late = [delta("p", "two "), delta("p", "three"), part("p", "text", text="one two three")]
    assert texts(transcript.add(late)) == "three"
    further = [part("q", "text", text=""), delta("q", " four")]
    assert texts(transcript.add(further)) == " four"
