"""The openai Python SDK: reads asks as JSON lines, writes what it saw as JSON lines."""

from collections.abc import Iterable
from typing import Any

import msgspec
import openai
from asks import Ask, Kind, Raised, Seen, SeenCall, SeenUsage
from lines import answer_asks, answered


def see(ask: Ask) -> Seen:
    """Does what is asked; an exception of the SDK is part of what is seen."""
    with openai.OpenAI(
        api_key=ask.key,
        base_url=ask.base_url,
        max_retries=ask.max_retries,
        timeout=openai.NOT_GIVEN if ask.timeout_ms is None else ask.timeout_ms / 1000,
        default_headers={"x-request-id": ask.request_id},
    ) as client:
        looking = _Looking(client, ask)
        try:
            looking.look()
        except openai.APIError as error:
            looking.seen["raised"] = _raised(error)
            looking.seen.setdefault("request_id", getattr(error, "request_id", None))
        return Seen(**looking.seen)


class _Looking:
    """One ask under way; `seen` grows, so that an exception leaves what came before it."""

    def __init__(self, client: openai.OpenAI, ask: Ask) -> None:
        self._client = client
        self._ask = ask
        self.seen: dict[str, Any] = {}

    def look(self) -> None:
        match self._ask.kind:
            case Kind.MODELS:
                self.seen["models"] = [model.id for model in self._client.models.list()]
            case Kind.MODEL:
                self.seen["models"] = [self._client.models.retrieve(self._ask.model).id]
            case Kind.CHAT:
                self._chat()

    def _chat(self) -> None:
        messages: list[dict[str, Any]] = [{"role": "user", "content": self._ask.prompt}]
        self._turn(messages)
        if self._ask.tool_result is None:
            return
        calls: list[SeenCall] = self.seen.get("tool_calls", [])
        self._turn(messages + answered(calls, self._ask.tool_result))
        self.seen["tool_calls"] = calls

    def _turn(self, messages: list[dict[str, Any]]) -> None:
        request: dict[str, Any] = {"model": self._ask.model, "messages": messages, **self._ask.fields}
        if self._ask.tool is not None:
            request["tools"] = [{"type": "function", "function": msgspec.to_builtins(self._ask.tool)}]
        if not self._ask.stream:
            self._whole(self._client.chat.completions.create(**request))
            return
        if self._ask.include_usage:
            request["stream_options"] = {"include_usage": True}
        with self._client.chat.completions.create(**request, stream=True) as stream:
            self.seen["request_id"] = stream.response.headers.get("x-request-id")
            self._streamed(stream)

    def _whole(self, answer: Any) -> None:
        choice = answer.choices[0]
        self.seen |= {
            "request_id": answer._request_id,
            "text": choice.message.content or "",
            "reasoning": getattr(choice.message, "reasoning_content", None) or "",
            "finish_reason": choice.finish_reason,
            "usage": _usage(answer.usage),
            "tool_calls": [
                SeenCall(call.id, call.function.name, call.function.arguments)
                for call in choice.message.tool_calls or ()
            ],
        }

    def _streamed(self, stream: Iterable[Any]) -> None:
        seen, calls, deltas = self.seen, {}, 0
        seen["text"] = seen["reasoning"] = ""
        for chunk in stream:
            seen["usage"] = _usage(chunk.usage) or seen.get("usage")
            for choice in chunk.choices:
                seen["text"] += choice.delta.content or ""
                seen["reasoning"] += getattr(choice.delta, "reasoning_content", None) or ""
                seen["finish_reason"] = choice.finish_reason or seen.get("finish_reason")
                for call in choice.delta.tool_calls or ():
                    _add(calls, call)
                deltas += bool(choice.delta.content)
            if deltas == self._ask.abort_after:
                return
        seen["tool_calls"] = [SeenCall(**calls[index]) for index in sorted(calls)]


def _add(calls: dict[int, dict[str, str]], delta: Any) -> None:
    call = calls.setdefault(delta.index, {"id": "", "name": "", "arguments": ""})
    call["id"] += delta.id or ""
    call["name"] += delta.function.name or ""
    call["arguments"] += delta.function.arguments or ""


def _usage(usage: Any) -> SeenUsage | None:
    if usage is None:
        return None
    return SeenUsage(usage.prompt_tokens, usage.completion_tokens, usage.total_tokens)


def _raised(error: openai.APIError) -> Raised:
    response = getattr(error, "response", None)
    return Raised(
        name=type(error).__name__,
        status=getattr(error, "status_code", None),
        code=error.code,
        param=error.param,
        message=error.message,
        retry_after=None if response is None else response.headers.get("retry-after"),
    )


answer_asks(see)
