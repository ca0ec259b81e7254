"""Answers of the Responses API at the demo site: the object, its items, and what only its account can read. Pure."""

from collections.abc import Mapping
from typing import Any, Final

from attrs import frozen

from mix2api.demo.answers import Answer
from mix2api.demo.contexts import Kept
from mix2api.demo.openai_chunks import CREATED_S

_INCOMPLETE: Final = {"length": "max_output_tokens", "content-filter": "content_filter"}
_STEM: Final = "sealed-for:"


def encrypted_for(account: str, text: str) -> str:
    """What a reasoning item has encrypted: only the account that it was made for can read it."""
    return f"{_STEM}{account}:{text.encode().hex()}"


def can_read(account: str, encrypted: str) -> bool:
    """Whether the account has made it."""
    return encrypted.startswith(f"{_STEM}{account}:")


@frozen
class KeptResponse:
    """A response that the site keeps for the account that asked for it."""

    account: str
    response: dict[str, Any]
    asked: tuple[Kept, ...]
    """All that it was asked with."""
    said: tuple[Kept, ...]
    """Its answer, with its calls."""


@frozen
class ResponseHead:
    """What is the same in every object of one answer."""

    response_id: str
    model: str
    account: str

    def response(self, status: str, output: list[dict[str, Any]], **fields: Any) -> dict[str, Any]:
        """The object."""
        return {
            "id": self.response_id,
            "object": "response",
            "created_at": CREATED_S,
            "status": status,
            "error": None,
            "incomplete_details": None,
            "model": self.model,
            "output": output,
            "parallel_tool_calls": True,
            "tool_choice": "auto",
            "tools": [],
            "x_region": "demo",
            "usage": None,
            **fields,
        }


def items_of(answer: Answer, head: ResponseHead) -> list[dict[str, Any]]:
    """The items of a whole answer."""
    stem = head.response_id.removeprefix("resp_")
    items: list[dict[str, Any]] = []
    if answer.reasoning:
        thought = "".join(answer.reasoning)
        summary = [{"type": "summary_text", "text": thought}]
        encrypted = encrypted_for(head.account, thought)
        items.append(
            {"id": f"rs_{stem}", "type": "reasoning", "summary": summary, "encrypted_content": encrypted}
        )
    text = "".join(answer.pieces)
    if text or not answer.calls:
        part = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
        message = {"id": f"msg_{stem}", "type": "message", "status": "completed", "role": "assistant"}
        items.append({**message, "content": [part]})
    for number, call in enumerate(answer.calls):
        called = {"call_id": call.id, "name": call.name, "arguments": call.arguments}
        items.append({"id": f"fc_{stem}_{number}", "type": "function_call", "status": "completed", **called})
    return items


def finished(answer: Answer, head: ResponseHead, usage: Mapping[str, int] | None) -> dict[str, Any]:
    """The object of an answer that came to its end."""
    why = _INCOMPLETE.get(answer.finish or "")
    status = "completed" if why is None else "incomplete"
    counts = None if usage is None else usage_object(usage)
    details = None if why is None else {"reason": why}
    return head.response(status, items_of(answer, head), incomplete_details=details, usage=counts)


def usage_object(counts: Mapping[str, int]) -> dict[str, Any]:
    """The token figures in this API's form."""
    return {
        "input_tokens": counts["inputTokens"],
        "input_tokens_details": {"cached_tokens": counts["cachedInputTokens"]},
        "output_tokens": counts["outputTokens"],
        "output_tokens_details": {"reasoning_tokens": counts["reasoningTokens"]},
        "total_tokens": counts["totalTokens"],
    }
