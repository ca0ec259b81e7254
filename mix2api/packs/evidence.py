"""What a case asks and what it sees, as data. Pure."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import msgspec
from attrs import field, frozen

Json = dict[str, Any]


def part(holder: Any, name: str) -> Json:
    """The object under a name; an empty one if there is none."""
    value = holder.get(name) if isinstance(holder, dict) else None
    return value if isinstance(value, dict) else {}


def parts(holder: Any, name: str) -> list[Json]:
    """The objects in the list under a name."""
    value = holder.get(name) if isinstance(holder, dict) else None
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


class Place(StrEnum):
    """Where a request goes."""

    ENDPOINT = "endpoint"
    SITE = "site"
    """The demo site behind the endpoint, which tells what it received."""


class Key(StrEnum):
    """Which credential a request bears."""

    GIVEN = "given"
    WRONG = "wrong"
    NONE = "none"


@frozen(kw_only=True)
class Ask:
    """One request."""

    path: str = "/v1/chat/completions"
    method: str = "POST"
    body: Json | bytes | None = None
    """JSON, or bytes that are sent as they are."""
    headers: Mapping[str, str] = {}
    key: Key = Key.GIVEN
    place: Place = Place.ENDPOINT
    leave_after: int | None = None
    """Hang up after so many pieces of the body; None: stay to the end."""
    request_id: str = ""
    """Filled in when it is sent."""


class Ending(StrEnum):
    """How an answer ended."""

    WHOLE = "whole"
    CUT = "cut"
    TIMEOUT = "no answer in time"
    NO_CONNECTION = "no connection"
    NO_HTTP = "not HTTP"
    LEFT = "we hung up"


@frozen(kw_only=True)
class Seen:
    """One answer, as far as it came."""

    ask: Ask
    ending: Ending
    status: int = 0
    """0: no head came."""
    headers: Mapping[str, str] = {}
    """By lower-case name."""
    body: bytes = b""
    pieces_ms: tuple[int, ...] = ()
    """When each piece of the body came, from the request's begin."""
    total_ms: int = 0

    json: Any = field(init=False)
    """The decoded body; None if it is no JSON."""
    payloads: tuple[str, ...] = field(init=False)
    """What stands in the `data:` lines of an event stream."""

    @json.default
    def _json(self) -> Any:
        try:
            return msgspec.json.decode(self.body)
        except msgspec.DecodeError:
            return None

    @payloads.default
    def _payloads(self) -> tuple[str, ...]:
        if not self.is_stream:
            return ()
        lines = self.body.decode("utf-8", "replace").split("\n")
        return tuple(line[5:].strip() for line in lines if line.startswith("data:"))

    @property
    def is_stream(self) -> bool:
        """Whether it is an event stream by its own word."""
        return self.headers.get("content-type", "").startswith("text/event-stream")

    @property
    def events(self) -> list[Json]:
        """The payloads that are JSON objects."""
        found = []
        for payload in self.payloads:
            try:
                event = msgspec.json.decode(payload)
            except msgspec.DecodeError:
                continue
            if isinstance(event, dict):
                found.append(event)
        return found

    @property
    def choices(self) -> list[Json]:
        """The first choice of each chunk that has one, or of a whole answer."""
        holders = self.events if self.is_stream else [self.json]
        return [choices[0] for holder in holders if (choices := parts(holder, "choices"))]

    @property
    def finishes(self) -> list[str]:
        """Every finish reason that was told."""
        return [choice["finish_reason"] for choice in self.choices if choice.get("finish_reason") is not None]

    @property
    def text(self) -> str:
        """The answer's content."""
        holder = "delta" if self.is_stream else "message"
        return "".join(part(choice, holder).get("content") or "" for choice in self.choices)

    @property
    def error(self) -> Json | None:
        """The object under `error`: of an envelope, or of a stream's error event."""
        for holder in (self.json, *self.events):
            if error := part(holder, "error"):
                return error
        return None

    def summary(self) -> str:
        """What was seen, in one line, without content."""
        told = [str(self.status) if self.status else "no head"]
        if self.is_stream:
            told.append(f"{len(self.events)} events{', [DONE]' if '[DONE]' in self.payloads else ''}")
        else:
            told.append(f"{len(self.body)} bytes")
        if self.finishes:
            told.append(f"finish={','.join(map(str, self.finishes))}")
        if self.error is not None:
            told.append(f"error={self.error.get('code') or self.error.get('type')}")
        if self.ending is not Ending.WHOLE:
            told.append(self.ending.value)
        return f"{' '.join(told)} in {self.total_ms} ms"


@frozen(kw_only=True)
class Evidence:
    """All that one case saw."""

    seen: tuple[Seen, ...]
    """In the order of its requests."""
    ours: bool
    """The endpoint is to be mix2api: what is promised beyond OpenAI's form is judged, too."""
    executions: int = 0
    """Connections that came to the address of the MCP server which a case's tools name. Nobody may connect there."""

    @property
    def last(self) -> Seen:
        """The last answer."""
        return self.seen[-1]
