"""What strings of an enclosure mean."""

import json

from hypothesis import given
from hypothesis import strategies as st

from mix2api.tools.text.offered_tools import OfferedTools
from mix2api.tools.text.pieces import Broken, CallArguments, CallBegan, CallEnded, Gathered, Piece, Why
from mix2api.tools.text.string_values import Decoded, Nowhere, StringArguments, Word
from mix2api.tools.text.text_calls import TextCall

OFFERED = OfferedTools(names=frozenset({"read"}))


def _escapes(text: str) -> list[str]:
    """Every character as JSON's escapes for it."""
    units = text.encode("utf-16-be")
    return [f"\\u{units[place]:02x}{units[place + 1]:02X}" for place in range(0, len(units), 2)]


@given(st.text(alphabet=st.characters(codec="utf-8")))
def test_escapes_mean_their_characters(text: str) -> None:
    parts: list[str] = []
    string = Decoded(parts.append)
    for raw in _escapes(text):
        string.escape(raw)
    string.end_string()
    assert "".join(parts) == text


def test_short_escapes_mean_their_characters() -> None:
    parts: list[str] = []
    string = Word(parts.append)
    for letter in '"\\/bfnrt':
        string.escape("\\" + letter)
    string.text("x")
    assert parts == []
    string.end_string()
    assert parts == ['"\\/\b\f\n\r\tx']


def test_halves_of_characters_become_replacement_characters() -> None:
    parts: list[str] = []
    string = Decoded(parts.append)
    string.escape("\\ud83d")
    string.escape("\\ud83d")
    string.escape("\\ude00")
    string.escape("\\ude00")
    string.escape("\\ud83d")
    string.text("x")
    string.escape("\\ud83d")
    string.end_string()
    assert "".join(parts) == "\ufffd😀\ufffd\ufffdx\ufffd"


def test_nobody_asks_for_nowhere() -> None:
    string = Nowhere()
    string.text("x")
    string.escape("\\n")
    string.end_string()


def _called(*texts: str) -> list[Piece]:
    out = Gathered()
    call = TextCall(OFFERED, out)
    call.name("read")
    arguments = StringArguments(call)
    for text in texts:
        arguments.text(text)
    arguments.end_string()
    call.end(cut=False)
    return out.take()


def _whole(arguments: str) -> list[Piece]:
    return [CallBegan(0, "read"), CallArguments(0, arguments), CallEnded(0)]


def test_a_string_of_json_is_arguments() -> None:
    text = json.dumps({"a": ["b", {"c": 1}]})
    assert _called(text) == _called(*text) == _whole(text)


def test_white_space_and_a_surplus_bracket_around_it_count_for_nothing() -> None:
    assert _called(" ", "\n{", "}", "}", " \n") == _whole("{}")


def test_an_empty_string_is_no_arguments() -> None:
    assert _called() == _called(" ", "\n") == _whole("{}")


def test_a_string_of_anything_else_is_broken() -> None:
    assert _called("[1]") == _called("hello", " {}") == [Broken(Why.ARGUMENTS)]


def test_more_behind_the_object_makes_it_doubtful() -> None:
    begun: list[Piece] = [CallBegan(0, "read"), CallArguments(0, "{}")]
    assert _called("{}", " and so on") == [*begun, Broken(Why.ARGUMENTS, 0)]
