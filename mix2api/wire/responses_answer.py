"""Answers of the Responses API: the one object, and the items that it is made of. Pure.

An answer is a list of items, in the order in which they began: reasoning, messages, calls. Both forms of answer are made of the
same items; a stream only tells of each as it grows (`mix2api.wire.responses_stream`).
"""

from typing import Any, Final

from attrs import define, field, frozen

from mix2api.events.kinds import Usage
from mix2api.vocabulary import FinishReason, RunId, SessionId
from mix2api.wire.passed_on import PassedOn
from mix2api.wire.responses_request import Echo
from mix2api.wire.roomy import json_of, room_for

_ROOM: Final = 8192
"""Bytes for what stands beside texts and the request's own words."""
_INCOMPLETE: Final = {
    FinishReason.LENGTH: "max_output_tokens",
    FinishReason.CONTENT_FILTER: "content_filter",
}
"""Finishes of an answer that is not whole -> the API's word for why."""


def response_id(session_id: SessionId, run_id: RunId) -> str:
    """The id of a response: it names the session that it left, and the run that left it so."""
    return f"resp_{session_id}_{run_id}"


def named_by(previous: str) -> tuple[str, str] | None:
    """The session's and the run's id that a response's id names; None where it has another form. Neither is checked."""
    stem, _, run = previous.rpartition("_run_")
    session = stem.removeprefix("resp_")
    return (session, f"run_{run}") if stem.startswith("resp_ses_") and run else None


@frozen(kw_only=True)
class ResponseFrame:
    """What is the same from the first word of an answer to the last."""

    response_id: str
    run_id: RunId
    created_s: int
    """Unix seconds."""
    model: str = field(repr=False)
    """As the client wrote it."""
    echo: Echo = field(repr=False)

    def response(self, status: str, output: list[dict[str, Any]], **fields: Any) -> dict[str, Any]:
        """The `response` object."""
        return {
            "id": self.response_id,
            "object": "response",
            "created_at": self.created_s,
            "completed_at": None,
            "status": status,
            "error": None,
            "incomplete_details": None,
            "model": self.model,
            "output": output,
            "usage": None,
            **self.echo.fields,
            **fields,
        }

    def finished(
        self, output: list[dict[str, Any]], reason: FinishReason, usage: Usage | None
    ) -> dict[str, Any]:
        """The object of an answer that came to its end: completed, or incomplete for a reason that has a word."""
        why = _INCOMPLETE.get(reason)
        told = {"usage": usage_object(usage), "completed_at": self.created_s if why is None else None}
        if why is None:
            return self.response("completed", output, **told)
        return self.response("incomplete", output, incomplete_details={"reason": why}, **told)


@define
class Item:
    """One item of an answer, as far as it has come."""

    kind: str
    """`reasoning`, `message` or `function_call`."""
    item_id: str
    call_id: str = ""
    name: str = ""
    pieces: list[str] = field(factory=list)
    """Of its one text: the summary, the message's text, the call's arguments."""

    @property
    def text(self) -> str:
        """Its text so far. Joined when asked for."""
        return "".join(self.pieces)

    def told(self, status: str, text: str | None = None) -> dict[str, Any]:
        """The item's object; with None for its text it has just begun."""
        match self.kind:
            case "reasoning":
                summary = [] if text is None else [summary_part(text)]
                return {"id": self.item_id, "type": "reasoning", "summary": summary}
            case "message":
                content = [] if text is None else [text_part(text)]
                return {
                    "id": self.item_id,
                    "type": "message",
                    "status": status,
                    "role": "assistant",
                    "content": content,
                }
            case _:
                return {
                    "id": self.item_id,
                    "type": "function_call",
                    "status": status,
                    "call_id": self.call_id,
                    "name": self.name,
                    "arguments": text or "",
                }


def text_part(text: str) -> dict[str, Any]:
    """A message's part."""
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def summary_part(text: str) -> dict[str, Any]:
    """A reasoning item's part. A site's thought is told as a summary: that is what clients of this API show."""
    return {"type": "summary_text", "text": text}


def usage_object(usage: Usage | None) -> dict[str, Any]:
    """The API's `usage`: always an object of whole numbers."""
    counts = usage or Usage(prompt_tokens=0, completion_tokens=0, total_tokens=0)
    return {
        "input_tokens": counts.prompt_tokens,
        "input_tokens_details": {"cached_tokens": counts.cached_tokens},
        "output_tokens": counts.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": counts.reasoning_tokens},
        "total_tokens": counts.total_tokens,
    }


_PREFIXES: Final = {"reasoning": "rs", "message": "msg", "function_call": "fc"}


class Items:
    """The items of one answer, in order. The last one grows; all before it are whole."""

    def __init__(self, run_id: RunId) -> None:
        self._stem = run_id.removeprefix("run_")
        self.all: list[Item] = []

    def last(self, kind: str) -> Item | None:
        """The item that grows, if it is of that kind."""
        return self.all[-1] if self.all and self.all[-1].kind == kind else None

    def begin(self, kind: str, *, call_id: str = "", name: str = "") -> Item:
        """A further item."""
        item = Item(kind, f"{_PREFIXES[kind]}_{self._stem}{len(self.all):04x}", call_id, name)
        self.all.append(item)
        return item

    def output(self, status: str = "completed") -> list[dict[str, Any]]:
        """All of them; `status` is that of the last."""
        last = len(self.all) - 1
        return [
            item.told(status if place == last else "completed", item.text)
            for place, item in enumerate(self.all)
        ]


class WholeResponse:
    """Collects the pieces that a stream would carry and gives the one object."""

    def __init__(self, frame: ResponseFrame) -> None:
        self._frame = frame
        self._items = Items(frame.run_id)
        self._calls: dict[int, Item] = {}

    def text(self, text: str) -> None:
        """A piece of the answer."""
        (self._items.last("message") or self._items.begin("message")).pieces.append(text)

    def reasoning(self, text: str) -> None:
        """A piece of reasoning."""
        (self._items.last("reasoning") or self._items.begin("reasoning")).pieces.append(text)

    def tool_call(self, index: int, arguments: str, call_id: str | None, name: str | None) -> None:
        """A piece of a tool call; `call_id` and `name` come with the first piece of each index."""
        if index not in self._calls:
            self._calls[index] = self._items.begin("function_call", call_id=call_id or "", name=name or "")
        self._calls[index].pieces.append(arguments)

    def passed_on(self, fields: PassedOn) -> None:
        """Fields of Chat Completions have no place in this API."""

    def finish(self, reason: FinishReason, usage: Usage | None) -> bytes:
        """The `response` object. An answer without a word has an empty message, for readers of `output[0]`."""
        if not self._items.all:
            self._items.begin("message")
        status = "incomplete" if reason in _INCOMPLETE else "completed"
        response = self._frame.finished(self._items.output(status), reason, usage)
        texts = (piece for item in self._items.all for piece in item.pieces)
        return json_of(response, _ROOM + sum(map(room_for, texts)))
