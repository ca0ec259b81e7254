"""The fields of all structs that travel between processes, as far as a reader of another version depends on them."""

from collections.abc import Iterator
from typing import Any

import msgspec.inspect
from msgspec.inspect import CollectionType, DictType, StructType, Type, UnionType

from mix2api.relay.messages import Mail, RelayedTurn

Shapes = dict[str, dict[str, dict[str, Any]]]
"""Struct (by its tag, if it has one) -> field -> whether it must be there, and of which kind it is."""


def shapes() -> Shapes:
    """Those of this version."""
    return {
        _name(struct): {
            field.encode_name: {"required": field.required, "kind": _kind(field.type)}
            for field in struct.fields
        }
        for struct in _structs(msgspec.inspect.multi_type_info([Mail, RelayedTurn]))
    }


def _structs(types: Any) -> list[StructType]:
    """All structs that can be reached, each once."""
    found: dict[type, StructType] = {}
    waiting = list(types)
    while waiting:
        one = waiting.pop()
        if isinstance(one, StructType):
            if one.cls in found:
                continue
            found[one.cls] = one
        waiting += _parts(one)
    return sorted(found.values(), key=_name)


def _parts(one: Type) -> Iterator[Type]:
    match one:
        case StructType():
            yield from (field.type for field in one.fields)
        case UnionType():
            yield from one.types
        case CollectionType():
            yield one.item_type
        case DictType():
            yield from (one.key_type, one.value_type)
        case _:
            yield from getattr(one, "item_types", ())


def _kind(one: Type) -> str:
    """The type, without what another version may add to it: a union's further members, an enumeration's further words."""
    if isinstance(one, UnionType):
        return " | ".join(sorted({_kind(member) for member in one.types}))
    return type(one).__name__.removesuffix("Type").lower()


def _name(struct: StructType) -> str:
    return f"{struct.cls.__name__}:{struct.tag}" if struct.tag else struct.cls.__name__
