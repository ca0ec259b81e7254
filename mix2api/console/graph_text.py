"""A graph as JSON that a person edits: what it says, and the line of the text at which a fault stands. Pure."""

import json
import re
from collections.abc import Generator, Iterator
from typing import Any, Final

import msgspec
from attrs import frozen

from mix2api.conversations.fault_texts import FaultKind
from mix2api.conversations.faults import Fault, why
from mix2api.steps import Steps

_AT: Final = re.compile(r"\(byte (\d+)\)")
"""In msgspec's text: how many bytes of the JSON were read. Without it the text ended too early."""
_SPACE: Final = " \t\n\r"
_PARTS: Final = re.compile(r"\w+|\[\d+\]")
_ELEMENTS: Final = 100
"""Nodes or edges that are passed in one step: a graph has 50 and 400 at most, a text that is no graph may have any number."""
_QUOTED: Final = 200
"""Characters of a line that are quoted, some two lines of a page. All of a graph may stand on one line, and have 20 faults."""
_MARK: Final = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[\[\]{}]', re.DOTALL)
"""A string, or where a list or an object begins or ends."""
_MARKS: Final = 5000
"""That are passed in one step: 1 ms."""
_Start = tuple[str, int]
"""A path, and where its value stands."""
_decoder: Final = json.JSONDecoder(strict=False)


@frozen
class PlacedFault:
    """A fault, and where in the text it stands."""

    fault: Fault
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
        raise NotJson(_fault_at(text, 0, Fault("", why(FaultKind.JSON_DEEP)))) from None
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
        for number, found in enumerate(_starts(text)):
            if found is not None:
                starts[found[0]] = found[1]
            if found is None or number % _ELEMENTS == 0:
                yield
    except (ValueError, RecursionError, IndexError):
        pass  # JSON that only msgspec reads: the faults keep the lines that were found
    told = []
    for fault in faults:
        told.append(_fault_at(text, starts[_nearest(fault.path, starts)], fault))
        yield
    return told


def _malformed(text: str, said: str) -> PlacedFault:
    found = _AT.search(said)
    data = text.encode("utf-8", "replace")
    read = data if found is None else data[: int(found[1])]
    fault = Fault("", why(FaultKind.JSON_WRONG, said=_AT.sub("", said).strip()))
    return _fault_at(text, len(read.decode("utf-8", "ignore")), fault)


def _fault_at(text: str, place: int, fault: Fault) -> PlacedFault:
    """A fault with its line, which is read from its place on to both sides: lines of all the text are never made."""
    start, end = text.rfind("\n", 0, place) + 1, text.find("\n", place)
    line = text[start : len(text) if end < 0 else end].strip()
    quoted = line if len(line) <= _QUOTED else f"{line[:_QUOTED]}…"
    return PlacedFault(fault, text.count("\n", 0, place) + 1, quoted)


def _nearest(path: str, starts: dict[str, int]) -> str:
    """The longest beginning of a path that stands in the text."""
    parts = _PARTS.findall(path)
    while parts:
        name = "".join(part if part.startswith("[") else f".{part}" for part in parts).lstrip(".")
        if name in starts:
            return name
        parts.pop()
    return ""


def _starts(text: str) -> Iterator[_Start | None]:
    """Where each member of the graph, of its lists, and of their elements begins. None: a pause within a large value."""
    for found in _members(text, _after_space(text, 0)):
        yield found
        if found is not None and text[found[1]] == "[":
            yield from _starts_in_list(text, *found)


def _starts_in_list(text: str, name: str, start: int) -> Iterator[_Start | None]:
    number = 0
    for element in _elements(text, start):
        if element is None:
            yield None
            continue
        yield f"{name}[{number}]", element
        if text[element] == "{":
            for inner in _members(text, element):
                yield None if inner is None else (f"{name}[{number}].{inner[0]}", inner[1])
        number += 1


def _members(text: str, start: int) -> Iterator[_Start | None]:
    """The names of an object's members, and where each stands with its value."""
    if text[start] != "{":
        return
    place = _after_space(text, start + 1)
    while text[place] != "}":
        name, end = _decoder.raw_decode(text, place)
        value = _value_after(text, end)
        yield name, place if text[value] not in "[{" else value
        place = _next(text, (yield from _passed(text, value)))


def _elements(text: str, start: int) -> Iterator[int | None]:
    place = _after_space(text, start + 1)
    while text[place] != "]":
        yield place
        place = _next(text, (yield from _passed(text, place)))


def _passed(text: str, place: int) -> Generator[None, None, int]:
    """The place behind a value. A list or an object is passed mark by mark: one of 90,000 objects would else be a step of 60 ms."""
    if text[place] not in "[{":
        return int(_decoder.raw_decode(text, place)[1])
    depth = 0
    for number, mark in enumerate(_MARK.finditer(text, place), start=1):
        if mark[0] in "[{":
            depth += 1
        elif mark[0] in "]}":
            depth -= 1
            if not depth:
                return mark.end()
        if number % _MARKS == 0:
            yield
    raise ValueError("the text ends within a value")


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
