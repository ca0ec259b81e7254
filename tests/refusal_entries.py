"""A refused request's audit entry, for the tests of those who write, read and count it."""

from typing import Any

from mix2api.events.refusal_entry import CountedRefusals, RefusalEntry
from mix2api.vocabulary import Channel, EndReason

_KNOWN: dict[str, Any] = {
    "at_ms": 1_700_000_000_000,
    "request_id": "req-1",
    "run_id": None,
    "client": "opencode",
    "stream": True,
    "tools_present": False,
    "model": "mix/claude",
    "method": "POST",
    "route": "/v1/chat/completions",
    "end_reason": EndReason.INVALID_REQUEST,
    "detail": None,
    "http_status": 400,
    "code": "invalid_value",
    "param": "messages[0].role",
    "body_bytes": 123,
    "duration_ms": 4,
    "channel": Channel.STABLE,
}


def refusal(**fields: Any) -> RefusalEntry:
    """An invalid request of OpenCode's; `fields` are `RefusalEntry`'s own."""
    return RefusalEntry(**(_KNOWN | fields))


def counted(
    count: int, client: str = "opencode", *, stream: bool | None = True, tools_present: bool | None = False
) -> CountedRefusals:
    """So many such requests."""
    return CountedRefusals(client=client, stream=stream, tools_present=tools_present, count=count)
