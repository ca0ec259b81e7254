"""A turn as a prompt: instructions, history and new messages, each in its place, and nothing dropped."""

from typing import Any

from mix2api.upstreams.opencode.options import Profile
from mix2api.upstreams.opencode.prompt import prompt_of
from mix2api.upstreams.port import UpstreamCall
from mix2api.vocabulary import RequestId, RunId
from mix2api.wire.turn import FunctionCall, Message, MessageToolCall, Turn

IMAGE = "data:image/webp;base64,AAAA"


def prompt(*messages: Message, profile: Profile | None = None) -> dict[str, Any]:
    turn = Turn(model="m", messages=list(messages))
    call = UpstreamCall(run_id=RunId("r"), request_id=RequestId("q"), turn=turn, messages=list(messages))
    return prompt_of(call, profile or Profile())


def said(role: Any, content: Any, **more: Any) -> Message:
    return Message(role=role, content=content, **more)


def test_a_first_message_goes_as_it_is() -> None:
    assert prompt(said("user", "hello")) == {"parts": [{"type": "text", "text": "hello"}]}


def test_leading_instructions_go_as_the_system_prompt() -> None:
    found = prompt(said("system", "be short"), said("developer", "and kind"), said("user", "hello"))
    assert found["system"] == "be short\n\nand kind"
    assert found["parts"] == [{"type": "text", "text": "hello"}]


def test_the_history_goes_as_one_text_before_the_new_messages() -> None:
    call = MessageToolCall(id="call_1", function=FunctionCall("read", '{"path": "a"}'))
    found = prompt(
        said("user", "read a"),
        said("assistant", None, tool_calls=[call]),
        said("tool", "the text of a", tool_call_id="call_1"),
        said("assistant", "it is short"),
        said("user", "and now?"),
    )
    before, new = found["parts"]
    assert new == {"type": "text", "text": "and now?"}
    for line in (
        "user: read a",
        'assistant: [called read with {"path": "a"}]',
        "tool: the text of a",
        "assistant: it is short",
    ):
        assert line in before["text"]
    assert "new message follows" in before["text"]


def test_a_history_that_ends_with_a_result_is_all_there_is() -> None:
    (only,) = prompt(said("user", "a"), said("tool", "b", tool_call_id="c"))["parts"]
    assert "new message follows" not in only["text"]


def test_images_go_as_files_and_unknown_parts_as_their_json() -> None:
    parts = [
        {"type": "text", "text": "look"},
        {"type": "image_url", "image_url": {"url": IMAGE}},
        {"type": "image_url", "image_url": "https://site.example/a"},
        {"type": "input_audio", "input_audio": {"data": "AA"}},
    ]
    assert prompt(said("user", parts))["parts"] == [
        {"type": "text", "text": "look"},
        {"type": "file", "mime": "image/webp", "url": IMAGE},
        {"type": "file", "mime": "image/png", "url": "https://site.example/a"},
        {"type": "text", "text": '{"type":"input_audio","input_audio":{"data":"AA"}}'},
    ]


def test_parts_of_a_history_leave_their_text_or_their_type() -> None:
    parts = [{"type": "text", "text": "look"}, {"type": "image_url", "image_url": {"url": IMAGE}}]
    before, _ = prompt(said("user", parts), said("assistant", "yes"), said("user", "more"))["parts"]
    assert "user: look\n[image_url]" in before["text"]


def test_the_profile_chooses_model_and_agent() -> None:
    found = prompt(said("user", "a"), profile=Profile(model="maker/family/model", agent="plan"))
    assert found["model"] == {"providerID": "maker", "modelID": "family/model"}
    assert found["agent"] == "plan"
