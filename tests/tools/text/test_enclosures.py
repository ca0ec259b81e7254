"""What an enclosure tells, and where it ends."""

from mix2api.tools.text.enclosures import Enclosure
from mix2api.tools.text.offered_tools import OfferedTools
from mix2api.tools.text.pieces import (
    Broken,
    CallArguments,
    CallBegan,
    CallEnded,
    FinalText,
    Gathered,
    Piece,
    Why,
)

OFFERED = OfferedTools(names=frozenset({"read"}))


def _read(text: str) -> tuple[list[Piece], str, bool]:
    """The pieces, the text behind the enclosure, and whether it ended before the text did."""
    out = Gathered()
    enclosure = Enclosure(OFFERED, out)
    end = enclosure.feed(text)
    ended = enclosure.ended
    enclosure.end()
    return out.take(), text[end:], ended


def test_an_enclosure_ends_with_its_bracket() -> None:
    pieces, behind, ended = _read('{"tool_call": {"name": "read"}} and {"final": "x"}')
    assert pieces == [CallBegan(0, "read"), CallArguments(0, "{}"), CallEnded(0)]
    assert (behind, ended) == (' and {"final": "x"}', True)


def test_an_enclosure_without_its_bracket_ends_with_the_text() -> None:
    assert _read('{"tool_call": {"name": "read"}') == (
        [CallBegan(0, "read"), CallArguments(0, "{}"), CallEnded(0)],
        "",
        False,
    )


def test_a_call_is_told_before_the_next_one_begins() -> None:
    out = Gathered()
    enclosure = Enclosure(OFFERED, out)
    enclosure.feed('{"tool_calls": [{"name": "read"},')
    assert out.take() == [CallBegan(0, "read"), CallArguments(0, "{}"), CallEnded(0)]
    enclosure.feed(' {"name": "read", "arguments": {"a')
    assert out.take() == [CallBegan(1, "read"), CallArguments(1, '{"a')]
    enclosure.end()
    assert out.take() == [Broken(Why.CUT, 1)]


def test_only_the_enclosures_own_final_is_text() -> None:
    pieces, _, _ = _read(
        '{"other": {"final": "a"}, "final": "b", "tool_call": {"final": "c", "name": "read"}}'
    )
    assert pieces[0] == FinalText("b")
    assert len(pieces) == len([FinalText, CallBegan, CallArguments, CallEnded])


def test_a_final_without_quotes_is_text_unless_it_says_nothing() -> None:
    assert _read("{final: ok, n: 1}")[0] == [FinalText("ok")]
    assert _read("{final: null}")[0] == _read("{final: None}")[0] == []
