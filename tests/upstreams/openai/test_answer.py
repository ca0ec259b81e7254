"""An answer in one piece as events."""

import pytest

from mix2api.upstreams.openai.answer import events_of_answer
from mix2api.upstreams.port import Failed, Finished, Reasoning, Text, ToolInputAvailable, UsageSeen
from mix2api.upstreams.site_upstream import MalformedAnswer
from mix2api.wire.passed_on import PassedOn


def test_a_completion_is_its_content_what_passes_its_usage_and_its_finish() -> None:
    events = events_of_answer(
        b'{"id":"x","object":"chat.completion","created":1,"model":"m","system_fingerprint":"fp","choices":[{"index":0,'
        b'"message":{"role":"assistant","content":"hi","reasoning":"so","refusal":null,"annotations":[1]},'
        b'"logprobs":{"content":[]},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2}}'
    )
    *before, usage, finish = events
    assert before == [
        Reasoning("so"),
        Text("hi"),
        PassedOn(
            delta={"annotations": "[1]"},
            choice={"logprobs": '{"content":[]}'},
            chunk={"system_fingerprint": '"fp"'},
        ),
    ]
    assert isinstance(usage, UsageSeen)
    assert finish == Finished("stop")


def test_calls_are_whole_and_have_an_id_of_ours_where_they_came_without() -> None:
    assert events_of_answer(
        b'{"choices":[{"message":{"content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"f",'
        b'"arguments":"{}"}},{"function":{"name":"g"}},{}]},"finish_reason":"tool_calls"}]}'
    ) == [
        ToolInputAvailable("c", "f", "{}"),
        ToolInputAvailable("call-1", "g", ""),
        ToolInputAvailable("call-2", "", ""),
        Finished("tool_calls"),
    ]


def test_content_in_parts_is_their_text_and_half_a_character_is_replaced() -> None:
    assert events_of_answer(
        rb'{"choices":[{"message":{"content":[{"type":"text","text":"a"},{"text":"b\ud83d"},{"type":"x"}]}}]}'
    ) == [Text("ab\ufffd"), Finished(None)]


def test_a_choice_without_a_message_is_an_empty_answer() -> None:
    assert events_of_answer(b'{"choices":[{"finish_reason":"length"}]}') == [Finished("length")]


@pytest.mark.parametrize(
    "body", [b'{"error":{"message":"no"}}', b'{"detail":"no"}', b'{"choices":null,"message":"no"}']
)
def test_an_error_under_200_is_the_failure_that_it_is(body: bytes) -> None:
    assert events_of_answer(body) == [Failed("no")]


@pytest.mark.parametrize(
    "body", [b"", b"[]", b'{"choices":[]}', b'{"choices":5}', b'{"choices":[{"message":5}]}']
)
def test_what_is_no_completion_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedAnswer):
        events_of_answer(body)
