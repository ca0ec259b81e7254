"""What schemathesis cannot know of this API: which refusals schemas cannot foretell, and what stands in a stream."""

import json
import os
import re
from functools import cache
from pathlib import Path
from typing import Any

import schemathesis
from openapi_schema_validator import OAS30Validator

_DOCUMENT = json.loads(Path(os.environ["OPENAPI_DOCUMENT"]).read_text(encoding="utf-8"))
_CHOOSES_UPSTREAM = frozenset({"upstream_base_url", "upstream_api_base"})
_BEYOND_SCHEMAS = (
    "messages",  # contents that a role needs, ids of calls and results
    "tools",  # a function has a name
    "functions",
    "tool_choice",  # a choice names a tool that is offered
    "function_call",
    "input",  # items of the Responses API, as `messages`
    "previous_response_id",  # names a response that is kept
)
"""Where a refusal may stand whose reason is a rule between fields, or depends on a tool's kind."""


_OF_CONVERSATIONS = re.compile(
    r"^The (graph cannot be used|body must be a JSON object)|'(extraContext|cursor|pattern)'|^`async` and `wait`"
)
"""The same for the API of conversations, whose refusals name the field in their words.

Schemathesis calls a case positive whose query is right, also where it draws a body that is no object.
"""


@schemathesis.hook
def before_load_schema(_: Any, raw_schema: dict[str, Any]) -> None:
    """Leaves out what would make other answers rare, and the schema of a stream: `streams_hold_what_is_said` checks more.

    A server refuses every choice of an upstream unless its operator allows it.
    """
    del raw_schema["paths"]["/"]  # the very route of `/v1/chat/completions`; it would take as long again
    chat = raw_schema["paths"]["/v1/chat/completions"]["post"]
    for path in ("/v1/chat/completions", "/v1/responses", "/v1/responses/compact"):
        route = raw_schema["paths"][path]["post"]
        route["parameters"] = [each for each in route["parameters"] if each["name"] != "x-upstream-base-url"]
    for field in _CHOOSES_UPSTREAM:
        del raw_schema["components"]["schemas"]["ChatCompletionRequest"]["properties"][field]
    del chat["responses"]["200"]["content"]["text/event-stream"]["schema"]


@schemathesis.check
def refused_for_what_schemas_cannot_say(_: Any, response: Any, case: Any) -> None:
    """A body that the schemas allow is refused only for a rule that they cannot express."""
    if response.status_code != 400 or case.meta is None or not case.meta.generation.mode.is_positive:
        return
    said = response.json()
    if "error" not in said:
        assert _OF_CONVERSATIONS.search(said["info"]), said
        return
    error = said["error"]
    param = error["param"] or ""
    assert param.startswith(_BEYOND_SCHEMAS) or error["code"] == "malformed_http", error


@schemathesis.check
def streams_hold_what_is_said(_: Any, response: Any, __: Any) -> None:
    """Every event is a chunk or an error by the document's schemas, and `[DONE]` is the last."""
    media = response.headers.get("content-type", [""])[0]
    if not media.startswith("text/event-stream"):
        return
    lines = [line for line in response.text.split("\n") if line.startswith("data: ")]
    assert lines[-1] == "data: [DONE]", lines[-1]
    for line in lines[:-1]:
        event = json.loads(line.removeprefix("data: "))
        _validator("ChatCompletionChunk" if "choices" in event else "StreamErrorEvent").validate(event)


@cache
def _validator(name: str) -> Any:
    """Of one of the document's schemas. It keeps the references that it has followed."""
    schema = {"$ref": f"#/components/schemas/{name}", "components": _DOCUMENT["components"]}
    return OAS30Validator(schema)
