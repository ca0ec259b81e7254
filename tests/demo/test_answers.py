import hashlib

import pytest

from mix2api.demo.answers import FOREIGN, Answer, Call, compose, numbered_text
from mix2api.demo.contexts import Asked, ToolOutcome
from mix2api.demo.directives import CallForm, find_directives
from mix2api.demo.options import DemoOptions


def answer_to(text: str, *outcomes: ToolOutcome, step: int = 0) -> Answer:
    words = find_directives(text)
    return compose(Asked(text, outcomes, step), words, DemoOptions(chunks=2, size=16), ["c1", "c2"])


def test_the_numbered_text_is_a_function_of_what_was_asked() -> None:
    digest = hashlib.sha256(b"hello").hexdigest()[:8]
    assert list(numbered_text("hello", 2, 18)) == [f"{digest}-00001 .. ", f"{digest}-00002 .. "]
    assert list(answer_to("hello").pieces) == list(numbered_text("hello", 2, 16))


@pytest.mark.parametrize("size", [1, 15, 16, 17, 40])
def test_a_numbered_delta_has_the_size_but_is_never_shorter_than_its_number(size: int) -> None:
    assert {len(piece) for piece in numbered_text("x", 3, size)} == {max(size, 15)}


def test_numbered_deltas_are_a_sequence() -> None:
    text = numbered_text("x", 3, 1)
    assert list(text[1:]) == [text[1], text[2]]
    with pytest.raises(IndexError):
        text[3]


def test_unicode_is_in_every_delta_when_asked_for() -> None:
    pieces = answer_to("[[unicode]]").pieces
    assert len(pieces) == 2
    assert all(FOREIGN in piece for piece in pieces)


def test_directives_shape_the_answer() -> None:
    assert len(answer_to("[[chunks:7]]").pieces) == 7
    assert list(answer_to("[[say:abcde]] [[size:2]]").pieces) == ["ab", "cd", "e"]
    assert list(answer_to("[[say:]]").pieces) == []
    assert list(answer_to("[[huge:9]]").pieces) == ["x" * 9]
    assert answer_to("[[reasoning:why not]] [[size:4]]").reasoning == ("why ", "not")


@pytest.mark.parametrize(
    ("text", "finish"),
    [
        ("hi", "stop"),
        ("[[length]]", "length"),
        ("[[content_filter]]", "content-filter"),
        ("[[no_reason]]", None),
        ("[[finish:other]]", "other"),
        ("[[tools:a]]", "tool-calls"),
        ("[[bad_tool:a]]", "tool-calls"),
        ("[[text_tools:a]]", "stop"),
    ],
)
def test_the_finish_tells_what_happened_or_what_was_asked_for(text: str, finish: str | None) -> None:
    assert answer_to(text).finish == finish


def test_native_calls_come_without_text_unless_something_is_to_be_said() -> None:
    called = answer_to('[[tools_whole:a{"x":1};b]]')
    assert (list(called.pieces), called.form) == ([], CallForm.WHOLE)
    assert called.calls == (Call("c1", "a", '{"x":1}'), Call("c2", "b", "{}"))
    assert list(answer_to("[[bad_tool:a]]").pieces) == []
    assert "".join(answer_to("[[say:Let me look.]] [[tools:a]]").pieces) == "Let me look."


def test_calls_in_text_are_protocol_text() -> None:
    written = answer_to('[[text_tools:a{"x": 1};b]]')
    assert (
        "".join(written.pieces)
        == '{"tool_calls":[{"name":"a","arguments":{"x": 1}},{"name":"b","arguments":{}}]}'
    )
    assert written.calls == ()


def test_groups_of_calls_are_steps_and_then_the_results_are_quoted() -> None:
    text = "[[tools:a]] [[tools:b]]"
    outcome = ToolOutcome("a", "1")
    assert [call.name for call in answer_to(text).calls] == ["a"]
    assert [call.name for call in answer_to(text, outcome, step=1).calls] == ["b"]
    last = answer_to(text, outcome, ToolOutcome("b", "2"), step=2)
    assert "".join(last.pieces) == "RESULTS a=1; b=2"
    assert (last.calls, last.finish) == ((), "stop")
