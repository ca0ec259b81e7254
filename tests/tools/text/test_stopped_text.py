"""Stop sequences in the text of an answer that is read for calls and thought."""

from tool_texts import OFFERED, meaning

from mix2api.tools.text.pieces import (
    CallArguments,
    CallBegan,
    CallEnded,
    FinalText,
    Piece,
    Plain,
    Stopped,
    Thought,
)
from mix2api.tools.text.recognition import ENCLOSURES_MAX, Recogniser
from mix2api.tools.text.stopped_text import StoppedText


def _read(*chunks: str, stops: tuple[str, ...] = ("STOP",), plain: bool = False) -> list[Piece]:
    reader = StoppedText(None if plain else Recogniser(OFFERED), stops)
    pieces = [piece for chunk in chunks for piece in reader.feed(chunk)]
    assert reader.crowded is reader.done is False
    return pieces + reader.end()


def test_nothing_follows_a_stop() -> None:
    for plain in (True, False):
        assert _read("a ST", "OP b", "c", plain=plain) == [Plain("a "), Stopped()]
        assert _read("a ST", "O", plain=plain) == [Plain("a "), Plain("STO")]


def test_a_stop_before_a_call_ends_the_answer_before_it() -> None:
    assert _read('a STOP {"tool_call": {"name": "read"}}') == [Plain("a "), Stopped()]


def test_what_was_held_comes_before_a_call_and_thought() -> None:
    pieces = _read('a ST{"tool_call": {"name": "read"}}OP')
    assert pieces == [
        Plain("a "),
        Plain("ST"),
        CallBegan(0, "read"),
        CallArguments(0, "{}"),
        CallEnded(0),
        Plain("OP"),
    ]
    assert meaning(_read("a.\nST", "\n<think>STOP</think>OP")) == [
        ["plain", "a.\nST\n"],
        ["thought", "STOP"],
        ["plain", "OP"],
    ]


def test_arguments_and_thought_hold_no_stop_and_a_final_answer_does() -> None:
    written = '{"tool_call": {"name": "read", "arguments": {"a": "STOP"}}}'
    assert meaning(_read(written)) == [["call", "read", '{"a": "STOP"}']]
    assert _read('{"final": "a STOP b"}') == [Plain("a "), Stopped()]
    assert Thought("STOP") in _read("<think>STOP</think>")
    assert FinalText("b") not in _read('{"final": "b"}')


def test_a_crowd_behind_it_is_one() -> None:
    reader = StoppedText(Recogniser(OFFERED), ("STOP",))
    reader.feed('{"tool_calls": []} ' * (ENCLOSURES_MAX + 1))
    assert reader.crowded
