"""Sessions that the last release has written, kept in `recorded_logs.jsonl`: some for each way in which a run can end.

`make released` writes the file when a version is released, by `mix2api release record --packs` of that version.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from importlib import resources
from typing import Final

import msgspec

from mix2api.release.recorded_session import RecordedSession, decode_recorded

_OF_EACH_WAY: Final = 2
"""Sessions that are kept of one way. All that the packs leave would be megabytes."""


def recorded_logs() -> list[RecordedSession]:
    """The sessions."""
    text = resources.files("mix2api.packs").joinpath("recorded_logs.jsonl").read_bytes()
    return [decode_recorded(line) for line in text.splitlines()]


def of_each_way(sessions: Iterable[RecordedSession]) -> Iterator[RecordedSession]:
    """Those of the sessions that show another way, or one that few others have shown."""
    seen: Counter[tuple[str, ...]] = Counter()
    for session in sessions:
        way = tuple(_ways(session))
        seen[way] += 1
        if seen[way] <= _OF_EACH_WAY:
            yield session


def _ways(session: RecordedSession) -> Iterator[str]:
    """How each run of a session was resolved and ended."""
    for entry in session.entries:
        event = msgspec.json.decode(entry.data)
        if entry.kind == "request":
            yield event.get("resolution", "fresh")
        elif entry.kind == "end":
            yield f"{event['end_reason']}/{event.get('detail')}"
