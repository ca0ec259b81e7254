import msgspec
import pytest

from mix2api.demo.bodies import decode_chat

REQUEST = {"agent_slug": "a", "model_slug": "m", "query": "what?"}


def test_the_query_is_kept_only_where_no_messages_came() -> None:
    chat = decode_chat(msgspec.json.encode({"request": REQUEST}))
    assert [message.raw for message in chat.messages] == [b'{"role":"user","content":"what?"}']
    spoken = {"request": REQUEST, "messages": [{"role": "user", "content": "hi", "x": 1}]}
    assert [message.raw for message in decode_chat(msgspec.json.encode(spoken)).messages] == [
        b'{"role":"user","content":"hi","x":1}'
    ]


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({}, "request"),
        ({"request": {"agent_slug": "a", "query": ""}}, "model_slug"),
        ({"request": REQUEST, "stream": "yes"}, "$.stream"),
        ({"request": REQUEST, "session_id": 5}, "$.session_id"),
        ({"request": {**REQUEST, "locale": "zh"}}, "$.request.locale"),
        ({"request": REQUEST, "messages": [{"role": 5}]}, "$.role"),
    ],
)
def test_a_wrong_field_is_named(body: dict[str, object], where: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=where.replace("$", r"\$")):
        decode_chat(msgspec.json.encode(body))


def test_what_is_no_json_is_refused() -> None:
    with pytest.raises(msgspec.DecodeError):
        decode_chat(b"\xff{")


@pytest.mark.parametrize(("effort", "reasons"), [("low", True), ("none", False), (None, False)])
def test_a_turn_asks_for_reasoning_by_its_effort(effort: str | None, *, reasons: bool) -> None:
    ask = {"agent_slug": "a", "model_slug": "m", "query": "hi"}
    chat = decode_chat(msgspec.json.encode({"request": ask, "reasoning_effort": effort}))
    assert chat.reasons is reasons
