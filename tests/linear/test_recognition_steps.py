"""Calls in text are recognised in steps in proportion to the text, whatever its shape and however it is cut."""

from collections.abc import Callable

import pytest
from counted import calls_of
from tool_texts import OFFERED, recognised

from mix2api.tools.text.recognition import Recogniser

_CALL = '{"tool_call": {"name": "write", "arguments": {"text": '
_GROWING: dict[str, Callable[[int], str]] = {
    "prose": lambda n: "word " * n,
    "braces": lambda n: "{" * n,
    "braces and spaces": lambda n: "{ } \n" * n,
    "backticks": lambda n: "`" * n,
    "inline code": lambda n: "`a` " * n,
    "white space": lambda n: " \n" * n,
    "a long fence": lambda n: "```json" + " \n" * n,
    "heads that are none": lambda n: '{"tool_call": {"name"} ' * n,
    "a head of white space": lambda n: '{"tool_call"' + " " * n,
    "one string": lambda n: _CALL + '"' + "x" * n,
    "a string of quotes": lambda n: _CALL + '"' + '"x' * n,
    "a string of quotes and spaces": lambda n: _CALL + '"' + '" ' * n,
    "a string of escapes": lambda n: _CALL + '"' + "\\n\\u4e2d" * n,
    "a string in a string": lambda n: '{"tool_call": {"arguments": "{' + '\\"a\\": \\"\\\\\\"\\",' * n,
    "a word": lambda n: _CALL + "a [b, " * n,
    "lists in lists": lambda n: _CALL + "[" * n,
    "lists in objects, closed wrongly": lambda n: _CALL + '[{"a":' * n + ")" * n + "}" * 2 * n,
    "commas": lambda n: _CALL + "[1" + ",," * n,
    "members": lambda n: _CALL + '1, "k": 2' * n,
    "arguments before the name": lambda n: (
        '{"tool_call": {"arguments": {"a": "' + "x\\n" * n + '"}, "name": "read"}}'
    ),
    "calls": lambda n: '{"tool_calls": [' + '{"name": "read"},' * n,
    "enclosures": lambda n: '{"tool_call": {"name": "read"}} ' * n,
    "surplus brackets": lambda n: '{"tool_call": {"name": "read"}}' + "} " * n,
    "tags that are none": lambda n: "<tool_calling <b> [x] " * n,
    "openers": lambda n: "<tool_call>" * n,
    "openers that fail": lambda n: "<tool_call> and, " * n,
    "calls in tags": lambda n: '<tool_call>{"name": "read"}</tool_call>\n' * n,
    "calls in tags that were not offered": lambda n: '<tool_call>{"name": "fly"}</tool_call>\n' * n,
    "calls in blocks behind prose": lambda n: "So:\n" + '```json\n{"tool_call": {"name": "read"}}\n```\n' * n,
    "calls that were not offered": lambda n: '{"tool_call": {"name": "fly"}}\n' * n + "end",
    "parameters": lambda n: "<function=read>" + "<parameter=a>\n1\n</parameter>\n" * n,
    "a value of tags": lambda n: "<function=edit><parameter=path>" + "</para </p> \n" * n,
    "a value of line ends": lambda n: "<function=edit><parameter=path>" + "\r\n" * n,
    "words in a broken call": lambda n: "<function=edit><parameter=path>a</parameter> and" + " <b </" * n,
    "thought": lambda n: "<think>" + "</thin <think> \n" * n,
    "thoughts": lambda n: "<think>a</think>\n" * n,
    "mentions of thought": lambda n: "a <think> b </thin" * n,
    "a final answer": lambda n: '{"final": "' + "word \\n" * n,
}


def _steps(chunks: list[str]) -> int:
    """Function calls that reading takes."""
    recogniser = Recogniser(OFFERED)

    def read() -> None:
        for chunk in chunks:
            recogniser.feed(chunk)
        recogniser.end()

    return calls_of(read)


@pytest.mark.parametrize("shape", _GROWING)
@pytest.mark.parametrize("size", [7, None], ids=["cut small", "whole"])
def test_steps_grow_with_the_text_and_no_faster(shape: str, size: int | None) -> None:
    def steps(n: int) -> int:
        text = _GROWING[shape](n)
        width = size or len(text)
        return _steps([text[start : start + width] for start in range(0, len(text), width)])

    small, large = steps(200), steps(800)
    assert large <= 4.4 * small + 400


def test_an_argument_of_a_megabyte_passes_in_few_steps() -> None:
    text = "x" * 1_000_000
    written = f'{{"tool_call": {{"name": "write", "arguments": {{"text": "{text}"}}}}}}'
    assert recognised([written]) == [["call", "write", f'{{"text": "{text}"}}']]
    assert _steps([written]) < 1_500
