"""A graph as JSON that a person edits: what it says, and the line of the text at which a fault stands. Pure."""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec
from attrs import frozen

from mix2api.conversations.graph_reading import Fault
from mix2api.steps import Steps

_AT: Final = re.compile(r"\(byte (\d+)\)")
"""In msgspec's text: how many bytes of the JSON were read. Without it the text ended too early."""
_SPACE: Final = " \t\n\r"
_PARTS: Final = re.compile(r"\w+|\[\d+\]")
_ELEMENTS: Final = 100
"""Nodes or edges that are passed in one step: a graph has 50 and 400 at most, a text that is no graph may have any number."""
_QUOTED: Final = 200
"""Characters of a line that are quoted, some two lines of a page. All of a graph may stand on one line, and have 20 faults."""
_decoder: Final = json.JSONDecoder(strict=False)


@frozen
class PlacedFault:
    """A fault, and where in the text it stands."""

    why: str
    """Such as `nodes[2].type: must be WORKER or CRITIC`."""
    line: int
    """From 1."""
    text: str
    """That line, without the space at its ends. One that is longer than 200 characters ends with `…` there."""


def graph_text(graph: dict[str, object]) -> str:
    """A graph as a page shows it for editing."""
    return msgspec.json.format(msgspec.json.encode(graph), indent=2).decode()


def read_json(text: str) -> Any:
    """What a text says.

    Raises:
        NotJson: it is no JSON.
    """
    try:
        return msgspec.json.decode(text.encode("utf-8", "replace"))
    except RecursionError:
        raise NotJson(_fault_at(text, 0, "JSON is nested too deeply")) from None
    except msgspec.DecodeError as fault:
        raise NotJson(_malformed(text, str(fault))) from None


class NotJson(Exception):
    """A text is no JSON. `fault` says where."""

    def __init__(self, fault: PlacedFault) -> None:
        super().__init__("not JSON")
        self.fault = fault


def placed(text: str, faults: tuple[Fault, ...]) -> Steps[list[PlacedFault]]:
    """The faults of a graph with their lines. A part that is missing has the line of the part it is missing in.

    Args:
        text: the JSON of the graph.
        faults: of the graph, with their paths.
    """
    starts: dict[str, int] = {"": len(text) - len(text.lstrip(_SPACE))}
    try:
        for number, (path, start) in enumerate(_starts(text)):
            starts[path] = start
            if number % _ELEMENTS == 0:
                yield
    except (ValueError, RecursionError, IndexError):
        pass  # JSON that only msgspec reads: the faults keep the lines that were found
    found = []
    for fault in faults:
        found.append(_fault_at(text, starts[_nearest(fault.path, starts)], str(fault)))
        yield
    return found


def _malformed(text: str, said: str) -> PlacedFault:
    found = _AT.search(said)
    data = text.encode("utf-8", "replace")
    read = data if found is None else data[: int(found[1])]
    return _fault_at(text, len(read.decode("utf-8", "ignore")), _AT.sub("", said).strip())


def _fault_at(text: str, place: int, why: str) -> PlacedFault:
    """A fault with its line, which is read from its place on to both sides: lines of all the text are never made."""
    start, end = text.rfind("\n", 0, place) + 1, text.find("\n", place)
    line = text[start : len(text) if end < 0 else end].strip()
    quoted = line if len(line) <= _QUOTED else f"{line[:_QUOTED]}…"
    return PlacedFault(why, text.count("\n", 0, place) + 1, quoted)


def _nearest(path: str, starts: dict[str, int]) -> str:
    """The longest beginning of a path that stands in the text."""
    parts = _PARTS.findall(path)
    while parts:
        name = "".join(part if part.startswith("[") else f".{part}" for part in parts).lstrip(".")
        if name in starts:
            return name
        parts.pop()
    return ""


def _starts(text: str) -> Iterator[tuple[str, int]]:
    """Where each member of the graph, of its lists, and of their elements begins."""
    for name, start in _members(text, _after_space(text, 0)):
        yield name, start
        if text[start] == "[":
            for number, element in enumerate(_elements(text, start)):
                yield f"{name}[{number}]", element
                if text[element] == "{":
                    for inner, place in _members(text, element):
                        yield f"{name}[{number}].{inner}", place


def _members(text: str, start: int) -> Iterator[tuple[str, int]]:
    """The names of an object's members, and where each stands with its value."""
    if text[start] != "{":
        return
    place = _after_space(text, start + 1)
    while text[place] != "}":
        name, end = _decoder.raw_decode(text, place)
        yield name, place if text[value := _value_after(text, end)] not in "[{" else value
        _, end = _decoder.raw_decode(text, value)
        place = _next(text, end)


def _elements(text: str, start: int) -> Iterator[int]:
    place = _after_space(text, start + 1)
    while text[place] != "]":
        yield place
        _, end = _decoder.raw_decode(text, place)
        place = _next(text, end)


def _value_after(text: str, end: int) -> int:
    return _after_space(text, _after_space(text, end) + 1)


def _next(text: str, end: int) -> int:
    """Behind the comma after a value, if there is one."""
    place = _after_space(text, end)
    return _after_space(text, place + 1) if text[place] == "," else place


def _after_space(text: str, place: int) -> int:
    """The next place that has no space.

    Raises:
        IndexError: there is none.
    """
    while text[place] in _SPACE:
        place += 1
    return place
