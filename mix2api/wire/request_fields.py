"""Every documented field of a Chat Completions request and what becomes of it, as data.

The decoder takes its error texts from here, the README's table is rendered from here, and a test compares the rows
with the fields that OpenAI's own SDK knows. Source: OpenAI API reference, "Create chat completion".
"""

import re
from enum import StrEnum
from typing import Final

from attrs import frozen


class Treatment(StrEnum):
    """What the adapter does with a field."""

    HONOURED = "honoured"
    """It changes what this adapter does or answers."""
    PASSED_ON = "passed on"
    """Checked, then given to the upstream as it came; what that makes of it is the upstream's affair."""
    IGNORED = "ignored"
    """Accepted, because clients send it as a matter of course, and without effect."""
    REFUSED = "refused"
    """400 where it asks for what cannot be had; the harmless values named in the row are accepted."""


@frozen
class RequestField:
    """One row: the field's name, its treatment, and what it may be (read as "must be ...")."""

    name: str
    treatment: Treatment
    allowed: str
    note: str = ""


REQUEST_FIELDS: Final = (
    RequestField("model", Treatment.HONOURED, "a string of 1 to 256 characters", "unlisted models too"),
    RequestField("messages", Treatment.HONOURED, "a non-empty list of messages"),
    RequestField("stream", Treatment.HONOURED, "true or false"),
    RequestField(
        "stream_options", Treatment.HONOURED, "an object", "`include_usage`; without effect unless streaming"
    ),
    RequestField("max_completion_tokens", Treatment.HONOURED, "an integer from 1 to 2147483647"),
    RequestField(
        "max_tokens",
        Treatment.HONOURED,
        "an integer from 1 to 2147483647",
        "`max_completion_tokens` wins over it",
    ),
    RequestField("tools", Treatment.HONOURED, "a list of tool objects"),
    RequestField(
        "tool_choice", Treatment.HONOURED, 'one of "none", "auto", "required", or an object that names a tool'
    ),
    RequestField("parallel_tool_calls", Treatment.HONOURED, "true or false"),
    RequestField("functions", Treatment.HONOURED, "a list of function objects", "legacy form of `tools`"),
    RequestField(
        "function_call",
        Treatment.HONOURED,
        'one of "none", "auto", or an object with `name`',
        "legacy form of `tool_choice`",
    ),
    RequestField("temperature", Treatment.PASSED_ON, "a number from 0 to 2"),
    RequestField("top_p", Treatment.PASSED_ON, "a number from 0 to 1"),
    RequestField(
        "stop",
        Treatment.PASSED_ON,
        "a string or a list of strings",
        "and the answer ends there, whatever the site does",
    ),
    RequestField("seed", Treatment.PASSED_ON, "an integer of 64 bits"),
    RequestField("presence_penalty", Treatment.PASSED_ON, "a number from -2 to 2"),
    RequestField("frequency_penalty", Treatment.PASSED_ON, "a number from -2 to 2"),
    RequestField("logit_bias", Treatment.PASSED_ON, "an object of numbers from -100 to 100"),
    RequestField("response_format", Treatment.PASSED_ON, "an object with a string `type`"),
    RequestField("reasoning_effort", Treatment.PASSED_ON, "a string"),
    RequestField("verbosity", Treatment.PASSED_ON, "a string"),
    RequestField("n", Treatment.REFUSED, "1", "1 is accepted: the site gives one answer per turn"),
    RequestField(
        "modalities",
        Treatment.REFUSED,
        'a list of "text"',
        '`["text"]` is accepted: there is no audio output',
    ),
    RequestField("audio", Treatment.REFUSED, "null", "`null` is accepted: there is no audio output"),
    RequestField(
        "logprobs", Treatment.IGNORED, "true or false", "the site gives none; the answer says `null`"
    ),
    RequestField("top_logprobs", Treatment.IGNORED, "an integer from 0 to 20"),
    RequestField(
        "metadata", Treatment.IGNORED, "an object", "but `metadata.session_id`, which names the session"
    ),
    RequestField("prediction", Treatment.IGNORED, "an object"),
    RequestField("web_search_options", Treatment.IGNORED, "an object"),
    RequestField("moderation", Treatment.IGNORED, "anything"),
    RequestField("prompt_cache_key", Treatment.IGNORED, "a string"),
    RequestField("prompt_cache_options", Treatment.IGNORED, "anything"),
    RequestField("prompt_cache_retention", Treatment.IGNORED, "a string"),
    RequestField("safety_identifier", Treatment.IGNORED, "a string"),
    RequestField("service_tier", Treatment.IGNORED, "a string"),
    RequestField("store", Treatment.IGNORED, "true or false"),
    RequestField("user", Treatment.IGNORED, "a string"),
)

EXTENSION_FIELDS: Final = (
    RequestField("persona_id", Treatment.HONOURED, "a string", "the header `x-persona-id` wins over it"),
    RequestField(
        "session_id",
        Treatment.HONOURED,
        "a string of at most 256 characters",
        "names the session; `new` forces a fresh one",
    ),
    RequestField(
        "upstream_base_url",
        Treatment.HONOURED,
        "a string of at most 2048 characters",
        "chooses the upstream, where that is enabled; the header `x-upstream-base-url` wins over it",
    ),
    RequestField(
        "upstream_api_base",
        Treatment.HONOURED,
        "a string of at most 2048 characters",
        "`upstream_base_url` wins over it",
    ),
    RequestField(
        "sessionId",
        Treatment.HONOURED,
        "a string of at most 256 characters",
        "as `session_id`, which wins over it",
    ),
    RequestField("personaId", Treatment.HONOURED, "a string", "as `persona_id`, which wins over it"),
    RequestField("request", Treatment.HONOURED, "anything", "`request.persona_id`, likewise"),
    RequestField(
        "system",
        Treatment.HONOURED,
        "a string or a list of text blocks",
        "Anthropic's system prompt: the first message",
    ),
    RequestField(
        "stop_sequences", Treatment.HONOURED, "a list of strings", "Anthropic's `stop`, which wins over it"
    ),
)
"""Fields of ours and of Anthropic's that OpenAI's reference does not have."""

_NESTED: Final[dict[str, str]] = {
    "messages[]": "an object",
    "messages[].role": "one of assistant, developer, function, system, tool, user",
    "messages[].content": "a string or a list of content parts",
    "messages[].content[]": "an object with a string `type`",
    "messages[].content[].type": "a string",
    "messages[].name": "a string",
    "messages[].refusal": "a string",
    "messages[].tool_call_id": "a string",
    "messages[].tool_calls": "a list of tool calls",
    "messages[].tool_calls[]": "an object with `id` and `function`",
    "messages[].tool_calls[].id": "a string",
    "messages[].tool_calls[].type": "a string",
    "messages[].tool_calls[].function": "an object with `name` and `arguments`",
    "messages[].tool_calls[].function.name": "a string",
    "messages[].tool_calls[].function.arguments": "a string of JSON",
    "messages[].tool_calls[].custom": "an object",
    "messages[].function_call": "an object with `name` and `arguments`",
    "messages[].function_call.name": "a string",
    "messages[].function_call.arguments": "a string of JSON",
    "stream_options.include_usage": "true or false",
    "stop[]": "a string",
    "stop_sequences[]": "a string",
    "system[]": "an object with `type` and `text`",
    "system[].type": "a string",
    "system[].text": "a string",
    "modalities[]": "a string",
    "logit_bias[]": "a number from -100 to 100",
    "tools[]": "an object",
    "tools[].type": "a string",
    "tools[].function": "an object with a string `name`",
    "tools[].function.name": "a non-empty string",
    "tool_choice.type": "a string",
    "tool_choice.function.name": "a non-empty string",
    "functions[]": "an object with a string `name`",
    "functions[].name": "a non-empty string",
    "function_call.name": "a non-empty string",
    "response_format.type": "a string",
}
_ALLOWED: Final = {row.name: row.allowed for row in (*REQUEST_FIELDS, *EXTENSION_FIELDS)} | _NESTED
_INDEX: Final = re.compile(r"\[(?:\d+|\.\.\.)\]")


def allowed_at(param: str) -> str:
    """What may stand at a path like `messages[0].role`; for a path without a row, that its type is wrong."""
    return _ALLOWED.get(_INDEX.sub("[]", param), "of the type that OpenAI's reference gives")


def request_fields_table() -> str:
    """The rows as a Markdown table, ending with a newline."""
    head = "| field | treatment | must be | note |\n|---|---|---|---|\n"
    rows = (*REQUEST_FIELDS, *EXTENSION_FIELDS)
    return head + "".join(
        f"| `{row.name}` | {row.treatment} | {_cell(row.allowed)} | {_cell(row.note)} |\n" for row in rows
    )


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
