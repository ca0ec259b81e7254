"""Chat requests that are accepted, in every form in which clients send them."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from wire.request_bodies import USER, body, refusal

from mix2api.wire.chat_request import SAMPLING_FIELDS, decode_chat_request
from mix2api.wire.request_fields import REQUEST_FIELDS
from mix2api.wire.turn import AskedBase, FunctionCall

CAPTURES = sorted((Path(__file__).parent.parent / "data" / "captures").glob("*.json"))


@pytest.mark.parametrize("capture", CAPTURES, ids=lambda path: path.stem)
def test_what_real_clients_send_is_accepted(capture: Path) -> None:
    sent = msgspec.json.decode(capture.read_bytes())["body"]
    turn = decode_chat_request(msgspec.json.encode(sent))
    assert turn.model == sent["model"]
    assert [message.role for message in turn.messages] == [message["role"] for message in sent["messages"]]
    assert turn.tools == sent.get("tools")


def test_there_are_captures_to_try() -> None:
    assert len(CAPTURES) == 14


def test_the_smallest_request_has_only_defaults() -> None:
    turn = decode_chat_request(body())
    assert (turn.stream, turn.include_usage, turn.max_tokens, turn.sampling) == (False, False, None, {})


def test_null_means_absent() -> None:
    names = [row.name for row in REQUEST_FIELDS if row.name not in {"model", "messages"}]
    assert decode_chat_request(body(**dict.fromkeys(names))) == decode_chat_request(body())


def test_what_is_passed_on_is_passed_on_unchanged() -> None:
    sampling = {
        "temperature": 0.5,
        "top_p": 1,
        "stop": ["a", "b"],
        "seed": 7,
        "presence_penalty": -2,
        "frequency_penalty": 2,
        "logit_bias": {"50256": -100},
        "response_format": {"type": "json_object"},
        "reasoning_effort": "low",
        "verbosity": "high",
    }
    assert set(sampling) == set(SAMPLING_FIELDS)
    assert decode_chat_request(body(**sampling)).sampling == sampling


def test_max_completion_tokens_wins_over_max_tokens() -> None:
    assert decode_chat_request(body(max_tokens=5)).max_tokens == 5
    assert decode_chat_request(body(max_tokens=5, max_completion_tokens=6)).max_tokens == 6


def test_usage_is_included_only_if_asked_for() -> None:
    assert decode_chat_request(body(stream=True, stream_options={"include_usage": True})).include_usage
    assert not decode_chat_request(body(stream=True, stream_options={})).include_usage


def test_the_headers_persona_wins_over_the_bodys() -> None:
    assert decode_chat_request(body(persona_id="body")).persona_id == "body"
    assert decode_chat_request(body(persona_id="body"), persona_id="header").persona_id == "header"


def test_the_asked_upstream_is_the_first_of_header_and_two_fields() -> None:
    both = body(upstream_base_url="https://a", upstream_api_base="https://b")
    header = AskedBase("https://h", "x-upstream-base-url")
    assert decode_chat_request(both, asked_base=header).asked_base == header
    assert decode_chat_request(both).asked_base == AskedBase("https://a", "upstream_base_url")
    only = decode_chat_request(body(upstream_base_url="", upstream_api_base="https://b"))
    assert only.asked_base == AskedBase("https://b", "upstream_api_base")
    assert decode_chat_request(body(upstream_base_url=None)).asked_base is None


def test_unknown_fields_are_ignored_everywhere() -> None:
    turn = decode_chat_request(body(surprise=[1], messages=[USER | {"cache_control": {"type": "ephemeral"}}]))
    assert turn == decode_chat_request(body())


def test_tools_of_every_type_go_through_unchanged() -> None:
    tools = [
        {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}, "strict": True}},
        {"type": "mcp", "server_label": "x"},
    ]
    turn = decode_chat_request(body(tools=tools, tool_choice="required", parallel_tool_calls=False))
    assert (turn.tools, turn.tool_choice, turn.parallel_tool_calls) == (tools, "required", False)
    assert not turn.legacy_functions


def test_legacy_functions_become_tools_and_are_remembered() -> None:
    turn = decode_chat_request(body(functions=[{"name": "f"}], function_call={"name": "f"}))
    assert turn.legacy_functions
    assert turn.tools == [{"type": "function", "function": {"name": "f"}}]
    assert turn.tool_choice == {"type": "function", "function": {"name": "f"}}


def test_tools_win_over_legacy_functions() -> None:
    turn = decode_chat_request(body(tools=[{"type": "x"}], functions=[{"name": "f"}], function_call="none"))
    assert not turn.legacy_functions
    assert (turn.tools, turn.tool_choice) == ([{"type": "x"}], "none")


def test_a_history_with_calls_keeps_them() -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    history = [
        USER,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": ""},
        {"role": "assistant", "function_call": {"name": "g", "arguments": ""}},
        {"role": "function", "name": "g", "content": None},
    ]
    turn = decode_chat_request(body(messages=history))
    assert turn.messages[1].tool_calls is not None
    assert turn.messages[1].tool_calls[0].function == FunctionCall(name="f", arguments="{}")
    assert turn.messages[3].function_call == FunctionCall(name="g")


# --- halves of characters, and the byte order mark


def recorded(name: str) -> bytes:
    """The body of a recorded request."""
    return (Path(__file__).parents[1] / "data" / "cases" / name).read_bytes().partition(b"\r\n\r\n")[2]


def test_half_a_character_in_a_message_is_replaced() -> None:
    turn = decode_chat_request(recorded("lone-surrogate-request.http"))
    assert turn.messages[0].content == "output of a command, cut: \ufffd ok"


@pytest.mark.parametrize(
    ("said", "read"),
    [
        (rb"\ud83d", "\ufffd"),
        (rb"\ude00", "\ufffd"),
        (rb"\ud83d\ude00", "\U0001f600"),
        (rb"\\ud83d", "\\ud83d"),
        (b"\xed\xa0\xbd", "\ufffd"),
        (b"\xed\xa0\xbd\xed\xb8\x80", "\U0001f600"),
        (b"\xed\xa0\xbd \\ude00", "\ufffd \ufffd"),
    ],
)
@pytest.mark.parametrize("filling", [b"", b"x" * 100_000])
def test_halves_are_replaced_wherever_they_stand(said: bytes, read: str, filling: bytes) -> None:
    call = b'{"id":"c","function":{"name":"f","arguments":"%b"}}' % said
    given = (
        b'{"model":"m","messages":[{"role":"user","content":"%b%b"},{"role":"assistant","tool_calls":[%b]}]}'
    )
    turn = decode_chat_request(given % (filling, said, call))
    assert turn.messages[0].content == filling.decode() + read
    (called,) = turn.messages[1].tool_calls or []
    assert called.function == FunctionCall("f", read)


@pytest.mark.parametrize(
    "broken", [rb'{"model":"\ud83d', b'{"model":"\xff\xed\xa0\xbd"}', rb'{"model":"\ud83d\x"}']
)
def test_a_body_that_is_broken_otherwise_is_refused_as_before(broken: bytes) -> None:
    assert refusal(broken).error_code == "invalid_json"


def test_a_wrong_value_beside_a_half_is_named() -> None:
    assert refusal(rb'{"model":5,"messages":[{"role":"user","content":"\ud83d"}]}').param == "model"


def test_a_byte_order_mark_is_skipped() -> None:
    assert decode_chat_request(recorded("byte-order-mark.http")).messages[0].content == "hi"
    assert decode_chat_request(b"\xef\xbb\xbf" + body()) == decode_chat_request(body())


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ("be brief", "be brief"),
        (
            [{"type": "text", "text": "be", "cache_control": {}}, {"type": "text", "text": "brief"}],
            "be\n\nbrief",
        ),
    ],
)
def test_anthropic_s_system_prompt_is_the_first_message(said: Any, text: str) -> None:
    turn = decode_chat_request(body(system=said))
    assert [message.role for message in turn.messages] == ["system", "user"]
    assert turn.messages[0].content == text


@pytest.mark.parametrize("said", ["", [], None])
def test_an_empty_system_prompt_is_none(said: Any) -> None:
    assert len(decode_chat_request(body(system=said)).messages) == 1


def test_anthropic_s_stop_sequences_are_stop_where_there_is_no_other() -> None:
    assert decode_chat_request(body(stop_sequences=["a"])).sampling == {"stop": ["a"]}
    assert decode_chat_request(body(stop="b", stop_sequences=["a"])).sampling == {"stop": "b"}


@pytest.mark.parametrize(
    "fields", [{"persona_id": "p"}, {"personaId": "p"}, {"request": {"persona_id": "p", "agent_slug": "x"}}]
)
def test_a_persona_has_three_names(fields: Any) -> None:
    assert decode_chat_request(body(**fields)).persona_id == "p"


@pytest.mark.parametrize("said", [None, 5, "x", {}, {"persona_id": 5}])
def test_what_else_stands_under_request_is_nothing(said: Any) -> None:
    assert decode_chat_request(body(request=said)).persona_id is None


@pytest.mark.parametrize(
    "fields", [{"session_id": "s"}, {"sessionId": "s"}, {"metadata": {"session_id": "s"}}]
)
def test_a_session_has_three_names(fields: Any) -> None:
    assert decode_chat_request(body(**fields)).session == "s"
