"""Bytes of a request of the Responses API to a `Turn`, or an `InvalidRequest` that names the parameter. Pure.

The turn is the same as that of Chat Completions, so sessions, tools and budgets know no difference. What the answer has to
repeat of its request is kept beside it (`Echo`). Source: OpenAI API reference, "Create a model response".
"""

from typing import Annotated, Any, Final

import msgspec
from attrs import field, frozen
from msgspec import Meta, Struct

from mix2api.errors import InvalidRequest
from mix2api.steps import Steps
from mix2api.wire.as_meant import as_meant
from mix2api.wire.chat_request import MAX_NESTING, deeper_than
from mix2api.wire.request_bounds import check_counts, value_steps
from mix2api.wire.responses_items import Item, Opened, messages_of, no_summary
from mix2api.wire.tool_fields import tool_choice_of, tools_of
from mix2api.wire.turn import AskedBase, Message, Turn

_LARGE_BYTES: Final = 65_536
"""Bytes of a body that is decoded and checked in one step, as in `chat_request`."""
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_Object = dict[str, Any]
_Temperature = Annotated[float, Meta(ge=0, le=2)]
_Share = Annotated[float, Meta(ge=0, le=1)]
_Tokens = Annotated[int, Meta(ge=1, le=2**31 - 1)]
_Name = Annotated[str, Meta(max_length=256)]
_Url = Annotated[str, Meta(max_length=2048)]
_HOSTED: Final = (
    *("web_search", "file_search", "code_interpreter", "image_generation", "computer"),
    *("mcp", "shell", "programmatic", "collaboration"),
)
"""How the types of tools begin that OpenAI runs itself."""
_HOSTED_WHY: Final = (
    "`{0}` is a tool that a server runs, and none is run here. Leave it out of the request "
    '(Codex leaves out its search with `web_search = "disabled"` in its configuration)'
)


class _Reasoning(Struct):
    effort: str | None = None
    summary: str | None = None


class _Text(Struct):
    format: _Object | None = None
    verbosity: str | None = None


class _Body(Struct):
    """The wire's own shape. `null` means absent."""

    model: Annotated[str, Meta(min_length=1, max_length=256)]
    input: str | list[Item] | None = None
    instructions: str | None = None
    previous_response_id: Annotated[str, Meta(max_length=512)] | None = None
    conversation: str | _Object | None = None
    prompt: _Object | None = None
    background: bool | None = None
    stream: bool | None = None
    max_output_tokens: _Tokens | None = None
    max_tool_calls: int | None = None
    tools: list[_Object] | None = None
    tool_choice: str | _Object | None = None
    parallel_tool_calls: bool | None = None
    temperature: _Temperature | None = None
    top_p: _Share | None = None
    top_logprobs: int | None = None
    truncation: str | None = None
    reasoning: _Reasoning | None = None
    text: _Text | None = None
    metadata: _Object | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    persona_id: str | None = None
    session_id: _Name | None = None
    upstream_base_url: _Url | None = None
    upstream_api_base: _Url | None = None


@frozen(kw_only=True)
class Echo:
    """What a response repeats of its request. Content lives here."""

    fields: _Object = field(repr=False)


NO_ECHO: Final = Echo(fields={})
"""Of a request that is not known any more."""

_decoder: Final = msgspec.json.Decoder(_Body)


def responses_request_steps(
    body: bytes,
    opened: Opened = no_summary,
    *,
    persona_id: str | None = None,
    asked_base: AskedBase | None = None,
) -> Steps[tuple[Turn, Echo]]:
    """The turn that a body asks for, and what its answer repeats, in steps (`mix2api.steps`).

    Args:
        body: the request body as it came, already within the size limit.
        opened: reads a summary that this deployment has made.
        persona_id: the header's, which wins over the body's.
        asked_base: likewise.

    Raises:
        InvalidRequest: what is wrong, where, and what is allowed; nothing of the body is quoted.
    """
    body = body.removeprefix(_BYTE_ORDER_MARK)
    is_large = len(body) > _LARGE_BYTES
    if is_large:
        yield from value_steps(body)
        yield
    asked = _decode(body)
    if is_large:
        yield
    _check(asked)
    messages = _messages(asked, opened)
    check_counts(messages, len(asked.tools or ()))
    if is_large:
        yield
    turn = Turn(
        model=asked.model,
        messages=messages,
        stream=bool(asked.stream),
        include_usage=True,
        max_tokens=asked.max_output_tokens,
        sampling=_sampling(asked),
        tools=tools_of(asked.tools, None),
        tool_choice=tool_choice_of(asked.tool_choice, None),
        parallel_tool_calls=asked.parallel_tool_calls,
        persona_id=persona_id or asked.persona_id,
        session=asked.session_id or _session_in(asked.metadata),
        previous_response=asked.previous_response_id,
        asked_base=asked_base or _asked_base(asked),
    )
    return turn, Echo(fields=_echo(asked))


def _decode(body: bytes) -> _Body:
    try:
        body.decode()
        return _decoder.decode(body)
    except msgspec.ValidationError as fault:
        return _as_meant(body, str(fault))
    except (msgspec.DecodeError, UnicodeDecodeError):
        what = "is empty" if not body.strip() else "is not valid JSON"
        raise InvalidRequest(f"The body {what}.", code="invalid_json") from None
    except RecursionError:
        raise _too_deep(None) from None


def _as_meant(body: bytes, fault: str) -> _Body:
    """A body that is not the letter of the reference, if what it means is certain; else the refusal for that fault."""
    try:
        return msgspec.convert(_without_nulls(as_meant(msgspec.json.decode(body))), _Body)
    except RecursionError:
        raise _too_deep(None) from None
    except msgspec.MsgspecError:
        pass
    what, _, path = fault.partition(" - at `")
    param = path.rstrip("`").removeprefix("$").removeprefix(".") or None
    if what.startswith("Object missing required field"):
        missing = what.split("`")[1]
        param = f"{param}.{missing}" if param else missing
        raise InvalidRequest(
            f"Missing required parameter '{param}'.", param=param, code="missing_required_parameter"
        )
    if param is None:
        raise InvalidRequest("The body must be a JSON object.", code="invalid_json")
    raise InvalidRequest(
        f"Invalid value for '{param}': it must be of the type and within the bounds that OpenAI's reference gives.",
        param=param,
        code="invalid_value",
    )


def _without_nulls(said: Any) -> Any:
    """A body whose items have no fields that are null, in place: SDKs write all fields of an item."""
    items = said.get("input") if isinstance(said, dict) else None
    for item in items if isinstance(items, list) else ():
        if isinstance(item, dict):
            for name in [name for name, value in item.items() if value is None]:
                del item[name]
    return said


def _check(asked: _Body) -> None:
    if asked.conversation is not None:
        raise _impossible("conversation", "conversations are not stored here: send the history as `input`")
    if asked.prompt is not None:
        raise _impossible("prompt", "prompts are not stored here: send `input` and `instructions`")
    if asked.background:
        raise _impossible("background", "responses are not stored here")
    for index, tool in enumerate(asked.tools or ()):
        kind = tool.get("type")
        hosted = next((each for each in _HOSTED if isinstance(kind, str) and kind.startswith(each)), None)
        if hosted is not None:
            raise _impossible(f"tools[{index}].type", _HOSTED_WHY.format(hosted))
    parts: list[Any] = [asked.tools, asked.tool_choice, asked.metadata]
    parts.append(asked.text.format if asked.text is not None else None)
    if isinstance(asked.input, list):
        parts += [value for item in asked.input for value in (item.content, item.output)]
    if deeper_than(MAX_NESTING, parts):
        raise _too_deep(None)


def _messages(asked: _Body, opened: Opened) -> list[Message]:
    # `system`, which every server of Chat Completions knows; `developer` is OpenAI's own word for it.
    leading = [Message(role="system", content=asked.instructions)] if asked.instructions else []
    said = asked.input
    messages = (
        [Message(role="user", content=said)] if isinstance(said, str) else messages_of(said or [], opened)
    )
    if not messages:
        raise InvalidRequest(
            "Missing required parameter 'input': it must be a text or a non-empty list of items.",
            param="input",
            code="missing_required_parameter",
        )
    return leading + messages


def _sampling(asked: _Body) -> _Object:
    said: _Object = {"temperature": asked.temperature, "top_p": asked.top_p}
    if asked.reasoning is not None:
        said["reasoning_effort"] = asked.reasoning.effort
    if asked.text is not None:
        said["verbosity"] = asked.text.verbosity
        said["response_format"] = _format(asked.text.format)
    return {name: value for name, value in said.items() if value is not None}


def _format(wanted: _Object | None) -> _Object | None:
    """`text.format` as the `response_format` of Chat Completions; plain text is what comes unasked."""
    if wanted is None or wanted.get("type") == "text":
        return None
    if wanted.get("type") != "json_schema":
        return wanted
    return {"type": "json_schema", "json_schema": {name: wanted[name] for name in wanted if name != "type"}}


def _session_in(metadata: _Object | None) -> str | None:
    said = (metadata or {}).get("session_id")
    return said if isinstance(said, str) else None


def _asked_base(asked: _Body) -> AskedBase | None:
    if asked.upstream_base_url:
        return AskedBase(asked.upstream_base_url, "upstream_base_url")
    return AskedBase(asked.upstream_api_base, "upstream_api_base") if asked.upstream_api_base else None


def _echo(asked: _Body) -> _Object:
    """The fields of a response that say how it was asked for, with the API's own defaults in place of what was not said."""
    reasoning, text = asked.reasoning or _Reasoning(), asked.text or _Text()
    return {
        "background": False,
        "frequency_penalty": 0,
        "instructions": asked.instructions,
        "max_output_tokens": asked.max_output_tokens,
        "max_tool_calls": asked.max_tool_calls,
        "metadata": asked.metadata or {},
        "parallel_tool_calls": asked.parallel_tool_calls is not False,
        "presence_penalty": 0,
        "previous_response_id": asked.previous_response_id,
        "prompt_cache_key": asked.prompt_cache_key,
        "reasoning": {"effort": reasoning.effort, "summary": reasoning.summary},
        "safety_identifier": asked.safety_identifier,
        "service_tier": "default",
        "store": False,
        "temperature": 1 if asked.temperature is None else asked.temperature,
        "text": {
            "format": text.format or {"type": "text"},
            **({} if text.verbosity is None else {"verbosity": text.verbosity}),
        },
        "tool_choice": asked.tool_choice if asked.tool_choice is not None else "auto",
        "tools": [_told_tool(tool) for tool in asked.tools or ()],
        "top_logprobs": asked.top_logprobs or 0,
        "top_p": 1 if asked.top_p is None else asked.top_p,
        "truncation": asked.truncation or "disabled",
    }


def _told_tool(tool: _Object) -> _Object:
    """A tool as a response repeats it: a function has all its fields."""
    if tool.get("type") != "function":
        return tool
    return {"description": None, "parameters": None, "strict": True, **tool}


def _impossible(param: str, why: str) -> InvalidRequest:
    return InvalidRequest(f"Unsupported value for '{param}': {why}.", param=param, code="unsupported_value")


def _too_deep(param: str | None) -> InvalidRequest:
    return InvalidRequest(
        f"The body is nested too deeply: at most {MAX_NESTING} levels are allowed.",
        param=param,
        code="invalid_value",
    )
