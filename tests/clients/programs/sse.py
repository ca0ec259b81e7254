"""A stream as curl prints it: put together, and held to the form that OpenAI's clients rely on."""

from typing import Any

import msgspec
from asks import Raised, SeenCall, SeenUsage

_DATA = "data: "
_DONE = "[DONE]"


class Stream:
    """Takes the lines of a body as they come; `seen` has what they said, `complaints` what was wrong with them."""

    def __init__(self, *, include_usage: bool) -> None:
        self._include_usage = include_usage
        self._calls: dict[int, dict[str, str]] = {}
        self._chunks: list[dict[str, Any]] = []
        self._error: dict[str, Any] | None = None
        self._done = 0
        self.deltas = 0
        self.seen: dict[str, Any] = {"text": "", "reasoning": ""}
        self.complaints: list[str] = []

    def take(self, line: str) -> None:
        """One line without its end."""
        if not line or line.startswith(":"):
            return
        if not line.startswith(_DATA):
            self.complaints.append(f"not a data line: {line[:80]!r}")
            return
        if self._done:
            self.complaints.append("data after [DONE]")
        payload = line.removeprefix(_DATA)
        if payload == _DONE:
            self._done += 1
        else:
            self._object(msgspec.json.decode(payload))

    def close(self) -> None:
        """The body has ended: what is missing now is missing."""
        if self._done != 1:
            self.complaints.append(f"{self._done} times [DONE]")
        self.seen["tool_calls"] = [SeenCall(**self._calls[index]) for index in sorted(self._calls)]
        self._check_start()
        self._check_usage()
        if self._error is not None:
            self._check_failure(self._error)

    def _object(self, body: dict[str, Any]) -> None:
        if "choices" not in body:
            self._error = body["error"]
            self.seen["raised"] = raised("error_frame", None, body)
            return
        self._chunks.append(body)
        usage = body.get("usage")
        if usage is not None:
            self.seen["usage"] = usage_of(usage)
        for choice in body["choices"]:
            self._choice(choice)

    def _choice(self, choice: dict[str, Any]) -> None:
        delta = choice["delta"]
        content = delta.get("content") or ""
        self.deltas += bool(content)
        self.seen["text"] += content
        self.seen["reasoning"] += delta.get("reasoning_content") or ""
        self.seen["finish_reason"] = choice["finish_reason"] or self.seen.get("finish_reason")
        for call in delta.get("tool_calls", ()):
            whole = self._calls.setdefault(call["index"], {"id": "", "name": "", "arguments": ""})
            whole["id"] += call.get("id", "")
            whole["name"] += call["function"].get("name", "")
            whole["arguments"] += call["function"].get("arguments", "")

    def _check_start(self) -> None:
        first = self._chunks[0]["choices"] if self._chunks else []
        if not first or first[0]["delta"].get("role") != "assistant":
            self.complaints.append("the first chunk has no role")
        for field in ("id", "object", "created", "model"):
            if len({chunk.get(field) for chunk in self._chunks}) != 1:
                self.complaints.append(f"chunks differ in `{field}`")

    def _check_usage(self) -> None:
        told = [place for place, chunk in enumerate(self._chunks) if chunk.get("usage") is not None]
        if self._error is None and told != ([len(self._chunks) - 1] if self._include_usage else []):
            self.complaints.append(f"usage in chunks {told} of {len(self._chunks)}")

    def _check_failure(self, error: dict[str, Any]) -> None:
        last = self._chunks[-1]
        if last.get("error") != error or last["choices"][0]["finish_reason"] != "error":
            self.complaints.append("the last chunk does not tell of the error")
        missing = {"message", "type", "code", "param", "end_reason", "request_id"} - error.keys()
        if missing:
            self.complaints.append(f"the error lacks {sorted(missing)}")


def raised(name: str, status: int | None, body: dict[str, Any], retry_after: str | None = None) -> Raised:
    """An envelope as a failure."""
    error = body["error"]
    return Raised(
        name=name,
        status=status,
        code=error["code"],
        param=error["param"],
        message=error["message"],
        retry_after=retry_after,
    )


def usage_of(usage: dict[str, Any]) -> SeenUsage:
    """The three counts of an answer's `usage`."""
    return SeenUsage(usage["prompt_tokens"], usage["completion_tokens"], usage["total_tokens"])
