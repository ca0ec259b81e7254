"""What holds for any text: cuts change nothing, ordinary text is left alone, calls survive being written."""

import json
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from tool_texts import OFFERED, meaning, recognised

from mix2api.tools.instruction import calls_text
from mix2api.tools.text.loose_structure import MAX_NESTING
from mix2api.tools.text.offered_tools import OfferedTools
from mix2api.tools.text.pieces import CallArguments, CallBegan, CallEnded, FinalText, Plain, Thought
from mix2api.tools.text.recognition import ENCLOSURES_MAX, Reading, Recogniser, recognise
from mix2api.wire.turn import FunctionCall, MessageToolCall

_ORDINARY = [
    *"{}[]()\"'`:,\n\\ ax1.=：，“”",  # noqa: RUF001 - marks that models write
    "```",
    "```json\n",
    "tool_cal",
    "fina",
    "\n\n",
    "你好",
    "🙂",
    "null",
]
_PROTOCOL = [
    *_ORDINARY,
    '{"tool_calls": [{"name": "read", "arguments": {',
    '{"tool_call": {"name": "read", "arguments": "{\\"a\\": ',
    "{tool_call: (name: grep, arguments: (",
    '{"final": "',
    '{"tool_calls": []',
    '"id": "1"',
    '"name": "fly"',
    '"arguments": ',
    '"function": {',
    "\\n",
    "\\u4e",
    "\\ud83d",
    "}}",
    "}]}",
    "true",
    "-1.5e3",
    "<think>",
    "</think>",
    "<tool_call>",
    "</tool_call>",
    "<tool_",
    "<function=edit>",
    "<parameter=line>\n",
    "</parameter>",
    "</function>",
    "<arg_key>a</arg_key>",
    "<arg_value>",
    "[TOOL_CALLS]",
    "[ARGS]",
    "read",
    '{"name": "read"}',
    '{"name": "fly"}',
    '{"tool_call": {"name": "fly"}}',
    "\n\n```json\n",
]
_words = st.text(alphabet=st.characters(codec="utf-8"), max_size=20)
_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_words, inner, max_size=3),
    max_leaves=8,
)
_arguments = st.dictionaries(_words, _values, max_size=4)
_calls = st.lists(
    st.tuples(st.sampled_from(sorted(OFFERED.names - {"edit"})), _arguments), min_size=1, max_size=4
)


def _texts(fragments: list[str]) -> st.SearchStrategy[str]:
    return st.lists(st.sampled_from(fragments), max_size=40).map("".join)


def _cut(text: str, places: Iterable[int]) -> list[str]:
    borders = [0, *sorted(place % (len(text) + 1) for place in places), len(text)]
    return [text[start:end] for start, end in pairwise(borders)]


_places = st.lists(st.integers(0, 10_000), max_size=10)


@given(_texts(_ORDINARY) | _words, _places)
def test_text_without_a_call_comes_out_as_it_went_in(text: str, places: list[int]) -> None:
    assume("final" not in text and "tool_call" not in text and "think" not in text)
    assert recognised(_cut(text, places)) == ([["plain", text]] if text else [])


@given(_texts(_PROTOCOL), _places)
def test_how_a_text_is_cut_changes_nothing(text: str, places: list[int]) -> None:
    assert recognised(_cut(text, places)) == meaning(recognise(text, OFFERED))


@given(_texts(_PROTOCOL))
def test_a_whole_call_has_an_object_for_arguments(text: str) -> None:
    for found in meaning(recognise(text, OFFERED)):
        if found[0] == "call":
            assert isinstance(json.loads(found[2]), dict)


def _enclosure(calls: list[tuple[str, str]], *, as_strings: bool, indent: int | None) -> str:
    """Calls as a site writes them; arguments are JSON text."""
    written = [
        {"id": f"c{number}", "name": name, "arguments": arguments if as_strings else json.loads(arguments)}
        for number, (name, arguments) in enumerate(calls)
    ]
    return json.dumps({"tool_calls": written}, ensure_ascii=as_strings, indent=indent)


@pytest.mark.parametrize("as_strings", [False, True], ids=["objects", "strings"])
@given(calls=_calls, places=_places)
def test_calls_that_are_written_are_read_again(
    calls: list[tuple[str, dict[str, Any]]], places: list[int], *, as_strings: bool
) -> None:
    texts = [(name, json.dumps(arguments, ensure_ascii=as_strings)) for name, arguments in calls]
    written = _enclosure(texts, as_strings=as_strings, indent=None)
    wanted = [["call", name, arguments, f"c{number}"] for number, (name, arguments) in enumerate(texts)]
    assert recognised(_cut(written, places)) == wanted


@given(_calls, _places)
def test_calls_that_the_product_writes_down_for_the_site_are_read_again(
    calls: list[tuple[str, dict[str, Any]]], places: list[int]
) -> None:
    # Sites write as their history is written.
    texts = [(name, json.dumps(arguments)) for name, arguments in calls]
    history = [
        MessageToolCall(id=f"call_{number}", function=FunctionCall(name, arguments))
        for number, (name, arguments) in enumerate(texts)
    ]
    wanted = [["call", name, arguments, f"call_{number}"] for number, (name, arguments) in enumerate(texts)]
    assert recognised(_cut(calls_text(history), places)) == wanted


@given(_calls, _texts(_ORDINARY), st.sampled_from(["", "json", "JSON"]))
def test_calls_in_a_code_block_behind_prose_are_read_again(
    calls: list[tuple[str, dict[str, Any]]], prose: str, language: str
) -> None:
    assume("final" not in prose and "tool_call" not in prose and "`" not in prose and prose.strip())
    written = _enclosure(
        [(name, json.dumps(arguments)) for name, arguments in calls], as_strings=False, indent=2
    )
    found = recognised([f"{prose}\n\n```{language}\n{written}\n```\n"])
    assert found[0] == ["plain", f"{prose}\n\n"]
    assert [(name, json.loads(arguments)) for _, name, arguments, _ in found[1:]] == calls


@given(_words, _places)
def test_a_final_answer_that_is_written_is_read_again(text: str, places: list[int]) -> None:
    written = json.dumps({"final": text})
    assert recognised(_cut(written, places)) == ([["final", text]] if text else [])


def test_ordinary_text_flows_with_the_chunk_that_brought_it() -> None:
    recogniser = Recogniser(OFFERED)
    for chunk in ("Hello", " you, ", "\n\n", "see {x}", " and ", "f(a) { return", " } "):
        assert recogniser.feed(chunk) == [Plain(chunk)]


def test_text_that_may_be_a_call_is_held_until_it_is_known() -> None:
    recogniser = Recogniser(OFFERED)
    assert recogniser.feed('Well: {"tool') == [Plain("Well: ")]
    assert recogniser.feed("_calls") == []
    assert recogniser.feed('": 3} and') == [Plain('{"tool_calls": 3} and')]
    assert recogniser.feed(" more") == [Plain(" more")]


def test_arguments_stream_as_they_come() -> None:
    recogniser = Recogniser(OFFERED)
    assert recogniser.feed('{"tool_calls": [{"name": "write", ') == []
    assert recogniser.feed('"arguments": {"te') == [CallBegan(0, "write"), CallArguments(0, '{"te')]
    assert recogniser.feed('xt": "once\\n') == [CallArguments(0, 'xt": "once\\n')]
    assert recogniser.feed(' upon"}') == [CallArguments(0, ' upon"}')]
    assert recogniser.feed("}]}") == [CallEnded(0)]
    assert recogniser.feed("\n") == recogniser.end() == []


def test_a_final_answer_is_held_until_its_object_has_no_other_key() -> None:
    recogniser = Recogniser(OFFERED)
    assert recogniser.feed('{"final": "On') == recogniser.feed("ce ") == []
    assert recogniser.feed('upon"}') == [FinalText("Once upon")]
    assert recogniser.end() == []


@pytest.mark.parametrize("final", ['{"final": "ok"}', '{"final": null}', '```json\n{"final": "ok"}\n```'])
def test_where_the_caller_asked_for_json_a_final_answer_is_what_it_asked_for(final: str) -> None:
    assert meaning(recognise(final, OFFERED, Reading(final=False))) == [["plain", final]]
    beside = '{"tool_calls": [], "final": "ok"}'
    assert meaning(recognise(beside, OFFERED, Reading(final=False))) == [["final", "ok"]]


def test_a_call_in_tags_streams_as_it_comes() -> None:
    recogniser = Recogniser(OFFERED)
    assert recogniser.feed("So:\n<tool_call>\n<function=edit>\n<param") == [Plain("So:\n")]
    assert recogniser.feed("eter=path>\n/a") == [CallBegan(0, "edit"), CallArguments(0, '{"path": "/a')]
    assert recogniser.feed("\n") == []
    assert recogniser.feed("b\n</para") == [CallArguments(0, "\\nb")]
    assert recogniser.feed("meter>\n</function>") == [CallArguments(0, '"}'), CallEnded(0)]
    assert recogniser.feed("\n</tool_call>") == recogniser.end() == []


def test_text_that_may_be_a_tag_is_held_until_it_is_known() -> None:
    recogniser = Recogniser(OFFERED)
    assert recogniser.feed("a <t") == [Plain("a ")]
    assert recogniser.feed("ool") == []
    assert recogniser.feed("s>") == [Plain("<tools>")]


def test_thought_streams_as_it_comes() -> None:
    recogniser = Recogniser(OFFERED)
    assert recogniser.feed("<think>Let me") == [Thought("Let me")]
    assert recogniser.feed(" see </th") == [Thought(" see ")]
    assert recogniser.feed("at>.</think>\n") == [Thought("</that>.")]
    assert recogniser.feed("Well") == [Plain("Well")]


@pytest.mark.parametrize(
    "text",
    [
        "<think>\na {b} <tool_call></think>\n\nWell.",
        " \n<think>a</think> ",
        "<think>a",
        "So. <think>a</th",
        "So.\n[THINK]a[/THINK] <think>b</think>c",
    ],
)
@given(places=_places)
def test_thought_that_is_to_stay_in_the_text_stays_to_the_letter(text: str, places: list[int]) -> None:
    recogniser = Recogniser(OFFERED, Reading(thought_apart=False))
    pieces = [piece for chunk in _cut(text, places) for piece in recogniser.feed(chunk)] + recogniser.end()
    assert meaning(pieces) in ([["plain", text]], [["plain", text.rstrip()]])


def test_no_call_is_read_in_thought_that_stays_in_the_text() -> None:
    text = '<think>{"tool_call": {"name": "read"}}</think>'
    call = '{"tool_call": {"name": "grep"}}'
    pieces = recognise(text + call, OFFERED, Reading(thought_apart=False))
    assert meaning(pieces) == [["plain", text], ["call", "grep", "{}"]]


def test_without_offered_tools_every_call_is_dropped() -> None:
    assert recognised(['{"tool_call": {"name": "read"}}'], OfferedTools(names=frozenset())) == [["dropped"]]


def test_no_chunk_and_empty_chunks_give_nothing() -> None:
    recogniser = Recogniser(OFFERED)
    assert recogniser.feed("") == []
    assert recogniser.feed("a") == [Plain("a")]
    assert recogniser.feed("") == recogniser.end() == []


@pytest.mark.parametrize(("levels", "comes"), [(MAX_NESTING - 4, "call"), (MAX_NESTING - 3, "broken")])
def test_arguments_may_nest_as_deeply_as_a_request_may(levels: int, comes: str) -> None:
    nested = "[" * levels + "1" + "]" * levels
    written = f'{{"tool_calls": [{{"name": "read", "arguments": {{"a": {nested}}}}}]}} So.'
    called, said = recognised([written])
    assert called[0] == comes
    assert said == ["plain", "So."]


def test_what_nests_too_deeply_beside_arguments_is_read_over() -> None:
    nested = '{"b": [' * MAX_NESTING + "1" + "]}" * MAX_NESTING
    written = f'{{"tool_calls": [{{"x": {nested}, "name": "read", "arguments": {{"a": 1}}}}]}} So.'
    assert recognised([written]) == [["call", "read", '{"a": 1}'], ["plain", "So."]]


def test_endless_nesting_is_a_call_that_was_cut() -> None:
    written = '{"tool_calls": [{"name": "read", "arguments": {"a": ' + "[" * 100_000
    ((state, _, arguments, *_),) = [piece[:3] for piece in recognised([written])]
    assert state == "broken"
    assert len(arguments) < 2 * MAX_NESTING


def test_more_enclosures_than_an_answer_may_have_are_a_crowd() -> None:
    recogniser = Recogniser(OFFERED)
    recogniser.feed('{"tool_calls": []} ' * ENCLOSURES_MAX)
    assert not recogniser.crowded
    recogniser.feed('{"tool_calls": []} ')
    assert recogniser.crowded
