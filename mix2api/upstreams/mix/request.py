"""A call as the site's request: body and header fields, pure functions of call and options."""

from typing import Any, assert_never

import msgspec

from mix2api.upstreams.mix.options import CredentialSource, MixOptions
from mix2api.upstreams.port import UpstreamCall
from mix2api.wire.turn import Message


def request_body(call: UpstreamCall, options: MixOptions) -> bytes:
    """The JSON body. The site's own fields win over sampling parameters of the same name."""
    turn = call.turn
    body: dict[str, Any] = {
        **turn.sampling,
        "request": _request_object(call, options),
        "is_personalized": options.is_personalized,
        "stream": turn.stream and (options.stream_tools or not turn.tools),
        "messages": call.messages,
    }
    if call.session is not None:
        body["session_id"] = call.session
    if call.exchange is not None:
        body["exchange_id"] = call.exchange
    if turn.max_tokens is not None:
        body["max_tokens"] = turn.max_tokens
    if options.send_tools and turn.tools:
        body["tools"] = turn.tools
        if turn.tool_choice is not None:
            body["tool_choice"] = turn.tool_choice
    return msgspec.json.encode(body)


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


def query_of(call: UpstreamCall, options: MixOptions) -> str:
    """The newest user text, with what was said before it if the options want that on a fresh session.

    At most `query_max_chars` characters, and the last ones: the newest words are what the site searches for.
    """
    if options.context_in_query and call.session is None:
        lines = [f"{message.role}: {text}" for message in call.turn.messages if (text := _text_of(message))]
        query = "\n".join(lines)
    else:
        users = (message for message in reversed(call.turn.messages) if message.role == "user")
        query = next((text for message in users if (text := _text_of(message))), "")
    return query[-options.query_max_chars :]


def _request_object(call: UpstreamCall, options: MixOptions) -> dict[str, Any]:
    request: dict[str, Any] = {
        "agent_slug": options.agent_slug,
        "model_slug": model_slug(call.turn.model),
        "locale": dict(options.locale),
        "modes": dict(options.modes),
        "query": query_of(call, options),
    }
    persona_id = call.turn.persona_id or options.persona_id
    if persona_id:
        request["persona_id"] = persona_id
    return request


def _credential(call: UpstreamCall, options: MixOptions) -> str | None:
    match options.credential:
        case CredentialSource.STATIC:
            return f"Bearer {options.bearer_token}" if options.bearer_token else None
        case CredentialSource.PASS_THROUGH | CredentialSource.MANAGED:
            return call.authorization
        case CredentialSource.NONE:
            return None
        case _:
            assert_never(options.credential)


def _text_of(message: Message) -> str:
    """A message's text; parts that are not text say nothing here."""
    if message.content is None or isinstance(message.content, str):
        return message.content or ""
    texts = (part.get("text") for part in message.content if part.get("type") == "text")
    return "\n".join(text for text in texts if isinstance(text, str))
