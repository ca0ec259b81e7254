"""The fields of a body as they came."""

from typing import Any

import msgspec

from mix2api.steps import at_once
from mix2api.wire.chat_request import chat_request_steps, decode_chat_request

USER = {"role": "user", "content": "a", "x": 1}


def given(**fields: Any) -> dict[str, Any]:
    body = msgspec.json.encode({"model": "m", "messages": [USER], **fields})
    turn = at_once(chat_request_steps(body, keeps_given=lambda _: True))
    return {name: msgspec.json.decode(raw) for name, raw in turn.given.items()}


def test_unknown_fields_stay_and_ours_go() -> None:
    assert given(top_k=1, session_id="s", persona_id="p", upstream_base_url="https://a.example") == {
        "model": "m",
        "messages": [USER],
        "top_k": 1,
    }


def test_nothing_is_kept_for_other_kinds() -> None:
    assert decode_chat_request(msgspec.json.encode({"model": "m", "messages": [USER]})).given == {}


def test_tools_stay_only_as_far_as_they_are_in_openai_s_form() -> None:
    tool = {"type": "function", "function": {"name": "f", "strict": True}}
    assert given(tools=[tool], tool_choice="auto")["tools"] == [tool]
    bare = given(tools=[{"name": "f", "input_schema": {}}], tool_choice={"type": "any"})
    assert "tools" not in bare
    assert "tool_choice" not in bare


def test_legacy_fields_go_with_the_messages() -> None:
    assert given(functions=[{"name": "f"}], function_call="auto").keys() == {"model"}
    result = {"role": "function", "name": "f", "content": "r"}
    assert given(messages=[USER, {"role": "assistant", "function_call": {"name": "f"}}, result]).keys() == {
        "model"
    }


def test_blocks_of_anthropic_s_go_with_the_messages() -> None:
    assert "messages" not in given(
        messages=[{"role": "assistant", "content": [{"type": "thinking", "thinking": "t"}]}]
    )


def test_a_body_with_half_a_character_is_kept_mended() -> None:
    body = rb'{"model":"m","messages":[{"role":"user","content":"a\ud83d"}],"x":"\ud83d"}'
    turn = at_once(chat_request_steps(body, keeps_given=lambda _: True))
    assert msgspec.json.decode(turn.given["x"]) == "\ufffd"


def test_values_go_on_as_they_are_meant() -> None:
    call = {"id": 7, "type": "function", "function": {"name": "f", "arguments": {"a": 1}}}
    answer = {"role": "assistant", "content": "b", "tool_calls": [call]}
    result = {"role": "tool", "tool_call_id": 7, "content": "r"}
    sent = given(messages=[USER, answer, result], max_tokens=5.0, top_k=1)
    assert (sent["max_tokens"], sent["top_k"]) == (5, 1)
    assert sent["messages"][1]["tool_calls"][0]["id"] == sent["messages"][2]["tool_call_id"] == "7"
    assert sent["messages"][1]["tool_calls"][0]["function"]["arguments"] == '{"a":1}'


def test_anthropic_s_system_prompt_and_stop_sequences_go_on_in_openai_s_form() -> None:
    sent = given(system="be brief", stop_sequences=["x"])
    assert sent == {"model": "m", "stop": ["x"]}
