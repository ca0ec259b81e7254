"""What of a newer document would break a client of an older one: removed, or newly required. Pure.

A request may be allowed more than before, and an answer may say more. What a client sent must still be taken, and what it read
must still be there. New values in an answer's list of words are no break: the lists of endings and reasons grow.
"""

from collections.abc import Iterator
from enum import Enum
from math import inf
from typing import Any, Final

Json = dict[str, Any]
_LOWER: Final = ("minimum", "minLength", "minItems")
_UPPER: Final = ("maximum", "maxLength", "maxItems")


class _Side(Enum):
    REQUEST = "request"
    ANSWER = "answer"


def breaking_changes(old: Json, new: Json) -> tuple[str, ...]:
    """The changes, each as where it is and what it is, in the older document's order."""
    return tuple(dict.fromkeys(_Comparison(old, new).changes()))


class _Comparison:
    """Two documents."""

    def __init__(self, old: Json, new: Json) -> None:
        self._old = old
        self._new = new

    def changes(self) -> Iterator[str]:
        """All of them."""
        for path, methods in self._old["paths"].items():
            kept = self._new.get("paths", {}).get(path)
            if kept is None:
                yield f"{path}: the route is gone"
                continue
            for method, operation in methods.items():
                at = f"{method.upper()} {path}"
                if method not in kept:
                    yield f"{at}: the method is gone"
                else:
                    yield from self._operation(operation, kept[method], at)

    def _operation(self, old: Json, new: Json, at: str) -> Iterator[str]:
        for alias in sorted({*old.get("x-mix2api-aliases", ())} - {*new.get("x-mix2api-aliases", ())}):
            yield f"{at}: the route's other path {alias} is gone"
        if new.get("security") and not old.get("security"):
            yield f"{at}: a key is newly required"
        yield from self._parameters(old.get("parameters", []), new.get("parameters", []), at)
        yield from self._body(old.get("requestBody", {}), new.get("requestBody", {}), at)
        for status, answer in old["responses"].items():
            yield from self._answer(answer, new.get("responses", {}).get(status), f"{at} {status}")

    def _parameters(self, old: list[Json], new: list[Json], at: str) -> Iterator[str]:
        before = {(each["in"], each["name"]): each for each in old}
        after = {(each["in"], each["name"]): each for each in new}
        for key, parameter in before.items():
            if key not in after:
                yield f"{at}: the parameter {key[1]} is gone"
            else:
                yield from self._schema(
                    parameter["schema"], after[key]["schema"], f"{at} {key[1]}", _Side.REQUEST
                )
        for key, parameter in after.items():
            if parameter.get("required") and not before.get(key, {}).get("required"):
                yield f"{at}: the parameter {key[1]} is newly required"

    def _body(self, old: Json, new: Json, at: str) -> Iterator[str]:
        if new.get("required") and not old.get("required"):
            yield f"{at}: a body is newly required"
        yield from self._media(old.get("content", {}), new.get("content", {}), f"{at} request", _Side.REQUEST)

    def _answer(self, old: Json, new: Json | None, at: str) -> Iterator[str]:
        if new is None:
            yield f"{at}: the status is gone"
            return
        for header in sorted(old.get("headers", {}).keys() - new.get("headers", {}).keys()):
            yield f"{at}: the header {header} is gone"
        yield from self._media(old.get("content", {}), new.get("content", {}), at, _Side.ANSWER)

    def _media(self, old: Json, new: Json, at: str, side: _Side) -> Iterator[str]:
        for media, content in old.items():
            if media not in new:
                yield f"{at}: the media type {media} is gone"
                continue
            yield from self._schema(content["schema"], new[media].get("schema", {}), at, side)
            events = "x-mix2api-event-schemas"
            for before, after in zip(content.get(events, ()), new[media].get(events, ()), strict=False):
                yield from self._schema(before, after, f"{at} event", side)

    def _schema(self, old: Json, new: Json, at: str, side: _Side) -> Iterator[str]:
        before, after = _alternatives(old, self._old), _alternatives(new, self._new)
        if len(before) == len(after) == 1:
            yield from self._one(before[0], after[0], at, side)
            return
        # What was taken must be taken still; what is answered must be something that was answered.
        known, offered = (before, after) if side is _Side.REQUEST else (after, before)
        for each in known:
            pairs = [(each, other) if side is _Side.REQUEST else (other, each) for other in offered]
            if all(any(self._one(*pair, at, side)) for pair in pairs):
                yield f"{at}: the types are not those of before"

    def _one(self, old: Json, new: Json, at: str, side: _Side) -> Iterator[str]:
        if side is _Side.REQUEST and "type" not in new and "enum" not in new:
            return  # anything is taken
        if old.get("type") != new.get("type"):
            yield f"{at}: the type is another one"
            return
        narrower = (old, new) if side is _Side.REQUEST else (new, old)
        if narrower[0].get("nullable") and not narrower[1].get("nullable"):
            yield f"{at}: null is {'refused now' if side is _Side.REQUEST else 'new'}"
        if side is _Side.REQUEST:
            yield from _narrowed(old, new, at)
        yield from self._fields(old, new, at, side)
        for inner in ("items", "additionalProperties"):
            if isinstance(old.get(inner), dict) and isinstance(new.get(inner), dict):
                yield from self._schema(old[inner], new[inner], f"{at}[]", side)

    def _fields(self, old: Json, new: Json, at: str, side: _Side) -> Iterator[str]:
        properties = new.get("properties", {})
        for name, schema in old.get("properties", {}).items():
            if name not in properties:
                yield f"{at}.{name}: the field is gone"
            else:
                yield from self._schema(schema, properties[name], f"{at}.{name}", side)
        before, after = {*old.get("required", ())}, {*new.get("required", ())}
        if side is _Side.REQUEST:
            for name in sorted(after - before):
                yield f"{at}.{name}: the field is newly required"
        else:
            for name in sorted(before - after):
                yield f"{at}.{name}: the field is no longer certain"


def _alternatives(schema: Json, document: Json) -> list[Json]:
    """The schemas of which one holds, without references."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return _alternatives(document.get("components", {}).get("schemas", {}).get(name, {}), document)
    if "allOf" in schema:
        return [found for each in schema["allOf"] for found in _alternatives(each, document)]
    if "anyOf" in schema:
        return [found for each in schema["anyOf"] for found in _alternatives(each, document)]
    return [schema]


def _narrowed(old: Json, new: Json, at: str) -> Iterator[str]:
    """Values of a request that were taken and are refused now."""
    for bound in _LOWER:
        if bound in new and new[bound] > old.get(bound, -inf):
            yield f"{at}: {bound} is narrower"
    for bound in _UPPER:
        if bound in new and new[bound] < old.get(bound, inf):
            yield f"{at}: {bound} is narrower"
    if "enum" in new and ("enum" not in old or not {*map(str, old["enum"])} <= {*map(str, new["enum"])}):
        yield f"{at}: a word of the list is refused now"
