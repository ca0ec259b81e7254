"""Which tools a text may call, and what of their schemas decides how a call in it is read. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec
from attrs import field, frozen

from mix2api.tools.offer import FunctionTool, Offer

_ALTERNATIVES: Final = ("anyOf", "oneOf", "allOf")
_DEPTH: Final = 4
"""Levels of alternatives within alternatives that are looked into; tools in use have one."""
_JUDGED_CHARS: Final = 1_000_000
"""Characters of a call's arguments in which required keys are looked for: decoding them takes 20 ms, in one step."""


@frozen(kw_only=True)
class OfferedTools:
    """The tools of one turn, as its answer's text is read."""

    names: frozenset[str]
    """Those that may be called."""
    known: frozenset[str] = frozenset()
    """Those that the model was told of and may not call now: such a call is protocol, and never an example."""
    schemas: Mapping[str, Mapping[str, Any]] = field(factory=dict, repr=False)
    """JSON Schema of the parameters, by tool; none for a tool that came without."""

    @classmethod
    def of(cls, offer: Offer, called: Iterable[str] = ()) -> "OfferedTools":
        """A turn's.

        Args:
            offer: what it offers.
            called: names of calls in its history, of which the site may write more.
        """
        names = offer.callable_names
        told = {tool.name for tool in offer.functions} | set(called)
        return cls(names=names, known=frozenset(told - names), schemas=_schemas(offer.functions))

    def has_required(self, name: str, arguments: str) -> bool:
        """Whether JSON arguments have the keys that the tool requires."""
        required = self.schemas.get(name, {}).get("required")
        if not isinstance(required, list) or not required or len(arguments) > _JUDGED_CHARS:
            return True
        try:
            given = msgspec.json.decode(arguments)
        except (msgspec.MsgspecError, UnicodeEncodeError, RecursionError):
            return False
        return isinstance(given, dict) and all(key in given for key in required if isinstance(key, str))

    def types_of(self, name: str, key: str) -> frozenset[str]:
        """JSON Schema's words for what a parameter may be; empty if the schema does not say."""
        properties = self.schemas.get(name, {}).get("properties")
        return frozenset(_types(properties.get(key), _DEPTH)) if isinstance(properties, dict) else frozenset()


def _schemas(functions: Iterable[FunctionTool]) -> dict[str, Mapping[str, Any]]:
    return {tool.name: tool.parameters for tool in functions if tool.parameters is not None}


def _types(schema: Any, depth: int) -> set[str]:
    if not isinstance(schema, dict) or not depth:
        return set()
    stated = schema.get("type")
    found = {stated} if isinstance(stated, str) else set()
    if isinstance(stated, list):
        found |= {word for word in stated if isinstance(word, str)}
    if isinstance(schema.get("enum"), list) and any(isinstance(value, str) for value in schema["enum"]):
        found.add("string")
    for word in _ALTERNATIVES:
        inner = schema.get(word)
        for alternative in inner if isinstance(inner, list) else ():
            found |= _types(alternative, depth - 1)
    return found
