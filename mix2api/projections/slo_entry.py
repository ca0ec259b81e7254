"""What the service levels read of the two halves of a run's audit entry, at half the cost of all of it.

Damage in a field that is not needed is not looked for.
"""

from typing import TYPE_CHECKING, Final, Literal

from msgspec import Struct, json

from mix2api.events.audit_entry import SUMMARY_VERSION
from mix2api.vocabulary import Channel, EndReason

if TYPE_CHECKING:
    _Version = int
    _ReasonWord = str
    _ChannelWord = str
else:
    # The decoder checks such a word, and gives the same string each time. Members of an enumeration would cost the fold more:
    # their hash is ten times slower than that of a string.
    _Version = Literal[SUMMARY_VERSION]
    _ReasonWord = Literal[tuple(map(str, EndReason))]
    _ChannelWord = Literal[tuple(map(str, Channel))]


class AskedFields(Struct, array_like=True, gc=False):
    """The beginning of a `RequestSummary`."""

    version: _Version
    at_ms: int
    request_id: str
    client: str
    stream: bool
    tools_present: bool
    model: str
    attempt: int
    channel: _ChannelWord
    results: tuple[tuple[str, str], ...] = ()


class EndFields(Struct, array_like=True, gc=False):
    """The beginning of an `EndSummary`."""

    version: _Version
    end_reason: _ReasonWord


decode_asked: Final = json.Decoder(AskedFields).decode
"""Raises one of `mix2api.events.audit_entry.UNREADABLE` if the half is damaged or of a newer version."""
decode_end: Final = json.Decoder(EndFields).decode
"""Likewise."""
