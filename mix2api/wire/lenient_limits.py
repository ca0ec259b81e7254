"""A request body without an output limit that is none. The earlier adapter ignored such limits (`MIX2API_LENIENT_LIMITS`). Pure."""

from collections.abc import Callable
from typing import Final

import msgspec

from mix2api.errors import InvalidRequest
from mix2api.steps import Steps
from mix2api.wire.turn import Turn

LIMITS: Final = frozenset({"max_completion_tokens", "max_output_tokens", "max_tokens"})
"""Of Chat Completions and of the Responses API."""


def lenient_steps(
    read: Callable[[bytes], Steps[Turn]], body: bytes, on_ignored: Callable[[str], None]
) -> Steps[Turn]:
    """Reads a body without the output limits in it that are none.

    Args:
        read: reads a body.
        body: as it came.
        on_ignored: told the fields that go.

    Raises:
        InvalidRequest: the body is wrong elsewhere.
    """
    while True:
        try:
            return (yield from read(body))
        except InvalidRequest as refused:
            body = without_limit(body, refused)
            on_ignored(refused.param or "")


def without_limit(body: bytes, refused: InvalidRequest) -> bytes:
    """The body without the output limit for which it was refused. As much work as decoding it.

    Args:
        body: what was refused.
        refused: why.

    Raises:
        InvalidRequest: the same, where it was refused for another reason.
    """
    if refused.param not in LIMITS:
        raise refused
    try:
        said = msgspec.json.decode(body)
    except msgspec.DecodeError:  # a byte order mark, half a character: the mended body is not at hand
        raise refused from None
    del said[refused.param]
    return msgspec.json.encode(said)
