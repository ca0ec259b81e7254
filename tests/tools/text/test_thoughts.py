"""Thought at the beginning of an answer that nobody reads for calls."""

import pytest
from tool_texts import meaning

from mix2api.tools.text.thoughts import LeadingThought


@pytest.mark.parametrize(
    ("text", "comes", "done"),
    [
        ("<think>a</think>\n\nb", [["thought", "a"], ["plain", "b"]], True),
        (" \n<think>a</think>b <think>", [["thought", "a"], ["plain", "b <think>"]], True),
        ("<think>a</think> [THINK]b[/THINK]c", [["thought", "ab"], ["plain", "c"]], True),
        ("◁think▷a◁/think▷", [["thought", "a"]], False),
        ("<think>a", [["thought", "a"]], False),
        ("<think>a</thi", [["thought", "a</thi"]], False),
        ("<think></think>b", [["plain", "b"]], True),
        ("<thin", [["plain", "<thin"]], False),
        ("  <thing>", [["plain", "  <thing>"]], True),
        ("<tool_call>{}", [["plain", "<tool_call>{}"]], True),
        ('{"tool_calls": []}', [["plain", '{"tool_calls": []}']], True),
        (" a", [["plain", " a"]], True),
        (" ", [["plain", " "]], False),
        ("", [], False),
    ],
)
def test_thought_is_told_apart_however_it_is_cut(text: str, comes: list[list[str]], *, done: bool) -> None:
    for place in range(len(text) + 1):
        for chunks in ([text[:place], text[place:]], list(text)):
            reader = LeadingThought()
            pieces = [piece for chunk in chunks for piece in reader.feed(chunk)]
            assert reader.done is done
            assert meaning(pieces + reader.end()) == comes
            assert not reader.crowded
