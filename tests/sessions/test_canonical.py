"""What counts in a history and what does not, rule by rule: as it was given, and as a client or gateway echoes it."""

import json
from typing import Any

import pytest
from histories import Given, answer, call, calling, lineage, messages, result, user
from hypothesis import given as over
from hypothesis import strategies as st

from mix2api.sessions.canonical import (
    answer_piece,
    canonical_arguments,
    canonical_json,
    instructions_form,
    leading_instructions,
    pieces,
    tools_form,
)
from mix2api.wire.turn import Message

History = list[Given]

IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
OTHER_IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,R0lGODlhAQA="}}
AUDIO = {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}}
FILE = {"type": "file", "file": {"file_id": "file-1"}}


def text(words: str, kind: str = "text", **more: Any) -> dict[str, Any]:
    return {"type": kind, "text": words, **more}


def function_call(arguments: str = "{}") -> Given:
    return answer(None, function_call={"name": "read", "arguments": arguments})


def returned(name: str = "read") -> Given:
    return {"role": "function", "name": name, "content": "done"}


SAME: dict[str, tuple[History, History]] = {
    "line ends": ([user("a\r\nb")], [user("a\nb")]),
    "white space at both ends": ([user(), answer("  hello\n")], [user(), answer("hello")]),
    "a part of text": ([user("hi")], [user([text("hi")])]),
    "an answer as a part of text": ([user(), answer("a")], [user(), answer([text("a")])]),
    "parts of text joined": ([user("hello world")], [user([text("hello "), text("world")])]),
    "white space around an image": (
        [user([text("a\r\n"), IMAGE, text(" b")])],
        [user([text(" a\n"), IMAGE, text(" b ")])],
    ),
    "parts of text of other names": ([user([text("a", "input_text")])], [user([text("a", "output_text")])]),
    "cache marks on text": ([user("a")], [user([text("a", cache_control={"type": "ephemeral"})])]),
    "cache marks on other parts": (
        [user([IMAGE])],
        [user([IMAGE | {"cache_control": {"type": "ephemeral"}}])],
    ),
    "cache marks on files": ([user([FILE])], [user([FILE | {"cache_control": {"type": "ephemeral"}}])]),
    "keys that nobody knows": ([user(), answer("a")], [user(), answer("a", audio=None, annotations=[])]),
    "names": ([user("a")], [user("a") | {"name": "jo"}]),
    "an answer in two": ([user(), answer("hello world")], [user(), answer("hello "), answer("world")]),
    "text and call in two": ([user(), calling("{}", text="so")], [user(), answer("so"), calling("{}")]),
    "an answer with nothing in it": ([user("a"), user("b")], [user("a"), answer(""), user("b")]),
    "an answer of null": ([user("a"), user("b")], [user("a"), answer(None), user("b")]),
    "an answer of white space": ([user("a"), user("b")], [user("a"), answer(" \r\n"), user("b")]),
    "an answer of nothing but thought": (
        [user("a"), user("b")],
        [user("a"), answer("<think>x</think>"), user("b")],
    ),
    "an answer with an empty list of calls": (
        [user("a"), user("b")],
        [user("a"), answer("", tool_calls=[]), user("b")],
    ),
    "null for no text beside calls": ([user(), calling("{}", text=None)], [user(), calling("{}", text="")]),
    "one leading thought": ([user(), answer("<think>hm</think>\n\nhello")], [user(), answer("hello")]),
    "white space before the thought": (
        [user(), answer("\n<think>hm</think>hello")],
        [user(), answer("hello")],
    ),
    "a thought as a part": (
        [user(), answer([{"type": "thinking", "thinking": "hm"}, text("hello")])],
        [user(), answer("hello")],
    ),
    "reasoning as a field": ([user(), answer("hello", reasoning_content="hm")], [user(), answer("hello")]),
    "arguments' white space": (
        [user(), calling('{"a":1,"b":[1,2]}')],
        [user(), calling('{ "a": 1,\n "b": [1, 2] }')],
    ),
    "arguments' order": ([user(), calling('{"a":1,"b":2}')], [user(), calling('{"b":2,"a":1}')]),
    "numbers as JavaScript has them": (
        [user(), calling('{"a":1.0,"b":1e2,"c":-0.0}')],
        [user(), calling('{"a":1,"b":100,"c":0}')],
    ),
    "integers beyond JavaScript's": (
        [user(), calling('{"a":12345678901234567890}')],
        [user(), calling('{"a":12345678901234567000}')],
    ),
    "escapes": ([user(), calling('{"a":"\\u00e9\\/"}')], [user(), calling('{"a":"é/"}')]),
    "no arguments": ([user(), calling("")], [user(), calling("{}")]),
    "arguments that are no JSON, stripped": ([user(), calling(" {a: ")], [user(), calling("{a:")]),
    "a legacy call's order": (
        [user(), function_call('{"a":1,"b":2}')],
        [user(), function_call('{"b": 2, "a": 1}')],
    ),
    "results in another order": (
        [user(), calling("{}", "{}"), result("x", "call_0"), result("y", "call_1")],
        [user(), calling("{}", "{}"), result("y", "call_1"), result("x", "call_0")],
    ),
    "results with an empty answer between": (
        [user(), calling("{}", "{}"), result("x", "call_0"), result("y", "call_1")],
        [user(), calling("{}", "{}"), result("y", "call_1"), answer(""), result("x", "call_0")],
    ),
    "results as parts": ([user(), calling("{}"), result("x")], [user(), calling("{}"), result([text("x")])]),
    "an image's detail": (
        [user([IMAGE])],
        [user([{"type": "image_url", "image_url": IMAGE["image_url"] | {"detail": "auto"}}])],
    ),  # type: ignore[operator]
    "an image's other form": (
        [user([IMAGE])],
        [user([{"type": "input_image", "image_url": "data:image/png;base64,iVBORw0KGgo="}])],
    ),
    "a developer further down": (
        [user(), {"role": "system", "content": "x"}, user()],
        [user(), {"role": "developer", "content": "x"}, user()],
    ),
    "leading instructions": (
        [{"role": "system", "content": "x"}, user()],
        [{"role": "developer", "content": "y"}, user()],
    ),
}
"""The same history: the digest must not change. (Leading instructions count in the realm.)"""

OTHER: dict[str, tuple[History, History]] = {
    "another word": ([user("a")], [user("b")]),
    "white space inside": ([user("a b")], [user("a  b")]),
    "a line break inside": ([user("a b")], [user("a\nb")]),
    "case": ([user("a")], [user("A")]),
    "who said it": ([user("a"), answer("b")], [answer("a"), user("b")]),
    "one message or two": ([user("ab")], [user("a"), user("b")]),
    "where a message ends": ([user("ab"), user("c")], [user("a"), user("bc")]),
    "a message twice": ([user("a")], [user("a"), user("a")]),
    "an empty message of the user": ([user("a")], [user("a"), user("")]),
    "a thought that is not the answer's": ([user("<think>x</think>a")], [user("a")]),
    "a thought as a user's part": (
        [user([{"type": "thinking", "thinking": "x"}, text("a")])],
        [user([text("a")])],
    ),
    "a second thought": ([user(), answer("<think>x</think><think>y</think>a")], [user(), answer("a")]),
    "a thought further down": ([user(), answer("a<think>x</think>")], [user(), answer("a")]),
    "a thought without an end": ([user(), answer("<think>a")], [user(), answer("a")]),
    "an image": ([user([IMAGE])], [user([OTHER_IMAGE])]),
    "an image more": ([user([text("a"), IMAGE])], [user([text("a")])]),
    "two images' order": ([user([IMAGE, OTHER_IMAGE])], [user([OTHER_IMAGE, IMAGE])]),
    "an image's place in the text": ([user([text("a"), IMAGE, text("b")])], [user([text("a"), text("b"), IMAGE])]),
    "an image as text": ([user([IMAGE])], [user(IMAGE["image_url"]["url"])]),  # type: ignore[index]
    "a file": ([user([FILE])], [user([{"type": "file", "file": {"file_id": "file-2"}}])]),
    "a sound": ([user([AUDIO])], [user([{"type": "input_audio", "input_audio": {"data": "UklGRh==", "format": "wav"}}])]),
    "an unknown part": ([user([{"type": "place", "at": 1}])], [user([{"type": "place", "at": 2}])]),
    "an image without a URL": ([user([{"type": "image_url", "image_url": {"id": 1}}])], [user([{"type": "image_url", "image_url": {"id": 2}}])]),
    "a call's id": ([user(), answer(None, tool_calls=[call(call_id="call_1")])], [user(), answer(None, tool_calls=[call(call_id="call_2")])]),
    "a call's tool": ([user(), answer(None, tool_calls=[call(name="read")])], [user(), answer(None, tool_calls=[call(name="write")])]),
    "a call's arguments": ([user(), calling('{"a":1}')], [user(), calling('{"a":2}')]),
    "a number and a string": ([user(), calling('{"a":1}')], [user(), calling('{"a":"1"}')]),
    "true and one": ([user(), calling('{"a":1}')], [user(), calling('{"a":true}')]),
    "a list's order": ([user(), calling('{"a":[1,2]}')], [user(), calling('{"a":[2,1]}')]),
    "arguments that are no JSON and the string that looks so": ([user(), calling("{a:")], [user(), calling('"{a:"')]),
    "a call more": ([user(), calling("{}")], [user(), calling("{}", "{}")]),
    "the calls' order": ([user(), calling('{"a":1}', '{"a":2}')], [user(), answer(None, tool_calls=[call('{"a":2}', call_id="call_1"), call('{"a":1}', call_id="call_0")])]),
    "a call and its text": ([user(), calling("{}")], [user(), answer("call_0 read {}")]),
    "text beside a call": ([user(), calling("{}", text="a")], [user(), calling("{}", text="b")]),
    "beside which call": (
        [user(), calling("{}", text="a"), result(), calling("{}")],
        [user(), calling("{}"), result(), calling("{}", text="a")],
    ),
    "a custom tool's input": (
        [user(), answer(None, tool_calls=[{"id": "call_1", "type": "custom", "custom": {"name": "sh", "input": "ls"}}])],
        [user(), answer(None, tool_calls=[{"id": "call_1", "type": "custom", "custom": {"name": "sh", "input": "rm"}}])],
    ),
    "a legacy call and one with an id": ([user(), function_call()], [user(), answer(None, tool_calls=[call()])]),
    "a legacy result's name": ([user(), function_call(), returned("read")], [user(), function_call(), returned("write")]),
    "a result": ([user(), calling("{}"), result("x")], [user(), calling("{}"), result("y")]),
    "whose result it is": (
        [user(), calling("{}", "{}"), result("x", "call_0"), result("y", "call_1")],
        [user(), calling("{}", "{}"), result("y", "call_0"), result("x", "call_1")],
    ),
    "a refusal": ([user(), answer("a")], [user(), answer("a", refusal="no")]),
    "a refusal and an answer": ([user(), answer("no")], [user(), answer(None, refusal="no")]),
    "a system message's place": ([user("a"), {"role": "system", "content": "x"}, user("b")], [user("a"), user("b"), {"role": "system", "content": "x"}]),
}  # fmt: skip
"""Other histories: the digest must change."""


@pytest.mark.parametrize("rule", SAME)
def test_what_clients_change_on_the_way_does_not_count(rule: str) -> None:
    one, other = SAME[rule]
    assert lineage(*one).head == lineage(*other).head
    assert lineage(*one).beside == lineage(*other).beside


@pytest.mark.parametrize("rule", OTHER)
def test_what_means_something_counts(rule: str) -> None:
    one, other = lineage(*OTHER[rule][0]), lineage(*OTHER[rule][1])
    assert (one.head, one.beside) != (other.head, other.beside)


@pytest.mark.parametrize("rule", OTHER)
def test_what_means_something_counts_further_up_too(rule: str) -> None:
    one, other = OTHER[rule]
    rest = [answer("so"), user("and?")]
    assert lineage(user(), *one, *rest).at != lineage(user(), *other, *rest).at


def test_leading_instructions_count_apart_from_the_history() -> None:
    asked = messages({"role": "system", "content": "a\r\n"}, {"role": "developer", "content": "b"}, user())
    assert leading_instructions(asked) == asked[:2]
    assert instructions_form(asked) == instructions_form(
        messages({"role": "developer", "content": "a"}, {"role": "system", "content": [text("b")]}, user())
    )
    assert instructions_form(asked) != instructions_form(
        messages({"role": "system", "content": "ab"}, user())
    )


def test_tools_count_by_names_and_schemas_not_by_order() -> None:
    read = {
        "type": "function",
        "function": {"name": "read", "parameters": {"type": "object", "required": ["a"]}},
    }
    write = {"type": "function", "function": {"name": "write"}}
    echoed = json.loads(json.dumps(read, sort_keys=True))
    changed = {"type": "function", "function": {"name": "read", "parameters": {"type": "object"}}}
    assert tools_form([read, write]) == tools_form([write, echoed])
    assert tools_form([read, write]) != tools_form([changed, write])
    assert tools_form([read]) != tools_form([read, read])
    assert tools_form(None) == tools_form([])


def test_an_answer_with_nothing_in_it_is_none() -> None:
    assert answer_piece(messages(answer(None), answer("<think>x</think> "))) is None
    assert answer_piece(messages(answer(None, refusal="no"))) is not None
    assert answer_piece(messages(answer([IMAGE]))) is not None


def test_half_a_surrogate_pair_is_a_text_like_any_other() -> None:
    halves = [answer_piece([Message(role="assistant", content=each)]) for each in ("\ud800", "\ud801")]
    assert halves[0] is not None
    assert halves[0] != halves[1]


def test_texts_beside_calls_are_kept_apart() -> None:
    (_, piece) = pieces(messages(user(), calling("{}", text="so")))
    (_, bare) = pieces(messages(user(), calling("{}")))
    assert (piece.body, piece.beside, bare.beside) == (bare.body, b"so", b"")


@pytest.mark.parametrize(
    "arguments", ["[" * 100_000, '{"a":1e999}', '{"a":"\ud800"}', "nul", "1" * 400, "1" * 5000, '{"a":1}x']
)
def test_arguments_that_are_no_usable_json_count_as_they_stand(arguments: str) -> None:
    assert canonical_arguments(f" {arguments}\n") == canonical_arguments(arguments)
    assert canonical_arguments(arguments) != canonical_arguments(arguments + "x")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip
WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


@over(VALUES, st.sampled_from([{}, {"indent": 2}, {"ensure_ascii": False}]))
def test_any_json_means_the_same_however_it_is_written(value: Any, form: dict[str, Any]) -> None:
    written = json.dumps(value, **form)
    turned = json.dumps(_turned(value))
    assert canonical_arguments(written) == canonical_arguments(turned)


def _turned(value: Any) -> Any:
    """The value with the keys of its objects in the opposite order."""
    if isinstance(value, dict):
        return {name: _turned(value[name]) for name in reversed(value)}
    return [_turned(each) for each in value] if isinstance(value, list) else value


@st.composite
def histories(draw: st.DrawFn) -> History:
    """Turns as they come: a question, calls with their results, an answer."""
    history: History = []
    for number in range(draw(st.integers(1, 4))):
        history.append(user(draw(WORDS)))
        calls = draw(st.lists(VALUES.map(json.dumps), max_size=2))
        if calls:
            history.append(_call_answer(number, calls, draw(WORDS)))
            history += [result(draw(WORDS), f"call_{number}_{place}") for place in range(len(calls))]
        history.append(answer(draw(WORDS.filter(lambda words: words.strip() and "<" not in words))))
    return [*history, user("next")]


def _call_answer(number: int, calls: list[str], beside: str) -> Given:
    made = [call(each, call_id=f"call_{number}_{place}") for place, each in enumerate(calls)]
    return answer(beside or None, tool_calls=made)


@st.composite
def echoed(draw: st.DrawFn, history: History) -> History:
    """The history as some client sends it the next time."""
    echo: History = []
    for message in history:
        changed = dict(message)
        words = message["content"]
        if draw(st.booleans()):
            changed["content"] = _cut(words or "", draw(st.integers(0, 12)))
        elif draw(st.booleans()) and words is not None:
            changed["content"] = f" {words}\r\n" if words.strip() else words
        if "tool_calls" in message:
            changed["tool_calls"] = [
                call(json.dumps(json.loads(each["function"]["arguments"]), indent=1), call_id=each["id"])
                for each in message["tool_calls"]
            ]
        echo.append(changed)
        if draw(st.booleans()) and message["role"] != "user":
            echo.append(answer(None))
    return echo


def _cut(words: str, place: int) -> list[dict[str, Any]]:
    return [text(words[:place]), text(words[place:])]


@over(st.data())
def test_a_history_that_comes_back_in_any_form_has_the_same_digest(data: st.DataObject) -> None:
    history = data.draw(histories())
    assert lineage(*data.draw(echoed(history))) == lineage(*history)


@over(st.data())
def test_a_history_with_any_one_edit_has_another_digest(data: st.DataObject) -> None:
    history = data.draw(histories())
    place = data.draw(st.integers(0, len(history) - 2))
    edits = [
        [*history[:place], *history[place + 1 :]],
        [*history[:place], user("put in"), *history[place:]],
        [
            *history[:place],
            history[place] | {"content": (history[place]["content"] or "") + "x"},
            *history[place + 1 :],
        ],
    ]
    assert lineage(*data.draw(st.sampled_from(edits))).at != lineage(*history).at


@over(st.text(alphabet=st.sampled_from("ab \n\t\x1c\x85\xa0\u2003\u3000é你🙂")))
def test_the_place_of_a_part_is_the_words_before_it_without_white_space(words: str) -> None:
    place = str(len("".join(words.split()))).encode()
    url = IMAGE["image_url"]["url"].encode()
    (piece,) = pieces(messages(user([text(words), IMAGE])))
    assert piece.body.endswith(b"%d:%b%d:i%b" % (len(place), place, len(url) + 1, url))


def test_arguments_of_very_many_values_count_as_they_are_written() -> None:
    few, many = "[" + "1, " * 9 + "1]", "[" + "1, " * 30_000 + "1]"
    assert canonical_arguments(f" {few} ") == few.replace(" ", "").encode()
    assert canonical_arguments(f" {many} ") == b"=" + many.encode()


def test_calls_of_very_many_values_together_count_as_they_are_written() -> None:
    half = "[" + "1, " * 12_000 + "1]"

    def body(*arguments: str) -> bytes:
        (_, piece) = pieces(messages(user(), calling(*arguments)))
        return piece.body

    assert half.replace(" ", "").encode() in body(half)
    assert body(half, half).count(b"=" + half.encode()) == 2


def test_a_tool_of_very_many_values_counts_as_it_is_written() -> None:
    def form(number: float) -> bytes:
        return tools_form([{"b": [number] * 30_000, "a": 1}])

    assert tools_form([{"a": 1, "b": [1] * 30_000}]) == form(1)
    assert form(1.0) != form(1)


def test_integers_of_any_size_have_a_form() -> None:
    assert tools_form([{"a": 2**70}]) == tools_form([{"a": float(2**70)}])


def test_an_integer_of_more_than_64_bits_counts_as_the_number_that_clients_echo() -> None:
    assert canonical_json({"n": 2**70}) == canonical_json({"n": float(2**70)})
