"""A call as the site's request: body and header fields, pure functions of call and options."""

from typing import Any, Final, assert_never

from mix2api.tools.choice import CallMode
from mix2api.tools.offer import Offer, forced
from mix2api.upstreams.mix.options import CredentialSource, MixOptions
from mix2api.upstreams.mix.outgoing import outgoing_messages
from mix2api.upstreams.mix.query import query_of
from mix2api.upstreams.port import UpstreamCall
from mix2api.wire.roomy import json_of, room_for
from mix2api.wire.turn import Message, Turn

_ROOM: Final = 8192
"""Bytes beside the messages, for the site's own fields and ids. Messages count twice: the newest text stands twice."""


def request_body(call: UpstreamCall, options: MixOptions) -> bytes:
    """The JSON body. The site's own fields win over sampling parameters of the same name."""
    turn = call.turn
    offer = call.prepared.offer
    if options.tools.force_call:
        offer = forced(offer, turn.messages)
    body: dict[str, Any] = {
        **turn.sampling,
        "request": _request_object(call, options, offer),
        "is_personalized": options.is_personalized,
        "stream": (options.always_stream or turn.stream) and (options.stream_tools or not turn.tools),
        "messages": outgoing_messages(call, options, offer),
    }
    if call.session is not None:
        body["session_id"] = call.session
    if call.exchange is not None:
        body["exchange_id"] = call.exchange
    if turn.max_tokens is not None:
        body["max_tokens"] = turn.max_tokens
    if options.send_tools and turn.tools:
        body |= _native_tools(turn, offer)
    return json_of(body, _ROOM + 2 * sum(map(_room_of, call.messages)))


def _room_of(message: Message) -> int:
    """Bytes that a message's texts take, its calls' among them."""
    content = message.content or ""
    texts = [content] if isinstance(content, str) else [str(part.get("text", "")) for part in content]
    texts += [call.function.arguments for call in message.tool_calls or () if call.function is not None]
    return sum(map(room_for, texts))


def _native_tools(turn: Turn, offer: Offer) -> dict[str, Any]:
    """The tools as the client gave them, and its choice; a call is demanded where the options do and it does not say."""
    fields: dict[str, Any] = {"tools": turn.tools}
    choice = turn.tool_choice
    is_open = choice is None or choice == CallMode.FREELY.value
    if is_open and offer.choice.mode is CallMode.ALWAYS:
        choice = CallMode.ALWAYS.value
    if choice is not None:
        fields["tool_choice"] = choice
    if offer.single:
        fields["parallel_tool_calls"] = False  # legacy callers, too: a second call would be dropped
    elif turn.parallel_tool_calls is not None:
        fields["parallel_tool_calls"] = turn.parallel_tool_calls
    return fields


def request_headers(call: UpstreamCall, options: MixOptions) -> tuple[tuple[str, str], ...]:
    """The header fields, the credential among them."""
    headers = [
        ("accept", "text/event-stream"),
        ("content-type", "application/json"),
        ("accept-language", options.accept_language),
        ("cache-control", "no-cache"),
        ("x-request-id", call.request_id),
    ]
    credential = _credential(call, options)
    if credential:
        headers.append(("authorization", credential))
    if options.referer:
        headers.append(("referer", options.referer))
    return tuple(headers)


def model_slug(model: str) -> str:
    """The site's name of a model: what follows the provider prefix, if there is one."""
    return model.partition("/")[2] or model


def _request_object(call: UpstreamCall, options: MixOptions, offer: Offer) -> dict[str, Any]:
    request: dict[str, Any] = {
        "agent_slug": options.agent_slug,
        "model_slug": model_slug(call.turn.model),
        "locale": dict(options.locale),
        "modes": dict(options.modes),
        "query": query_of(call, options, offer),
    }
    persona_id = call.turn.persona_id or options.persona_id
    if persona_id:
        request["persona_id"] = persona_id
    return request


def _credential(call: UpstreamCall, options: MixOptions) -> str | None:
    if call.base_url is not None:
        return call.authorization  # an account's
    match options.credential:
        case CredentialSource.STATIC:
            return f"Bearer {options.bearer_token}" if options.bearer_token else None
        case CredentialSource.PASS_THROUGH | CredentialSource.MANAGED:
            return call.authorization
        case CredentialSource.NONE:
            return None
        case _:
            assert_never(options.credential)
