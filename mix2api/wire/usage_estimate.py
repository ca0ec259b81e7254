"""Token counts where the site gives none: an estimate by bytes, because clients die of `usage: null`. Pure.

Four bytes of UTF-8 a token: English has some 4.5, source code 3.5, and a Chinese character of three bytes is 0.6 to 1 token.
So the estimate is off by a third at most, and costs one pass over the texts.
"""

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from mix2api.events.kinds import Usage
from mix2api.wire.turn import TEXT_PARTS, Message, Turn, is_text

_BYTES_A_TOKEN: Final = 4
_MESSAGE_TOKENS: Final = 4
"""Of a message beside its text: role and separators, as OpenAI's cookbook counts them."""
_PART_TOKENS: Final = 765
"""Of a part that is no text: a picture of 1024 by 1024 at high detail, by OpenAI's rule."""


def estimated_usage(turn: Turn, answer_bytes: int, reasoning_chars: int) -> Usage:
    """The estimate for a turn and its answer.

    Args:
        turn: with its whole history, which is what OpenAI counts.
        answer_bytes: UTF-8 bytes of the answer's text, reasoning and arguments.
        reasoning_chars: characters of the reasoning.
    """
    tools = len(msgspec.json.encode(turn.tools)) if turn.tools else 0
    prompt = max(1, sum(map(_message_tokens, turn.messages)) + _tokens(tools))
    completion = _tokens(answer_bytes)
    return Usage(
        prompt_tokens=prompt,
        completion_tokens=completion,
        total_tokens=prompt + completion,
        reasoning_tokens=min(completion, _tokens(reasoning_chars)),
    )


def _tokens(size_bytes: int) -> int:
    return -(-size_bytes // _BYTES_A_TOKEN)


def _message_tokens(message: Message) -> int:
    content = message.content
    parts = content if isinstance(content, list) else []
    texts = [content] if isinstance(content, str) else list(_texts(parts))
    others = sum(part.get("type") not in TEXT_PARTS for part in parts)
    functions = [call.function for call in message.tool_calls or ()] + [message.function_call]
    for function in functions:
        if function is not None:
            texts += [function.name, function.arguments]
    return _MESSAGE_TOKENS + _tokens(sum(map(_size, texts))) + _PART_TOKENS * others


def _texts(parts: list[dict[str, Any]]) -> Iterable[str]:
    return (part["text"] for part in parts if is_text(part))


def _size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
