"""Events to the fields of a stream entry and back. cattrs does the work, strictly; this holds what is ours.

An entry has the fields `k` (kind), `v` (schema version) and `d` (a JSON object without the fields that stand at
their default). Unknown fields are ignored; a version older than ours is upcast by `UPCASTS`; a newer one, an
unknown kind or damaged bytes raise `UnreadableEvent`, which readers turn into a miss (`schema_fallback`).
"""

from collections.abc import Callable
from enum import StrEnum
from typing import Any, get_args, get_origin

import msgspec
from attrs import frozen
from cattrs import BaseValidationError, Converter

from mix2api.events.kinds import KIND_OF, KINDS, Event
from mix2api.events.versions import CURRENT, Schema


class UnreadableEvent(ValueError):
    """An entry that this version cannot read. `why` is a word: `newer`, `kind`, `damaged`.

    `position` is its stream id where the log's reader knows it, else empty: reading can go on after it.
    """

    def __init__(self, why: str, position: str = "") -> None:
        super().__init__(f"unreadable event: {why}")
        self.why = why
        self.position = position


@frozen
class Encoded:
    """An event as it stands in a stream entry."""

    kind: bytes
    version: bytes
    data: bytes


def strict_converter() -> Converter:
    """A cattrs converter that refuses what a plain one coerces (`5` for a string, `"1"` for a number).

    Returns:
        A converter that omits defaults, ignores unknown fields and raises on any wrong type.
    """
    converter = Converter(omit_if_default=True, detailed_validation=False, prefer_attrib_converters=False)
    # By class: cattrs asks its own hooks for these classes before any that is registered by predicate.
    for primitive in (str, int, bool, bytes):
        converter.register_structure_hook(primitive, _exactly)
    converter.register_structure_hook(float, _number)
    converter.register_structure_hook_factory(_is_row, _row_of(converter))
    return converter


def _exactly(value: Any, wanted: Any) -> Any:
    if issubclass(wanted, StrEnum):  # the hook of `str` is taken for them too
        return wanted(_exactly(value, str))
    if type(value) is not wanted:
        raise TypeError(f"{wanted.__name__} expected, not {type(value).__name__}")
    return value


def _is_row(wanted: Any) -> bool:
    origin: Any = get_origin(wanted)
    return origin is tuple


def _row_of(converter: Converter) -> Callable[[Any], Callable[[Any, Any], tuple[Any, ...]]]:
    """A hook factory for `tuple[T, ...]`; cattrs alone takes a string for a row of letters."""

    def factory(wanted: Any) -> Callable[[Any, Any], tuple[Any, ...]]:
        member = get_args(wanted)[0]
        structure = converter.get_structure_hook(member)

        def row(value: Any, _: Any) -> tuple[Any, ...]:
            return tuple(structure(each, member) for each in _exactly(value, list))

        return row

    return factory


def _number(value: Any, _: Any) -> float:
    if type(value) not in {int, float}:
        raise TypeError(f"number expected, not {type(value).__name__}")
    return float(value)


_converter = strict_converter()
_json = msgspec.json.Encoder()
_kind_bytes = {cls: name.encode() for cls, name in KIND_OF.items()}


def encode(event: Event, version: int | None = None, schema: Schema = CURRENT) -> Encoded:
    """An event's entry.

    Args:
        event: of any kind.
        version: to be written, an older one if others cannot read the newest; None: the newest.
        schema: this code's.
    """
    fields = _converter.unstructure(event)
    if version is None:
        version = schema.version
    elif version != schema.version:
        fields = schema.lowered(KIND_OF[type(event)], fields, version)
    return Encoded(kind=_kind_bytes[type(event)], version=b"%d" % version, data=_json.encode(fields))


def decode(kind: bytes, version: bytes, data: bytes, schema: Schema = CURRENT) -> Event:
    """The event of an entry.

    Raises:
        UnreadableEvent: newer version, unknown kind or damage; the reader treats the session as a miss.
    """
    cls = KINDS.get(kind.decode("ascii", "replace"))
    try:
        written_in = int(version)
        if written_in > schema.version:
            raise UnreadableEvent("newer")
        if cls is None:
            raise UnreadableEvent("kind")
        fields = msgspec.json.decode(data, type=dict[str, Any])
        if written_in != schema.version:
            fields = schema.raised(kind.decode(), fields, written_in)
        return _converter.structure(fields, cls)
    except UnreadableEvent:
        raise
    except (
        ValueError,
        TypeError,
        KeyError,
        AttributeError,
        RecursionError,
        msgspec.MsgspecError,
        BaseValidationError,
    ) as fault:
        raise UnreadableEvent("damaged") from fault
