"""The requests that the document's examples come from, and what a running server answers to them.

What changes from run to run is written as the same word each time, so that two recordings are equal.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from attrs import frozen
from wire_client import Answer, WireClient

from mix2api.openapi.recorded import Recorded

SETTINGS: Final = {
    "BODY_SIZE_LIMIT": "64kb",
    "INBOUND_BEARER_TOKEN": "sk-of-the-tests",
    "UPSTREAM_RETRY_COUNT": "0",
    "MODEL_LIST": "mix/qwen-3-235b-instruct",
}
"""Of the server that is recorded: its bound on bodies and its lack of retries make some failures quick."""
_CHAT: Final = "createChatCompletion"
_MODEL: Final = "mix/qwen-3-235b-instruct"
_WEATHER: Final[dict[str, Any]] = {
    "name": "get_weather",
    "description": "The weather in a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
_TOOLS: Final = [{"type": "function", "function": _WEATHER}]
_SAID: Final = "What is the weather in Paris?"
_CALLED: Final = '[[tools:get_weather{"city":"Paris"}]]What is the weather in Paris?'
_CALL: Final = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "get_weather", "arguments": '{"city": "Paris"}'},
}
_CHANGING: Final = (
    (re.compile(r'"created":\d+'), '"created":1764460800'),
    (re.compile(r"chatcmpl-[0-9A-Za-z_]+"), "chatcmpl-run_of_the_example"),
    (re.compile(r'"id":"call_[0-9A-Za-z_]+"'), '"id":"call_of_the_example"'),
    (re.compile(r'"session_id":"ses_[^"]+"'), '"session_id":"ses_of_the_example"'),
    (re.compile(r'"process":"[^"]+"'), '"process":"p_of_the_example"'),
    (re.compile(r'"version":"[^"]+"'), '"version":"1.2.3"'),
)
_DIRECTIVE: Final = re.compile(r"\[\[.*?\]\]")
"""A word to the demo site: it stands in the request, and not in the example."""


@frozen(kw_only=True)
class Asked:
    """One request of the recording."""

    operation: str = _CHAT
    method: str = "POST"
    path: str = "/v1/chat/completions"
    body: Any = None
    """JSON, or bytes that are sent as they are."""
    headers: Mapping[str, str] = {}


def _chat(said: Any, **fields: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": said}] if isinstance(said, str) else said
    return {"model": _MODEL, "messages": messages, **fields}


def _get(operation: str, path: str, **more: Any) -> Asked:
    return Asked(operation=operation, method="GET", path=path, **more)


def _failing(directive: str) -> Asked:
    return Asked(body=_chat(f"[[{directive}]]Hello"))


ASKED: Final[dict[str, Asked]] = {
    "text": Asked(body=_chat("[[say:Hello, how can I help?]]Hello")),
    "stream": Asked(
        body=_chat(
            "[[say:Hello, how can I help?]][[size:12]]Hello",
            stream=True,
            stream_options={"include_usage": True},
        )
    ),
    "tools": Asked(body=_chat(_CALLED, tools=_TOOLS)),
    "tools_stream": Asked(body=_chat(_CALLED, tools=_TOOLS, stream=True)),
    "tool_result": Asked(
        body=_chat(
            [
                {"role": "user", "content": "[[say:It is sunny.]]" + _SAID},
                {"role": "assistant", "content": None, "tool_calls": [_CALL]},
                {"role": "tool", "tool_call_id": "call_1", "content": "sunny, 24 degrees"},
            ],
            tools=_TOOLS,
        )
    ),
    "legacy_functions": Asked(body=_chat(_CALLED, functions=[_WEATHER])),
    "failing_stream": Asked(body=_chat("[[error_mid:the model is gone]]Hello", stream=True)),
    "malformed_json": Asked(body=b'{"model": '),
    "missing_messages": Asked(body={"model": _MODEL}),
    "wrong_role": Asked(body=_chat([{"role": "robot", "content": "Hello"}])),
    "unmatched_tool_result": Asked(
        body=_chat(
            [
                {"role": "user", "content": _SAID},
                {"role": "assistant", "content": None, "tool_calls": [_CALL]},
                {"role": "tool", "tool_call_id": "call_other", "content": "sunny"},
            ]
        )
    ),
    "context_length_at_the_site": _failing("json_error:maximum context length exceeded"),
    "no_key": Asked(body=_chat("Hello"), headers={"authorization": ""}),
    "wrong_key": Asked(body=_chat("Hello"), headers={"authorization": "Bearer wrong"}),
    "upstream_not_found": _failing("status:404"),
    "wrong_method": Asked(method="PUT", body=_chat("Hello")),
    "too_large": Asked(body=_chat("x" * 70_000)),
    "wrong_media_type": Asked(body=_chat("Hello"), headers={"content-type": "text/plain"}),
    "upstream_unprocessable": _failing("status:422"),
    "upstream_rate_limit": _failing("429:7"),
    "upstream_failure": _failing("status:500"),
    "upstream_overloaded": _failing("status:503"),
    "upstream_timeout": _failing("status:504"),
    "models": _get("listModels", "/v1/models"),
    "models_without_key": _get("listModels", "/v1/models", headers={"authorization": ""}),
    "model": _get("getModel", f"/v1/models/{_MODEL}"),
    "unknown_model": _get("getModel", "/v1/models/other"),
    "health": _get("getHealth", "/health"),
    "liveness": _get("getLiveness", "/health/live"),
    "readiness": _get("getReadiness", "/health/ready"),
}


async def answered(client: WireClient, asked: Asked) -> Answer:
    """Sends one of the requests."""
    body = asked.body if isinstance(asked.body, bytes) else msgspec.json.encode(asked.body)
    headers = {"x-request-id": "request-of-the-example", **asked.headers}
    async with client.request(asked.method, asked.path, b"" if asked.body is None else body, headers) as sent:
        return await sent.answer()


def example_of(asked: Asked, answer: Answer) -> Recorded:
    """The example, with the same words for what changes from run to run."""
    text = answer.body.decode()
    for pattern, word in _CHANGING:
        text = pattern.sub(word, text)
    shown = isinstance(asked.body, dict) and answer.status == 200
    media = answer.headers["content-type"].partition(";")[0]
    return Recorded(
        operation=asked.operation,
        status=answer.status,
        media=media,
        answer=text if answer.is_stream else msgspec.json.decode(text),
        request=_without_directives(asked.body) if shown else None,
    )


def _without_directives(value: Any) -> Any:
    if isinstance(value, str):
        return _DIRECTIVE.sub("", value)
    if isinstance(value, list):
        return [_without_directives(each) for each in value]
    return (
        {name: _without_directives(each) for name, each in value.items()}
        if isinstance(value, dict)
        else value
    )
