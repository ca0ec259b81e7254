import hashlib

import pytest

from mix2api.demo.answers import (
    FOREIGN,
    Answer,
    Call,
    answer_text,
    compose,
    group_of,
    is_shaped,
    numbered_text,
    wanted_group,
)
from mix2api.demo.contexts import Asked, ToolOutcome
from mix2api.demo.directives import CallForm, find_directives
from mix2api.demo.offers import NOTHING_OFFERED, Offer, OfferedTool
from mix2api.demo.options import DemoOptions
from mix2api.demo.sentences import answer_about, answer_from

NUMBERED = DemoOptions(chunks=2, size=16)
WEATHER = OfferedTool(
    "get_weather",
    parameters={"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)
TIME = OfferedTool("get_time")


def answer_to(text: str, *outcomes: ToolOutcome, step: int = 0) -> Answer:
    words, asked = find_directives(text), Asked(text, outcomes, step)
    return compose(asked, words, NUMBERED, group_of(asked, words), ["c1", "c2"])


def called(
    text: str, *tools: OfferedTool, step: int = 0, must: bool = False, single: bool = False
) -> list[tuple[str, str]]:
    group = wanted_group(Asked(text, step=step), Offer(tools, must=must, single=single))
    return [] if group is None else [(call.name, call.arguments) for call in group.calls]


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
    assert "".join(last.pieces) == "The tool a answered: 1\nThe tool b answered: 2"
    assert (last.calls, last.finish) == ((), "stop")


@pytest.mark.parametrize("chunks", [1, 16, 99_999, 100_000, 100_123])
@pytest.mark.parametrize("size", [1, 16, 24])
def test_the_length_of_a_numbered_text_is_known_without_making_it(chunks: int, size: int) -> None:
    text = numbered_text("x", chunks, size)
    assert text.chars == sum(map(len, text))


def test_without_directives_the_answer_is_sentences_in_deltas_of_the_size() -> None:
    asked = Asked("Why is the sky blue?")
    said = compose(asked, find_directives(asked.text), DemoOptions(size=10), None, ())
    assert "".join(said.pieces) == answer_about(asked.text, asked.text) == answer_text(asked.text)
    assert {len(piece) for piece in said.pieces[:-1]} == {10}
    assert said.chars == len(answer_text(asked.text))


@pytest.mark.parametrize(
    ("prompt", "text"),
    [
        ("a [[say:b]]", "b"),
        ("a [[chunks:3]]", "".join(numbered_text("a [[chunks:3]]", 3, 24))),
        ("a [[size:40]]", "".join(numbered_text("a [[size:40]]", 16, 40))),
        ("a [[unicode]]", "".join(numbered_text("a [[unicode]]", 16, 24, foreign=True))),
        ("a [[usage]]", answer_about("a [[usage]]", "a")),
    ],
)
def test_the_text_that_belongs_to_a_prompt_can_be_had(prompt: str, text: str) -> None:
    assert answer_text(prompt) == text


def test_the_text_that_belongs_to_results_can_be_had() -> None:
    outcome = ToolOutcome("a", "1")
    assert answer_text("go [[tools:a]]", outcome) == answer_from("go", [outcome])


def test_the_words_call_the_tool_that_they_ask_for_with_what_they_say() -> None:
    assert called("What is the weather in Oslo?", WEATHER, TIME) == [("get_weather", '{"city":"Oslo"}')]
    assert called("What is the weather in Oslo?") == []
    assert called("Hello!", WEATHER, TIME) == []


def test_the_tools_of_one_text_are_called_one_a_round() -> None:
    text = "Tell me the weather in Oslo and then the time."
    assert called(text, WEATHER, TIME) == [("get_weather", '{"city":"Oslo"}')]
    assert called(text, WEATHER, TIME, step=1) == [("get_time", "{}")]
    assert called(text, WEATHER, TIME, step=2) == []


def test_a_list_of_things_is_called_for_in_one_round() -> None:
    text = "Tell me the weather in Oslo and Rome, and then the time."
    oslo, rome = ("get_weather", '{"city":"Oslo"}'), ("get_weather", '{"city":"Rome"}')
    assert called(text, WEATHER, TIME) == [oslo, rome]
    assert called(text, WEATHER, TIME, step=1) == [("get_time", "{}")]


def test_a_list_of_things_takes_a_round_each_where_an_answer_may_hold_one_call() -> None:
    text = "Tell me the weather in Oslo and Rome, and then the time."
    rounds = [called(text, WEATHER, TIME, step=step, single=True) for step in range(4)]
    assert rounds == [
        [("get_weather", '{"city":"Oslo"}')],
        [("get_weather", '{"city":"Rome"}')],
        [("get_time", "{}")],
        [],
    ]


def test_a_demanded_call_is_made_whatever_the_words_say() -> None:
    assert called("Hello!", TIME, WEATHER, must=True) == [("get_time", "{}")]
    assert called("The weather in Oslo!", TIME, WEATHER, step=5, must=True) == [
        ("get_weather", '{"city":"Oslo"}')
    ]
    assert called("Hello!", must=True) == []


def test_an_agent_that_tells_results_as_the_user_gets_its_closing_call() -> None:
    text = {"type": "string"}
    schema = {"type": "object", "properties": {"answer": text}, "required": ["answer"]}
    closing = OfferedTool("final_answer", parameters=schema)
    assert called("Observation:\nIt is raining: get_time", TIME, closing, must=True) == [
        ("final_answer", '{"answer":"It is raining: get_time"}')
    ]
    assert called("Observation: the time", TIME, OfferedTool("finish")) == [("finish", "{}")]
    assert called("Observation: the time", TIME) == []


def test_a_tool_told_in_words_is_called_in_words() -> None:
    assert wanted_group(Asked("time?"), NOTHING_OFFERED) is None
    group = wanted_group(Asked("time?"), Offer((TIME,), in_words=True))
    assert group is not None
    assert group.form is CallForm.TEXT


@pytest.mark.parametrize("text", ["[[chunks:3]]", "[[say:x]]", "[[tools:a]]", "[[huge:3]]", "[[bad_tool:a]]"])
def test_a_directive_that_shapes_the_answer_leaves_no_room_for_tools(text: str) -> None:
    assert is_shaped(find_directives(text), DemoOptions())
    assert not is_shaped(find_directives("[[usage]] [[pace:1]]"), DemoOptions())
    assert is_shaped(find_directives(""), NUMBERED)
