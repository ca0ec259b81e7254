"""The schema version in which this process writes now: the highest that all live processes read."""

from collections.abc import Iterable

from attrs import define, field

from mix2api.events.codec import Encoded, decode, encode
from mix2api.events.kinds import Event
from mix2api.events.versions import CURRENT, Schema


@define(eq=False)
class WrittenSchema:
    """This code's schema, and how much of it may be used. Heartbeats tell it of the others; the writer asks it.

    Args:
        schema: this code's.
    """

    schema: Schema = CURRENT
    version: int = field(init=False)
    """In which entries are written. Until others were heard of: the newest."""

    def __attrs_post_init__(self) -> None:
        self.version = self.schema.version

    @property
    def is_newest(self) -> bool:
        """Whether all live processes read what this code reads."""
        return self.version == self.schema.version

    def hear(self, read_by_others: Iterable[int]) -> None:
        """Takes note of the highest versions that the other live processes read."""
        self.version = self.schema.to_write(read_by_others)

    def encode(self, event: Event) -> Encoded:
        """An event's entry as everybody can read it."""
        return encode(event, self.version, self.schema)

    def decode(self, kind: bytes, version: bytes, data: bytes) -> Event:
        """The event of an entry.

        Raises:
            mix2api.events.codec.UnreadableEvent: newer version, unknown kind or damage.
        """
        return decode(kind, version, data, self.schema)
