"""Arguments for a tool call: what the tool's JSON schema requires, with values from the words where they fit. Pure.

Every required key gets a value of its type. A key that is not required gets one only if the words state it. If the words
have no value, the schema's own default, its first choice or a harmless value stands in.
"""

import math
from collections.abc import Mapping
from typing import Any, Final

from attrs import frozen

from mix2api.demo.findings import Findings
from mix2api.demo.offers import OfferedTool
from mix2api.demo.picks import Pick, name_words

_DEEPEST: Final = 6
"""Levels of a schema that are followed: schemas refer to themselves."""
_KINDS: Final[tuple[tuple[frozenset[str], tuple[str, ...]], ...]] = tuple(
    (frozenset(words.split()), tuple(kinds.split()))
    for words, kinds in (
        ("to from", "email place"),
        ("url uri link href website", "url"),
        ("email mail recipient", "email"),
        ("path file filepath filename directory dir folder", "path"),
        ("command cmd shell", "command"),
        ("pattern glob regex include", "pattern"),
        ("timezone tz zone", "zone"),
        ("date day start end since until", "date"),
        ("expression formula equation calculation", "formula"),
        ("city location place country town region destination origin address", "place"),
        ("content text message body note code", "content"),
        (
            "query question search prompt input term keyword topic subject title description summary task",
            "subject",
        ),
        ("id number ticket order sku zip phone account", "code"),
        ("name person user author", "name"),
    )
)
"""Words of a parameter's name, and the kinds of things that fit; the first row that shares a word counts."""
_FORMATS: Final = {"uri": "url", "url": "url", "email": "email", "date": "date", "date-time": "date"}
_STAND_INS: Final = {
    "url": "https://example.com/",
    "email": "someone@example.com",
    "path": ".",
    "command": "ls",
    "pattern": "*",
    "zone": "UTC",
    "date": "2025-01-01",
    "formula": "1 + 1",
}
"""The value of each kind that stands in if the words have none: valid, and harmless to run."""
_LONGEST_TEXT: Final = 400
_ITEMS_MAX: Final = 16
"""Items of a list at most, even if its schema wants more."""


@frozen
class _Value:
    """A value, and whether it fits: the words gave it, or the schema's own choices and defaults do."""

    value: Any
    found: bool = False


@frozen
class Arguments:
    """A tool's arguments."""

    values: dict[str, Any]
    found: bool
    """Whether every required key has a value that fits; False if a stand-in had to be put somewhere."""


def arguments_for(pick: Pick, plain: str) -> Arguments:
    """The arguments of a tool that was picked.

    Args:
        pick: the tool, and the clause that asks for it: what is found there comes first.
        plain: the whole text.
    """
    given: set[str] = set()
    reader = _Reader(pick.tool, Findings(pick.clause, given), Findings(plain, given))
    filled = reader.of_object(pick.tool.parameters, 0)
    return Arguments(filled.value, filled.found)


def _words_of(key: str) -> frozenset[str]:
    return name_words(key) | {key.lower()}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _members(schema: Any, key: str) -> Mapping[str, Any]:
    found = schema.get(key) if isinstance(schema, Mapping) else None
    return found if isinstance(found, Mapping) else {}


@frozen
class _Reader:
    """Fills one tool's schema."""

    tool: OfferedTool
    clause: Findings
    whole: Findings

    def of_object(self, schema: Mapping[str, Any], depth: int) -> _Value:
        properties = _members(schema, "properties")
        required = schema.get("required")
        wanted = [key for key in required if isinstance(key, str)] if isinstance(required, list) else []
        values: dict[str, Any] = {}
        found = True
        for key in (*properties, *(key for key in wanted if key not in properties)):
            if key in wanted:
                filled = self.of_key(key, self._resolved(properties.get(key, {}), depth), depth + 1)
                values[key] = filled.value
                found = found and filled.found
            elif (stated := self._stated(key, self._resolved(properties[key], depth))) is not None:
                values[key] = stated
        return _Value(values, found)

    def of_key(self, key: str, schema: Mapping[str, Any], depth: int) -> _Value:
        """A value of a required key."""
        if (stated := self._stated(key, schema)) is not None:
            return _Value(stated, found=True)
        fixed = self._fixed(schema)
        if fixed is not None:
            return fixed
        match schema.get("type"):
            case "object":
                return self.of_object(schema, depth) if depth < _DEEPEST else _Value({})
            case "array":
                return self._of_array(key, schema, depth)
            case "integer" | "number" as kind:
                return _number(self._next("number"), schema, whole=kind == "integer")
            case "boolean":
                return _Value(value=schema.get("default") is True, found=True)
            case "null":
                return _Value(None)
            case _:
                return self._of_text(key, schema)

    def _fixed(self, schema: Mapping[str, Any]) -> _Value | None:
        """The only value that the schema allows: a constant, or one of several choices."""
        if "const" in schema:
            return _Value(schema["const"], found=True)
        choices = schema.get("enum")
        if not isinstance(choices, list) or not choices:
            return None
        mentioned = self._mentioned(choices)
        return _Value(schema.get("default", choices[0]) if mentioned is None else mentioned, found=True)

    def _mentioned(self, choices: list[Any]) -> Any | None:
        for findings in (self.clause, self.whole):
            for choice in choices:
                if isinstance(choice, str) and choice and findings.mentions(choice):
                    return choice
        return None

    def _stated(self, key: str, schema: Mapping[str, Any]) -> Any | None:
        """The value that the words state for a key; one of another type than the schema's does not count."""
        choices = schema.get("enum")
        if isinstance(choices, list):
            return self._mentioned(choices)
        stated = self.clause.stated(key) or self.whole.stated(key)
        if stated is None:
            return None
        match schema.get("type", "string"):
            case "string":
                return stated
            case "integer" | "number" as kind:
                number = _number(stated, schema, whole=kind == "integer")
                return number.value if number.found else None
            case "boolean":
                return {"true": True, "yes": True, "false": False, "no": False}.get(stated.lower())
            case _:
                return None

    def _of_array(self, key: str, schema: Mapping[str, Any], depth: int) -> _Value:
        items = self._resolved(schema.get("items", {}), depth)
        count = int(min(max(1, _bound(schema, "minItems") or 1), _ITEMS_MAX))
        if depth >= _DEEPEST:
            return _Value([])
        filled = [self.of_key(key, items, depth + 1)]
        while len(filled) < _ITEMS_MAX:
            more = self.of_key(key, items, depth + 1)
            # Beyond its least number a list takes further things of the words, each once.
            if len(filled) >= count and (not more.found or more in filled or "properties" in items):
                break
            filled.append(more)
        return _Value([each.value for each in filled], filled[0].found)

    def _of_text(self, key: str, schema: Mapping[str, Any]) -> _Value:
        known = _FORMATS.get(_text(schema.get("format")))
        kinds = _kinds_of(key) if known is None else (known,)
        stand_in = _STAND_INS.get(kinds[-1]) if kinds else None
        # A text of no special kind takes any quoted words or names.
        wanted = kinds if stand_in is not None else (*kinds, "quoted", "name")
        found = next((value for kind in wanted if (value := self._next(kind)) is not None), None)
        if found is not None:
            return _Value(found[:_LONGEST_TEXT], found=True)
        default = schema.get("default")
        if isinstance(default, str):
            return _Value(default, found=True)
        return _Value(self.whole.text[:_LONGEST_TEXT] if stand_in is None else stand_in)

    def _next(self, kind: str) -> str | None:
        return self.clause.kind(kind) or self.whole.kind(kind)

    def _resolved(self, schema: Any, depth: int) -> Mapping[str, Any]:
        """The schema behind references and alternatives, with one type."""
        if not isinstance(schema, Mapping):
            return {}
        if depth < _DEEPEST and isinstance(schema.get("$ref"), str):
            return self._resolved(self._referred(schema["$ref"]), depth + 1)
        for word in ("anyOf", "oneOf", "allOf"):
            options = schema.get(word)
            if depth < _DEEPEST and isinstance(options, list) and options:
                chosen = next((each for each in options if each != {"type": "null"}), options[0])
                return {**schema, word: None, **self._resolved(chosen, depth + 1)}
        types = schema.get("type")
        if isinstance(types, list):
            return {**schema, "type": next((each for each in types if each != "null"), "null")}
        return schema

    def _referred(self, reference: str) -> Any:
        found: Any = self.tool.parameters
        for step in reference.removeprefix("#/").split("/"):
            found = _members(found, step)
        return found


def _kinds_of(key: str) -> tuple[str, ...]:
    words = _words_of(key)
    return next((kinds for wanted, kinds in _KINDS if wanted & words), ())


def _number(text: str | None, schema: Mapping[str, Any], *, whole: bool) -> _Value:
    """A number within the schema's bounds; its default, its least or 1 if the words have none that fits."""
    least, most = _bound(schema, "minimum"), _bound(schema, "maximum")
    number = _finite(text)
    if number is not None and (number.is_integer() or not whole) and _within(number, least, most):
        return _Value(int(number) if number.is_integer() else number, found=True)
    default = _bound(schema, "default")
    stand_in = next((each for each in (default, least, most) if each is not None), 1)
    return _Value(int(stand_in) if whole else stand_in, found=default is not None)


def _finite(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _within(number: float, least: float | None, most: float | None) -> bool:
    return (least is None or number >= least) and (most is None or number <= most)


def _bound(schema: Mapping[str, Any], key: str) -> float | None:
    found = schema.get(key)
    return found if isinstance(found, int | float) and not isinstance(found, bool) else None
