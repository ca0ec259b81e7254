"""The corpus of texts of sites, and what pieces are with the cuts between them forgotten."""

import tomllib
from pathlib import Path
from typing import Any

from attrs import frozen

from mix2api.tools.text.offered_tools import OfferedTools
from mix2api.tools.text.pieces import (
    Broken,
    CallArguments,
    CallBegan,
    CallEnded,
    Dropped,
    FinalText,
    Piece,
    Plain,
    Thought,
)
from mix2api.tools.text.recognition import Recogniser

OFFERED = OfferedTools(
    names=frozenset({"read", "write", "bash", "grep", "edit", "mcp__files__list"}),
    known=frozenset({"deploy"}),
    schemas={
        "edit": {
            "type": "object",
            "properties": {
                "path": {"type": "string"},
                "line": {"type": "integer"},
                "all": {"type": "boolean"},
                "changes": {"type": "array", "items": {"type": "object"}},
                "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
                "mode": {"enum": ["once", "always"]},
                "range": {"type": ["array", "string"]},
            },
            "required": ["path"],
        }
    },
)
_CORPUS = Path(__file__).parent / "data" / "tool_texts"
_WORDS = {Plain: "plain", FinalText: "final", Thought: "thought"}


@frozen
class Case:
    """A text and what must come of it, in the corpus's own words."""

    says: str
    site: str
    gives: list[list[Any]]


def corpus() -> list[Case]:
    """All cases; their names are their file's and their own."""
    return [
        Case(f"{path.stem}: {each['says']}", each["site"], each["gives"])
        for path in sorted(_CORPUS.glob("*.toml"))
        for each in tomllib.loads(path.read_text("utf-8"))["case"]
    ]


def recognised(chunks: list[str], offered: OfferedTools = OFFERED) -> list[list[Any]]:
    """What comes of a text in these chunks."""
    recogniser = Recogniser(offered)
    pieces = [piece for chunk in chunks for piece in recogniser.feed(chunk)]
    return meaning(pieces + recogniser.end())


def meaning(pieces: list[Piece]) -> list[list[Any]]:
    """Pieces in the corpus's words. A call stands where it begins; indexes must count up from 0."""
    found: list[list[Any]] = []
    calls: list[list[Any]] = []
    for piece in pieces:
        match piece:
            case Plain(text) | FinalText(text) | Thought(text):
                _say(found, _WORDS[type(piece)], text)
            case Dropped():
                found.append(["dropped"])
            case Broken(why, None):
                found.append(["broken", str(why)])
            case CallBegan(index, name, given_id):
                assert index == len(calls)
                calls.append(["begun", name, "", *([] if given_id is None else [given_id])])
                found.append(calls[index])
            case CallArguments() | CallEnded() | Broken():
                _go_on(calls, piece)
    return found


def _say(found: list[list[Any]], word: str, text: str) -> None:
    assert text, "a piece without text"
    if found and found[-1][0] == word:
        found[-1][1] += text
    else:
        found.append([word, text])


def _go_on(calls: list[list[Any]], piece: CallArguments | CallEnded | Broken) -> None:
    assert piece.index is not None
    call = calls[piece.index]
    assert call[0] == "begun"
    match piece:
        case CallArguments(_, text):
            assert text, "a piece without text"
            call[2] += text
        case CallEnded():
            call[0] = "call"
        case Broken(why):
            call[:1] = ["broken", str(why)]
