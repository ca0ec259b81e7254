"""Bodies of chat requests, and the refusals that they meet."""

from typing import Any

import msgspec
import pytest

from mix2api.errors import InvalidRequest
from mix2api.wire.chat_request import decode_chat_request

USER = {"role": "user", "content": "hi"}
GOOD: dict[str, Any] = {"model": "m", "messages": [USER]}


def body(**fields: Any) -> bytes:
    return msgspec.json.encode(GOOD | fields)


def refusal(given: bytes) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        decode_chat_request(given)
    return caught.value
