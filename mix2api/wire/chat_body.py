"""The fields of a Chat Completions body, as msgspec reads them: its error paths (`$.messages[0].role`) are OpenAI's `param`."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from mix2api.wire.turn import Message

_Temperature = Annotated[float, Meta(ge=0, le=2)]
_Share = Annotated[float, Meta(ge=0, le=1)]
_Penalty = Annotated[float, Meta(ge=-2, le=2)]
_Bias = Annotated[float, Meta(ge=-100, le=100)]
_Tokens = Annotated[int, Meta(ge=1, le=2**31 - 1)]
_Seed = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
_Object = dict[str, Any]
_Name = Annotated[str, Meta(max_length=256)]
_Url = Annotated[str, Meta(max_length=2048)]


class _StreamOptions(Struct):
    include_usage: bool | None = None


class Metadata(Struct):
    """What is read of `metadata`."""

    session_id: _Name | None = None


class SystemBlock(Struct):
    """A block of Anthropic's `system`: texts only."""

    type: str
    text: str


class ChatBody(Struct):
    """The wire's own shape. `null` means absent, as the SDKs of several languages send it."""

    model: Annotated[str, Meta(min_length=1, max_length=256)]
    messages: Annotated[list[Message], Meta(min_length=1)]
    stream: bool | None = None
    stream_options: _StreamOptions | None = None
    max_completion_tokens: _Tokens | None = None
    max_tokens: _Tokens | None = None
    tools: list[_Object] | None = None
    tool_choice: str | _Object | None = None
    parallel_tool_calls: bool | None = None
    functions: list[_Object] | None = None
    function_call: str | _Object | None = None
    temperature: _Temperature | None = None
    top_p: _Share | None = None
    stop: str | list[str] | None = None
    seed: _Seed | None = None
    presence_penalty: _Penalty | None = None
    frequency_penalty: _Penalty | None = None
    logit_bias: dict[str, _Bias] | None = None
    response_format: _Object | None = None
    reasoning_effort: str | None = None
    verbosity: str | None = None
    n: Annotated[int, Meta(ge=1, le=1)] | None = None
    modalities: list[str] | None = None
    audio: _Object | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    metadata: Metadata | None = None
    prediction: _Object | None = None
    web_search_options: _Object | None = None
    prompt_cache_key: str | None = None
    prompt_cache_retention: str | None = None
    safety_identifier: str | None = None
    service_tier: str | None = None
    store: bool | None = None
    user: str | None = None
    persona_id: str | None = None
    session_id: _Name | None = None
    camel_session_id: _Name | None = msgspec.field(default=None, name="sessionId")
    camel_persona_id: str | None = msgspec.field(default=None, name="personaId")
    request: Any = None
    upstream_base_url: _Url | None = None
    upstream_api_base: _Url | None = None
    system: str | list[SystemBlock] | None = None
    stop_sequences: list[str] | None = None


def body_schemas(ref_template: str) -> dict[str, dict[str, Any]]:
    """The JSON Schemas that the decoder checks a body by, of the body (`ChatBody`) and of each struct in it.

    Args:
        ref_template: what a `$ref` is, with `{name}` for the struct.
    """
    _, schemas = msgspec.json.schema_components([ChatBody], ref_template=ref_template)
    return schemas
