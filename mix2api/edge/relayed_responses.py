"""Answers of an upstream that speaks the Responses API itself, for clients of that API: events and objects as they came.

The last event waits for the run's end: only then it is known that the answer is whole, and that the log knows. An answer that
fails ends with our own `response.failed`, as with every other upstream.
"""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from mix2api.edge.api_form import SubmittedRun
from mix2api.edge.rendering import error_of
from mix2api.events.kinds import Usage
from mix2api.sessions.worker_port import Ended, Reply
from mix2api.vocabulary import SUCCESSES, FinishReason
from mix2api.wire.error_answer import DONE
from mix2api.wire.passed_on import WHOLE_RESPONSE, PassedOn
from mix2api.wire.responses_unstreamed import events_of, last_event_of

_LAST: Final = frozenset({"response.completed", "response.incomplete", "response.cancelled"})
_CREATED: Final = "response.created"
_LINE_END, _EVENT_END = "\n", "\n\n"


class RelayedRenderer:
    """Makes the events of one stream. `ended` is None until the ending has been rendered.

    Args:
        run: whose answer it is.
        on_ended: told of the ending.
    """

    def __init__(self, run: SubmittedRun, on_ended: Callable[[Ended], None]) -> None:
        self._run = run
        self._on_ended = on_ended
        self._number = 0
        """Of the next event."""
        self._created = ""
        """The first event's data, for an ending of ours."""
        self._last = b""
        """The upstream's last event, until the run has ended."""
        self.ended: Ended | None = None

    def render(self, replies: list[Reply]) -> bytes:
        """All events of these replies, as one piece; empty if they say nothing to the client."""
        frames: list[bytes] = []
        for reply in replies:
            if isinstance(reply, PassedOn):
                for kind, data in reply.event.items():
                    if reply.count > 1:
                        frames.append(self._pieces(kind, data, reply.count))
                    else:
                        frames.append(
                            self._whole(data) if kind == WHOLE_RESPONSE else self._event(kind, data)
                        )
            elif isinstance(reply, Ended):
                frames.append(self.ending(reply))
        return b"".join(frames)

    def ending(self, ended: Ended) -> bytes:
        """The upstream's last event or a failure, with `[DONE]`."""
        self.ended = ended
        self._on_ended(ended)
        if ended.end_reason in SUCCESSES:
            return self._last + DONE
        return self._failure(ended) + DONE

    def _event(self, kind: str, data: str) -> bytes:
        if kind == _CREATED:
            self._created = data
        frame = _frame(kind, data)
        if kind in _LAST:
            self._last = frame
            return b""
        self._number += 1
        return frame

    def _pieces(self, kind: str, lines: str, count: int) -> bytes:
        """Events that came together, one a line."""
        self._number += count
        begin = _beginning(kind)
        return f"{begin}{lines.replace(_LINE_END, f'{_EVENT_END}{begin}')}{_EVENT_END}".encode(
            "utf-8", "replace"
        )

    def _whole(self, data: str) -> bytes:
        """The events of an upstream that has not streamed. The last one has the response as it came."""
        response = msgspec.json.decode(data)
        events = [
            self._event(event["type"], msgspec.json.encode(event | {"sequence_number": number}).decode())
            for number, event in enumerate(events_of(response), self._number)
        ]
        kind = last_event_of(response)
        last = f'{{"type":"{kind}","sequence_number":{self._number},"response":{data}}}'
        return b"".join([*events, self._event(kind, last)])

    def _failure(self, ended: Ended) -> bytes:
        error = error_of(ended)
        told = {
            "code": error.code or error.type,
            "message": error.message,
            "type": error.type,
            "param": error.param,
            "end_reason": ended.end_reason.value,
            "request_id": self._run.request.request_id,
        }
        response = self._response() | {"status": "failed", "error": told}
        event = {"type": "response.failed", "sequence_number": self._number, "response": response}
        return _frame("response.failed", msgspec.json.encode(event).decode())

    def _response(self) -> dict[str, Any]:
        """The response as the upstream has begun it, else as little as clients can read."""
        begun = msgspec.json.decode(self._created).get("response") if self._created else None
        if isinstance(begun, dict):
            return begun
        run = self._run
        plain = {"id": f"resp_{run.run_id}", "object": "response", "created_at": run.created_s}
        return {**plain, "model": run.turn.model, "output": []}


def _frame(kind: str, data: str) -> bytes:
    """One event of a stream. Data of several lines stays so; a type that would end its line early is left out."""
    if _LINE_END in data:
        data = data.replace(_LINE_END, "\ndata: ")
    return f"{_beginning(kind)}{data}{_EVENT_END}".encode("utf-8", "replace")


def _beginning(kind: str) -> str:
    return f"event: {kind}\ndata: " if kind.isprintable() else "data: "


class RelayedAnswer:
    """Keeps the object of a whole answer."""

    def __init__(self) -> None:
        self._object = b""

    def text(self, text: str) -> None:
        """The object has it."""

    def reasoning(self, text: str) -> None:
        """The object has it."""

    def tool_call(self, index: int, arguments: str, call_id: str | None, name: str | None) -> None:
        """The object has it."""

    def passed_on(self, fields: PassedOn) -> None:
        """The object, or the last event of an upstream that has streamed unasked."""
        for kind, data in fields.event.items():
            if kind == WHOLE_RESPONSE:
                self._object = data.encode("utf-8", "replace")
            elif kind in _LAST:
                self._object = msgspec.json.encode(msgspec.json.decode(data)["response"])

    def finish(self, reason: FinishReason, usage: Usage | None) -> bytes:
        """The object."""
        del reason, usage
        return self._object
