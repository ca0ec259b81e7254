"""Bytes of a Chat Completions request to a `Turn`, or an `InvalidRequest` that names the parameter.

msgspec decodes straight into typed structs; its error paths (`$.messages[0].role`) are OpenAI's `param`. No value of
the request is ever quoted in an error: the text says where it is wrong and what is allowed there.
"""

import re
from collections.abc import Callable
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from mix2api.errors import InvalidRequest
from mix2api.steps import Steps, at_once
from mix2api.wire.anthropic_blocks import forbids_parallel, in_openai_form
from mix2api.wire.as_meant import as_meant, other_shape
from mix2api.wire.chat_body import ChatBody, Metadata, SystemBlock
from mix2api.wire.given_fields import given_fields
from mix2api.wire.halves import half_steps, with_characters
from mix2api.wire.request_bounds import check_counts, value_steps
from mix2api.wire.request_fields import allowed_at
from mix2api.wire.stop_sequences import SEQUENCE_CHARS, SEQUENCES_MAX, stops_of
from mix2api.wire.tool_fields import tool_choice_of, tools_of, wrong_value
from mix2api.wire.turn import RESULT_ROLES, AskedBase, Message, Turn

MAX_NESTING: Final = 128
"""Levels of objects and lists inside content parts, tools and formats. JSON schemas in use have fewer than 20; whoever
walks the values later (recursively) must never meet more than its stack holds, which is about 1000 frames."""

_LARGE_BYTES: Final = 65_536
"""Bytes of a body that is decoded and checked in one step, 5 ms at most; it cannot hold `VALUES_MAX` values."""

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_NOT_JSON: Final = "invalid_json"

SAMPLING_FIELDS: Final = (
    "temperature",
    "top_p",
    "stop",
    "seed",
    "presence_penalty",
    "frequency_penalty",
    "logit_bias",
    "response_format",
    "reasoning_effort",
    "verbosity",
)
"""What `Turn.sampling` may hold: the rows of `REQUEST_FIELDS` that are passed on."""

_decoder = msgspec.json.Decoder(ChatBody)
_MISSING: Final = re.compile(r"Object missing required field `([^`]+)`")
_PATH: Final = re.compile(r" - at `(?:key in )?\$\.?([^`]*)`$")
_NEEDS_CONTENT: Final = frozenset({"system", "developer", "user"})


def decode_chat_request(
    body: bytes, *, persona_id: str | None = None, asked_base: AskedBase | None = None
) -> Turn:
    """The turn that a body asks for.

    Args:
        body: the request body as it came, already within the size limit.
        persona_id: the header's, which wins over the body's.
        asked_base: likewise.

    Raises:
        InvalidRequest: what is wrong, where (`param`), and what is allowed; nothing of the body is quoted.
    """
    return at_once(chat_request_steps(body, persona_id=persona_id, asked_base=asked_base))


def chat_request_steps(
    body: bytes,
    *,
    persona_id: str | None = None,
    asked_base: AskedBase | None = None,
    keeps_given: Callable[[str], bool] | None = None,
) -> Steps[Turn]:
    """The same in steps; a body of usual size is one (`mix2api.steps`).

    Args:
        body: as above.
        persona_id: as above.
        asked_base: as above.
        keeps_given: whether a model's upstream is passed through: the turn is then to have the body's fields as they came.
            None: that of no model is.
    """
    body = body.removeprefix(_BYTE_ORDER_MARK)
    is_large = len(body) > _LARGE_BYTES
    if is_large:
        yield from value_steps(body)
        yield
    body, asked = yield from _decode_steps(body)
    if is_large:
        yield
    sent = asked.messages
    check_counts(asked.messages, len(asked.tools or asked.functions or ()))
    _take_anthropic_s_words(asked)
    for index, message in enumerate(asked.messages):
        if type(message.content) is not str or message.role in RESULT_ROLES:  # else there is nothing to check
            _check_message(index, message)
    _check_output(asked)
    _check_nesting(asked)
    if is_large:
        yield
    options = asked.stream_options
    turn = Turn(
        model=asked.model,
        messages=asked.messages if asked.system is None else _system(asked.system) + asked.messages,
        stream=bool(asked.stream),
        include_usage=options is not None and bool(options.include_usage),
        max_tokens=asked.max_completion_tokens or asked.max_tokens,
        sampling={name: value for name in SAMPLING_FIELDS if (value := getattr(asked, name)) is not None},
        tools=tools_of(asked.tools, asked.functions),
        tool_choice=tool_choice_of(asked.tool_choice, asked.function_call),
        parallel_tool_calls=_parallel(asked),
        legacy_functions=asked.tools is None and asked.functions is not None,
        persona_id=persona_id or _persona(asked),
        session=asked.session_id or asked.camel_session_id or _session(asked.metadata),
        asked_base=asked_base or _asked_base(asked),
    )
    if keeps_given is None or not keeps_given(turn.model):
        return turn
    return replace(
        turn, given=given_fields(body, turn, reformed=asked.messages is not sent or asked.system is not None)
    )


def _take_anthropic_s_words(asked: ChatBody) -> None:
    """Blocks in the messages, and stop sequences, become what they are in OpenAI's form."""
    if list in {type(message.content) for message in asked.messages}:
        asked.messages = in_openai_form(asked.messages)
    if asked.stop is None:
        asked.stop = asked.stop_sequences


def _system(said: str | list[SystemBlock]) -> list[Message]:
    """Anthropic's system prompt, which stands beside the messages, as the message that it is in OpenAI's form."""
    text = "\n\n".join(block.text for block in said) if isinstance(said, list) else said
    return [Message(role="system", content=text)] if text else []


def _persona(asked: ChatBody) -> str | None:
    """The persona under the names that the earlier adapter's callers have for it."""
    beneath = asked.request.get("persona_id") if isinstance(asked.request, dict) else None
    return asked.persona_id or asked.camel_persona_id or (beneath if isinstance(beneath, str) else None)


def _session(metadata: Metadata | None) -> str | None:
    return metadata.session_id if metadata is not None else None


def _parallel(asked: ChatBody) -> bool | None:
    """Whether several calls may be made at once, by OpenAI's word or by Anthropic's."""
    choice = asked.tool_choice
    return False if choice is not None and forbids_parallel(choice) else asked.parallel_tool_calls


def _asked_base(asked: ChatBody) -> AskedBase | None:
    if asked.upstream_base_url:
        return AskedBase(asked.upstream_base_url, "upstream_base_url")
    return AskedBase(asked.upstream_api_base, "upstream_api_base") if asked.upstream_api_base else None


def _decode_steps(body: bytes) -> Steps[tuple[bytes, ChatBody]]:
    """The body and its own shape; halves of characters in it are replaced, because every later turn repeats them."""
    try:
        return _decode(body)
    except InvalidRequest as refused:
        if refused.error_code != _NOT_JSON:
            raise
        mended = yield from _half_steps(body)
        if mended is body:
            raise
    return _decode(mended)


def _half_steps(body: bytes) -> Steps[bytes]:
    """The body without halves, written as escapes or as bytes; the same bytes if there are none."""
    try:
        body.decode()
        text = body
    except UnicodeDecodeError:
        try:
            text = with_characters(body)
        except UnicodeDecodeError:
            return body
    return (yield from half_steps(text))


def _decode(body: bytes) -> tuple[bytes, ChatBody]:
    """The body, as it is meant, and its own shape."""
    if not body.isascii():
        _check_encoding(body)
    try:
        return body, _decoder.decode(body)
    except msgspec.ValidationError as fault:
        return _decode_as_meant(body, str(fault))
    except msgspec.DecodeError as fault:
        where = (
            "it ends too early"
            if "truncated" in str(fault)
            else str(fault).removeprefix("JSON is malformed: ")
        )
        raise InvalidRequest(
            "The body is empty." if not body.strip() else f"The body is not valid JSON: {where}.",
            code=_NOT_JSON,
        ) from None
    except RecursionError:
        raise _too_deep(None) from None


def _decode_as_meant(body: bytes, fault: str) -> tuple[bytes, ChatBody]:
    """A body that is not OpenAI's letter, if what it means is certain; else the refusal for that fault."""
    try:
        said = msgspec.json.decode(body)
    except (msgspec.ValidationError, RecursionError):
        raise _refusal(fault) from None
    except msgspec.DecodeError:  # behind what the strict decoder stopped at: perhaps only half a character
        raise InvalidRequest("The body is not valid JSON.", code=_NOT_JSON) from None
    shape = other_shape(said)
    if shape is not None:
        raise InvalidRequest(
            f"Missing required parameter 'messages': this is {shape}, and this route takes Chat Completions.",
            param="messages",
            code="missing_required_parameter",
        )
    if not isinstance(said, dict):
        raise _refusal(fault)
    try:
        meant = as_meant(said)
        return msgspec.json.encode(meant), msgspec.convert(meant, ChatBody)
    except msgspec.ValidationError as left:
        raise _refusal(str(left)) from None


def _check_encoding(body: bytes) -> None:
    # msgspec checks only the strings that it keeps; an unknown field's bytes would pass.
    try:
        body.decode()
    except UnicodeDecodeError as fault:
        raise InvalidRequest(f"The body is not valid UTF-8 (byte {fault.start}).", code=_NOT_JSON) from None


def _refusal(fault: str) -> InvalidRequest:
    at = _PATH.search(fault)
    path = at[1] if at is not None else ""
    missing = _MISSING.match(fault)
    if missing is not None:
        return _required(f"{path}.{missing[1]}" if path else missing[1])
    if not path:
        return InvalidRequest("The body must be a JSON object.", code=_NOT_JSON)
    if fault.startswith("Number out of range"):
        return InvalidRequest(
            f"Invalid value for '{path}': numbers end at 1.8e308.", param=path, code="invalid_value"
        )
    return wrong_value(path)


def _required(param: str) -> InvalidRequest:
    return InvalidRequest(
        f"Missing required parameter '{param}': it must be {allowed_at(param)}.",
        param=param,
        code="missing_required_parameter",
    )


def _too_deep(param: str | None) -> InvalidRequest:
    where = f"'{param}'" if param is not None else "The body"
    return InvalidRequest(
        f"{where} is nested too deeply: at most {MAX_NESTING} levels are allowed.",
        param=param,
        code="invalid_value",
    )


def _check_message(index: int, message: Message) -> None:
    content = message.content
    if content is None and message.role in _NEEDS_CONTENT:
        raise _required(f"messages[{index}].content")
    if message.role == "tool" and not message.tool_call_id:
        raise _required(f"messages[{index}].tool_call_id")
    if message.role == "function" and not message.name:
        raise _required(f"messages[{index}].name")
    if isinstance(content, list):
        for place, part in enumerate(content):
            kind = part.get("type")
            if not isinstance(kind, str):
                param = f"messages[{index}].content[{place}].type"
                raise _required(param) if kind is None else wrong_value(param)


def _check_output(asked: ChatBody) -> None:
    stops = stops_of(asked.stop)
    if len(stops) > SEQUENCES_MAX or any(len(stop) > SEQUENCE_CHARS for stop in stops):
        raise InvalidRequest(
            f"Invalid value for 'stop': at most {SEQUENCES_MAX} sequences of {SEQUENCE_CHARS} characters are allowed.",
            param="stop",
            code="invalid_value",
        )
    if asked.modalities is not None and set(asked.modalities) != {"text"}:
        raise _impossible("modalities", "only text output can be given")
    if asked.audio is not None:
        raise _impossible("audio", "audio output cannot be given")
    if asked.response_format is not None and not isinstance(asked.response_format.get("type"), str):
        raise wrong_value("response_format.type")


def _impossible(param: str, why: str) -> InvalidRequest:
    return InvalidRequest(f"Unsupported value for '{param}': {why}.", param=param, code="unsupported_value")


def _check_nesting(asked: ChatBody) -> None:
    parts = [message.content for message in asked.messages if isinstance(message.content, list)]
    calls = [call.custom for message in asked.messages for call in message.tool_calls or ()]
    for param, values in (
        ("messages", [*parts, *calls]),
        ("tools", [asked.tools]),
        ("functions", [asked.functions]),
        ("tool_choice", [asked.tool_choice]),
        ("function_call", [asked.function_call]),
        ("response_format", [asked.response_format]),
    ):
        if any(values) and deeper_than(MAX_NESTING, values):
            raise _too_deep(param)


def deeper_than(levels: int, values: list[Any]) -> bool:
    """Whether any of the values is nested deeper.

    Level by level, not recursively: the point is that no stack can overflow.
    """
    level: list[Any] = [value for value in values if isinstance(value, (dict, list))]
    for _ in range(levels):
        if not level:
            return False
        level = [
            child
            for holder in level
            for child in (holder.values() if isinstance(holder, dict) else holder)
            if isinstance(child, (dict, list))
        ]
    return bool(level)
