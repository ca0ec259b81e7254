"""A body of the Responses API that passes as it came: what is read of it, and what it refers to."""

from typing import Any

import msgspec
import pytest

from mix2api.errors import InvalidRequest
from mix2api.steps import at_once
from mix2api.wire.responses_passed import model_in, passed_turn_steps
from mix2api.wire.turn import AskedBase, Operation, Reference, Turn

MESSAGE = {"role": "user", "content": "hello"}
CALL = {"type": "function_call", "call_id": "c", "name": "read", "arguments": "{}"}
READ = {"type": "function", "name": "read"}


def turn_of(operation: Operation | None = None, **fields: Any) -> Turn:
    body = msgspec.json.encode({"model": "gpt-5", **fields})
    return at_once(passed_turn_steps(b"\xef\xbb\xbf" + body, operation=operation))


def test_a_body_passes_field_by_field_but_for_ours() -> None:
    turn = turn_of(input="hello", x_new={"a": 1.50}, session_id="ours", stream=True, max_output_tokens=7)
    given = {name: msgspec.json.decode(raw) for name, raw in turn.given.items()}
    assert given == {
        "model": "gpt-5",
        "input": "hello",
        "x_new": {"a": 1.5},
        "stream": True,
        "max_output_tokens": 7,
    }
    assert (turn.is_responses, turn.stream, turn.max_tokens) == (True, True, 7)
    assert [message.content for message in turn.messages] == ["hello"]


def test_what_can_be_counted_is_read_and_the_rest_is_left_to_the_upstream() -> None:
    turn = turn_of(
        instructions="be good",
        input=[
            MESSAGE,
            CALL,
            {"type": "computer_call_output", "output": {"image": 1}},
            {"role": "user", "content": [{}]},
        ],
        tools=[READ, {"type": "web_search"}],
    )
    assert [message.role for message in turn.messages] == ["system", "user", "assistant"]
    assert [tool["function"]["name"] for tool in turn.tools or ()] == ["read"]


def test_what_only_its_maker_can_serve_is_noted_with_its_place() -> None:
    turn = turn_of(
        previous_response_id="resp_1",
        conversation={"id": "conv_1"},
        input=[
            {"type": "reasoning", "encrypted_content": "sealed"},
            {"type": "item_reference", "id": "msg_1"},
            {"role": "user", "content": [{"type": "input_file", "file_id": "file_1"}, "text"]},
            {"type": "code_interpreter_call", "container_id": "cntr_1"},
            {"type": "computer_call_output", "output": {"file_id": "file_2"}},
            {"type": "function_call_output", "output": [{"type": "input_image", "file_id": "file_3"}]},
        ],
        tools=[
            {"type": "code_interpreter", "container": "cntr_2"},
            {"type": "code_interpreter", "container": {"type": "auto", "file_ids": ["file_4", 1]}},
            {"type": "web_search"},
        ],
    )
    assert turn.refers == [
        Reference("resp_1", "previous_response_id"),
        Reference("conv_1", "conversation"),
        Reference("sealed", "input[0].encrypted_content", is_strict=False),
        Reference("msg_1", "input[1].id"),
        Reference("file_1", "input[2].content[0].file_id"),
        Reference("cntr_1", "input[3].container_id", is_strict=False),
        Reference("file_2", "input[4].output.file_id"),
        Reference("file_3", "input[5].output[0].file_id"),
        Reference("cntr_2", "tools[0].container", is_strict=False),
        Reference("file_4", "tools[1].container.file_ids[0]"),
    ]
    assert turn_of(input="x", conversation="conv_2").refers == [Reference("conv_2", "conversation")]
    assert turn_of(input="x", conversation={}).refers == []


def test_an_operation_is_never_a_stream() -> None:
    turn = turn_of(Operation("POST", "compact"), input="x", stream=True)
    assert (turn.stream, turn.operation) == (False, Operation("POST", "compact"))


def test_a_large_body_is_read_in_steps() -> None:
    body = msgspec.json.encode({"model": "m", "input": [MESSAGE] * 3000})
    base = AskedBase("https://x.example", "h")
    assert len(list(passed_turn_steps(body, asked_base=base))) > 3
    turn = at_once(passed_turn_steps(body, asked_base=base))
    assert (len(turn.messages), turn.asked_base) == (3000, base)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"stream": 1}, "stream"),
        ({"input": 3}, "input"),
        ({"max_output_tokens": 0}, "max_output_tokens"),
        ({"previous_response_id": "x" * 600}, "previous_response_id"),
    ],
)
def test_a_wrong_field_is_named(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        turn_of(**fields)
    assert caught.value.param == param


def test_a_body_that_is_nested_too_deeply_is_refused() -> None:
    deep: Any = "x"
    for _ in range(200):
        deep = [deep]
    with pytest.raises(InvalidRequest, match="nested too deeply"):
        turn_of(input=[{"role": "user", "content": deep}])


@pytest.mark.parametrize("body", [b"", b"{", b"{}", b'{"model":""}', b'{"model":3}', b"\xff"])
def test_a_body_without_a_model_names_none(body: bytes) -> None:
    assert model_in(body) is None


def test_the_model_is_found_without_reading_the_rest() -> None:
    assert model_in(b'\xef\xbb\xbf{"input":[1,{}],"model":"gpt-5"}') == "gpt-5"
