"""A request of the Responses API for an upstream of the same API: the body passes as it came, and little of it is read. Pure.

What is read: the model, the form of the answer, the output limit, and as much of the input as can be counted. What only the
account can serve that made it is noted (`Turn.refers`).
"""

from collections.abc import Iterator
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Raw, Struct

from mix2api.errors import InvalidRequest
from mix2api.steps import Steps
from mix2api.wire.chat_request import MAX_NESTING, deeper_than
from mix2api.wire.request_bounds import check_counts, value_steps
from mix2api.wire.request_fields import EXTENSION_FIELDS
from mix2api.wire.responses_items import Item, messages_of
from mix2api.wire.tool_fields import tools_of
from mix2api.wire.turn import AskedBase, Message, Operation, Reference, Turn

_LARGE_BYTES: Final = 65_536
"""Bytes of a body that is decoded and checked in one step, as in `chat_request`."""
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_OURS: Final = frozenset(row.name for row in EXTENSION_FIELDS)
_Object = dict[str, Any]
_LONGEST_ID: Final = 512


class _Named(Struct):
    model: Annotated[str, Meta(min_length=1, max_length=256)]


class _Body(Struct):
    """What is read of a body. `null` means absent."""

    model: Annotated[str, Meta(min_length=1, max_length=256)]
    input: str | list[_Object] | None = None
    instructions: str | list[_Object] | None = None
    stream: bool | None = None
    max_output_tokens: Annotated[int, Meta(ge=1, le=2**31 - 1)] | None = None
    previous_response_id: Annotated[str, Meta(max_length=_LONGEST_ID)] | None = None
    conversation: str | _Object | None = None
    tools: list[_Object] | None = None


_named: Final = msgspec.json.Decoder(_Named).decode
_body: Final = msgspec.json.Decoder(_Body).decode
_fields: Final = msgspec.json.Decoder(dict[str, Raw]).decode


def model_in(body: bytes) -> str | None:
    """The model that a body names; None where it names none, which its reader then says better."""
    try:
        return _named(body.removeprefix(_BYTE_ORDER_MARK)).model
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def passed_turn_steps(
    body: bytes, *, operation: Operation | None = None, asked_base: AskedBase | None = None
) -> Steps[Turn]:
    """The turn that a body asks for, in steps (`mix2api.steps`).

    Args:
        body: the request body as it came, already within the size limit, with a model.
        operation: what is asked; None: an answer.
        asked_base: the header's.

    Raises:
        InvalidRequest: what is wrong, where, and what is allowed; nothing of the body is quoted.
    """
    body = body.removeprefix(_BYTE_ORDER_MARK)
    is_large = len(body) > _LARGE_BYTES
    if is_large:
        yield from value_steps(body)
        yield
    asked = _decoded(body)
    if is_large:
        yield
    items = asked.input if isinstance(asked.input, list) else []
    if deeper_than(MAX_NESTING, [asked.tools, *items]):
        raise InvalidRequest(
            f"The body is nested too deeply: at most {MAX_NESTING} levels are allowed.", code="invalid_value"
        )
    if is_large:
        yield
    messages = list(_messages(asked, items))
    if is_large:
        yield
    check_counts(messages, len(asked.tools or ()))
    return Turn(
        model=asked.model,
        messages=messages,
        stream=bool(asked.stream) and operation is None,
        include_usage=True,
        max_tokens=asked.max_output_tokens,
        tools=tools_of([tool for tool in asked.tools if tool.get("type") == "function"], None)
        if asked.tools
        else None,
        is_responses=True,
        operation=operation,
        refers=list(_references(asked, items)),
        asked_base=asked_base,
        given={name: raw for name, raw in _fields(body).items() if name not in _OURS},
    )


def _decoded(body: bytes) -> _Body:
    try:
        return _body(body)
    except msgspec.ValidationError as fault:
        what, _, path = str(fault).partition(" - at `")
        param = path.rstrip("`").removeprefix("$").removeprefix(".") or None
        raise InvalidRequest(
            f"Invalid value for '{param}': {what.lower()}.", param=param, code="invalid_value"
        ) from None


def _messages(asked: _Body, items: list[_Object]) -> Iterator[Message]:
    """What can be counted. Items that are no text of anybody's are left out: only the upstream knows what they weigh."""
    if isinstance(asked.instructions, str) and asked.instructions:
        yield Message(role="system", content=asked.instructions)
    if isinstance(asked.input, str):
        yield Message(role="user", content=asked.input)
    for item in items:
        try:
            yield from messages_of([msgspec.convert(item, Item)])
        except (msgspec.ValidationError, InvalidRequest):
            continue


def _references(asked: _Body, items: list[_Object]) -> Iterator[Reference]:
    if asked.previous_response_id:
        yield Reference(asked.previous_response_id, "previous_response_id")
    conversation = (
        asked.conversation.get("id") if isinstance(asked.conversation, dict) else asked.conversation
    )
    if isinstance(conversation, str) and conversation:
        yield Reference(conversation, "conversation")
    for place, item in enumerate(items):
        yield from _of_item(item, f"input[{place}]")
    for place, tool in enumerate(asked.tools or ()):
        yield from _of_container(tool.get("container"), f"tools[{place}].container")


def _of_item(item: _Object, path: str) -> Iterator[Reference]:
    encrypted = item.get("encrypted_content")
    if isinstance(encrypted, str) and encrypted:
        yield Reference(encrypted, f"{path}.encrypted_content", is_strict=False)
    if item.get("type") == "item_reference" and isinstance(item.get("id"), str):
        yield Reference(item["id"], f"{path}.id")
    container = item.get("container_id")
    if isinstance(container, str) and container:
        yield Reference(container, f"{path}.container_id", is_strict=False)
    for field in ("content", "output"):
        said = item.get(field)
        parts = [(f"{path}.{field}", said)] if isinstance(said, dict) else _places(said, f"{path}.{field}")
        for place, part in parts:
            file = part.get("file_id") if isinstance(part, dict) else None
            if isinstance(file, str) and file:
                yield Reference(file, f"{place}.file_id")


def _of_container(container: object, path: str) -> Iterator[Reference]:
    """A container by its id, or the files that a fresh one is given."""
    if isinstance(container, str) and container:
        yield Reference(container, path, is_strict=False)
    elif isinstance(container, dict):
        for place, file in _places(container.get("file_ids"), f"{path}.file_ids"):
            if isinstance(file, str) and file:
                yield Reference(file, place)


def _places(value: object, path: str) -> Iterator[tuple[str, Any]]:
    """The members of a list with their places; none where it is no list."""
    if isinstance(value, list):
        for number, one in enumerate(value):
            yield f"{path}[{number}]", one
