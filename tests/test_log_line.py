"""`docs/log-line.md` against the code: the fields of `request.completed`, and the details that each `end_reason` has."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import NoneType
from typing import get_args, get_type_hints

import attrs
import pytest
from attrs import frozen

from mix2api import vocabulary
from mix2api.actors import refusals
from mix2api.endings import given_up_for
from mix2api.errors import Overloaded
from mix2api.logs.request_completed import FIELDS, BudgetUse, RequestCompleted
from mix2api.vocabulary import Detail, EndReason

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "mix2api"
PAGE = (ROOT / "docs" / "log-line.md").read_text(encoding="utf-8")
FIELD_TABLE, DETAIL_TABLE = PAGE.partition("## Fields")[2].split("## `detail` by `end_reason`")
_NO_DETAIL = "-"
_BRING_OVERLOADED = {Overloaded.__name__, refusals.overloaded.__name__}
_NOT_GIVEN = "not given yet"


def _rows(table: str) -> list[list[str]]:
    lines = [line for line in table.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


FIELD_ROWS = {row[0].strip("`"): row for row in _rows(FIELD_TABLE)}
DETAIL_ROWS = [(reason.strip("`"), detail.strip("`"), said) for reason, detail, said in _rows(DETAIL_TABLE)]
PAIRS = {(EndReason(reason), Detail(detail)) for reason, detail, _ in DETAIL_ROWS if detail != _NO_DETAIL}


def _type_word(kinds: set[object]) -> str:
    if kinds == {bool}:
        return "true or false"
    if kinds == {int}:
        return "number"
    assert all(kind is BudgetUse or getattr(kind, "__supertype__", kind) is str for kind in kinds) or all(
        isinstance(kind, type) and issubclass(kind, str) for kind in kinds
    )
    return "text"


def _nodes() -> Iterator[ast.AST]:
    for path in sorted(PACKAGE.rglob("*.py")):
        if path.name != "vocabulary.py":
            yield from ast.walk(ast.parse(path.read_text(encoding="utf-8")))


def _word_of(node: ast.expr, of: str) -> str | None:
    """`NAME` of a literal `of.NAME`."""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == of:
        return node.attr
    return None


def _pairs_in(call: ast.Call) -> set[tuple[EndReason, Detail]]:
    """What one call puts together: an `end_reason` and a `detail`, both literally; two names bring their reason."""
    arguments = [*call.args, *(keyword.value for keyword in call.keywords)]
    reasons = {word for one in arguments if (word := _word_of(one, "EndReason")) is not None}
    if isinstance(call.func, ast.Name) and call.func.id in _BRING_OVERLOADED:
        reasons.add(EndReason.OVERLOADED.name)
    details = {word for one in arguments if (word := _word_of(one, "Detail")) is not None}
    return {(EndReason[reason], Detail[detail]) for reason in reasons for detail in details}


@frozen
class CodesWords:
    """What the package's source says literally."""

    filled: frozenset[str | None]
    """The fields that somebody gives to `RequestCompleted`."""
    pairs: frozenset[tuple[EndReason, Detail]]
    details: frozenset[Detail]


@cache
def _codes_words() -> CodesWords:
    """Read once: parsing the package takes seconds."""
    filled: set[str | None] = set()
    pairs: set[tuple[EndReason, Detail]] = set()
    details: set[Detail] = set()
    for node in _nodes():
        if isinstance(node, ast.Call):
            pairs |= _pairs_in(node)
            if isinstance(node.func, ast.Name) and node.func.id == RequestCompleted.__name__:
                filled |= {keyword.arg for keyword in node.keywords}
        elif isinstance(node, ast.expr) and (word := _word_of(node, "Detail")) is not None:
            details.add(Detail[word])
    return CodesWords(frozenset(filled), frozenset(pairs), frozenset(details))


def _documented_pairs() -> set[tuple[EndReason, Detail]]:
    """What the docstrings of `Detail` say: each begins with the reasons that the word goes with."""
    (listed,) = (
        node
        for node in ast.parse(Path(vocabulary.__file__).read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef) and node.name == Detail.__name__
    )
    pairs: set[tuple[EndReason, Detail]] = set()
    word: Detail | None = None
    for node in listed.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            word = Detail[node.targets[0].id]
        elif word is not None and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            heads = re.findall(r"((?:`\w+`(?:, )?)+):", str(node.value.value))
            pairs |= {(EndReason(reason), word) for head in heads for reason in re.findall(r"`(\w+)`", head)}
    return pairs


def test_the_fields_are_those_of_the_line_in_its_order() -> None:
    assert tuple(FIELD_ROWS) == FIELDS


@pytest.mark.parametrize("name", FIELDS)
def test_a_field_has_its_type_and_says_when_it_is_null(name: str) -> None:
    _, type_word, meaning, null = FIELD_ROWS[name]
    hint = get_type_hints(RequestCompleted)[name]
    kinds = set(get_args(hint)) or {hint}
    is_nullable = NoneType in kinds
    assert type_word == _type_word(kinds - {NoneType})
    assert meaning
    assert (null == "never") is not is_nullable
    assert is_nullable is (attrs.fields_dict(RequestCompleted)[name].default is None)


def test_a_field_that_nothing_fills_is_said_to_be_null_always() -> None:
    said = {name for name, row in FIELD_ROWS.items() if row[3].startswith("always")}
    assert said == set(FIELDS) - _codes_words().filled


def test_every_reason_and_every_detail_has_a_row_and_none_twice() -> None:
    assert {reason for reason, _, _ in DETAIL_ROWS} == set(EndReason)
    assert {detail for _, detail in PAIRS} == set(Detail)
    assert len(DETAIL_ROWS) == len({(reason, detail) for reason, detail, _ in DETAIL_ROWS})


def test_every_reason_that_the_code_gives_with_a_detail_has_that_row() -> None:
    found = _codes_words().pairs | {
        (given_up_for(cause), cause) for cause in (Detail.HUNG_UP, Detail.STALLED, Detail.DRAIN)
    }
    assert len(found) >= 15
    assert found - PAIRS == set()


def test_every_reason_that_a_word_s_docstring_names_has_that_row() -> None:
    pairs = _documented_pairs()
    assert len(pairs) >= 15
    assert pairs - PAIRS == set()


def test_a_word_that_no_code_gives_is_said_not_to_be_given() -> None:
    said = {Detail(detail) for _, detail, meaning in DETAIL_ROWS if detail != "-" and _NOT_GIVEN in meaning}
    assert said == set(Detail) - _codes_words().details


def test_its_prose_wraps_at_100() -> None:
    assert [line for line in PAGE.splitlines() if len(line) > 100 and not line.startswith("|")] == []
