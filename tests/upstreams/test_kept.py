"""What a site keeps that has no form of its own: what the client sent."""

from mix2api.sessions.prepared_turn import prepare
from mix2api.upstreams.kept import PLAIN, as_given
from mix2api.wire.turn import Message, Turn

MESSAGES = [Message(role="user", content="x")]
TOOL = {"type": "function", "function": {"name": "look"}}


def test_messages_are_kept_as_they_are() -> None:
    kept = as_given(prepare(Turn(model="m", messages=MESSAGES)), is_told=False)
    assert kept is PLAIN


def test_tools_are_kept_as_json_and_told_once() -> None:
    prepared = prepare(Turn(model="m", messages=MESSAGES, tools=[TOOL]))
    assert as_given(prepared, is_told=False).texts == ('[{"type":"function","function":{"name":"look"}}]',)
    assert as_given(prepared, is_told=True) is PLAIN
