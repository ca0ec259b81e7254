"""One chunk: the usual one, the fields that pass, and what is none."""

import msgspec
import pytest

from mix2api.upstreams.openai.chunks import (
    CallDelta,
    CalledFunction,
    Delta,
    MalformedChunk,
    chunk_in,
    decoded,
)
from mix2api.wire.passed_on import PassedOn

HEAD = '"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"m"'


def test_a_usual_chunk_is_its_delta_and_nothing_else() -> None:
    said = chunk_in(
        f'{{{HEAD},"choices":[{{"index":0,"delta":{{"content":"hi"}},"logprobs":null,"finish_reason":null}}]}}'.encode()
    )
    assert said.delta == Delta(content="hi")
    assert (said.finish_reason, said.error, said.passed_on, said.about) == (None, False, None, {})


def test_what_stands_beside_the_choices_is_told_apart() -> None:
    said = chunk_in(f'{{{HEAD},"system_fingerprint":"fp","service_tier":"x","choices":[]}}'.encode())
    assert said.about == {"system_fingerprint": '"fp"', "service_tier": '"x"'}
    assert said.delta == Delta()


def test_a_choice_without_a_delta_says_its_finish() -> None:
    assert chunk_in(b'{"choices":[{"finish_reason":"stop"}]}').finish_reason == "stop"
    assert chunk_in(b'{"choices":[{"x":1,"finish_reason":"stop"}]}').finish_reason == "stop"


def test_fields_of_another_s_are_kept_as_they_came_each_in_its_place() -> None:
    said = chunk_in(
        b'{"choices":[{"index":0,"delta":{"content":"a","refusal":"no","x":[1, 2.50],"y":null},'
        b'"logprobs":{"content":[]},"z":true}],"provider":"p","obfuscation":"xxxx"}'
    )
    assert said.delta == Delta(content="a")
    assert said.passed_on == PassedOn(
        delta={"refusal": '"no"', "x": "[1, 2.50]"}, choice={"logprobs": '{"content":[]}', "z": "true"}
    )
    assert said.about == {"provider": '"p"'}


def test_what_a_call_says_beside_its_own_fields_passes_under_its_index() -> None:
    said = chunk_in(
        b'{"choices":[{"delta":{"tool_calls":[{"index":1,"id":"c","function":{"name":"f","arguments":"{"},'
        b'"extra_content":{"google":{"thought_signature":"s"}}},{"id":"d","x":1}]}}]}'
    )
    assert said.delta.tool_calls == [
        CallDelta(index=1, id="c", function=CalledFunction("f", "{")),
        CallDelta(id="d"),
    ]
    assert said.passed_on is not None
    assert msgspec.json.decode(said.passed_on.delta["tool_calls"]) == [
        {"index": 1, "extra_content": {"google": {"thought_signature": "s"}}},
        {"index": 1, "x": 1},
    ]


@pytest.mark.parametrize(
    "payload", [b'{"error":{"message":"no"}}', b'{"detail":"no"}', b'{"error":"no","choices":[]}']
)
def test_an_error_and_what_has_no_choices_is_an_error(payload: bytes) -> None:
    assert chunk_in(payload).error


def test_an_error_that_is_null_is_none() -> None:
    assert not chunk_in(b'{"error":null,"choices":[{"delta":{"content":"a"}}]}').error


def test_half_a_character_is_replaced() -> None:
    assert chunk_in(rb'{"choices":[{"delta":{"content":"a\ud83d"}}]}').delta.content == "a\ufffd"


@pytest.mark.parametrize(
    "payload",
    [
        b"{",
        b"[1]",
        b'{"choices":[{"delta":{"content":5}}]}',
        b'{"choices":{}}',
        rb'{"choices":"\ud83d',
        b"\xff",
    ],
)
def test_what_is_no_chunk_is_malformed(payload: bytes) -> None:
    with pytest.raises(MalformedChunk):
        chunk_in(payload)


def test_a_payload_that_cannot_be_read_is_nothing() -> None:
    assert decoded(b"{") is None
    assert decoded(b'{"a":1}') == {"a": 1}
