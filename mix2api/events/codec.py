"""Events to the fields of a stream entry and back. msgspec does the work, strictly; this holds what is ours.

An entry has the fields `k` (kind), `v` (schema version) and `d` (a JSON object without the fields that stand at
their default). Unknown fields are ignored; a version older than ours is upcast by `UPCASTS`; a newer one, an
unknown kind or damaged bytes raise `UnreadableEvent`, which readers turn into a miss (`schema_fallback`).
"""

from typing import Final

import msgspec
from attrs import frozen

from mix2api.events.kinds import KIND_OF, KINDS, Event
from mix2api.events.versions import CURRENT, Fields, Schema


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


_json: Final = msgspec.json.Encoder()
_decoders: Final = {cls: msgspec.json.Decoder(cls) for cls in KIND_OF}
_kind_bytes: Final = {cls: name.encode() for cls, name in KIND_OF.items()}


def encode(event: Event, version: int | None = None, schema: Schema = CURRENT) -> Encoded:
    """An event's entry.

    Args:
        event: of any kind.
        version: to be written, an older one if others cannot read the newest; None: the newest.
        schema: this code's.
    """
    if version is None:
        version = schema.version
    fields: Event | Fields = event
    if version != schema.version:
        fields = schema.lowered(KIND_OF[type(event)], msgspec.to_builtins(event), version)
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
        if written_in == schema.version:
            return _decoders[cls].decode(data)
        fields = msgspec.json.decode(data, type=Fields)
        return msgspec.convert(schema.raised(kind.decode(), fields, written_in), cls)
    except UnreadableEvent:
        raise
    except (ValueError, TypeError, KeyError, RecursionError, msgspec.MsgspecError) as fault:
        raise UnreadableEvent("damaged") from fault
