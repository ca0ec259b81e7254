import msgspec
import pytest

from mix2api.demo.answers import Answer, Call
from mix2api.demo.directives import find_directives
from mix2api.demo.identities import Ids
from mix2api.demo.whole import whole_body

IDS = {"sessionId": "s1", "exchangeId": "e1"}
CALL = Call("c1", "a", '{"x":1}')


def body_of(text: str, **answer: object) -> object:
    said = Answer(**{"pieces": ("one ", "two")} | answer)  # type: ignore[arg-type]
    return msgspec.json.decode(
        whole_body(said, Ids("s1", "e1"), find_directives(f"{text} [[usage:none]]"), {})
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {"content": "one two", "messageMetadata": IDS}),
        ("[[json:text]]", {"text": "one two", "messageMetadata": IDS}),
        ("[[json:parts]]", {"parts": [{"type": "text", "text": "one two"}], "messageMetadata": IDS}),
        ("[[json:whole]]", {**IDS, "text": "one two", "toolCalls": [], "finishReason": "stop"}),
        ("[[no_ids]]", {"content": "one two", "messageMetadata": {}}),
    ],
)
def test_every_form_has_its_shape(text: str, expected: object) -> None:
    assert body_of(text) == expected


def test_calls_stand_in_the_forms_that_have_a_place_for_them() -> None:
    listed = [{"toolCallId": "c1", "toolName": "a", "input": {"x": 1}}]
    assert body_of("", pieces=(), calls=(CALL,), finish=None) == {**IDS, "text": "", "toolCalls": listed}
    parts = [{"type": "tool-input", "tool_name": "a", "tool_input": {"x": 1}}]
    assert body_of("[[json:parts]]", pieces=(), calls=(CALL,)) == {"parts": parts, "messageMetadata": IDS}


@pytest.mark.parametrize("word", ["json_error", "error_before", "error_mid", "error_frame_no_finish"])
def test_errors_are_an_error_object(word: str) -> None:
    assert body_of(f"[[{word}:too bad]]") == {"error": {"message": "too bad"}}
    assert body_of(f"[[{word}]]") == {"error": {"message": f"an error, as asked for by {word}"}}


def test_usage_stands_beside_the_answer_unless_a_word_forbids_it() -> None:
    said = Answer(pieces=("one ", "two"))
    body = msgspec.json.decode(whole_body(said, Ids("s1", "e1"), find_directives(""), {"outputTokens": 2}))
    assert body["usage"]["outputTokens"] == 2
    assert "usage" not in body_of("")  # type: ignore[operator]


def test_broken_json_cannot_be_read() -> None:
    with pytest.raises(msgspec.DecodeError):
        body_of("[[bad_json]]")
