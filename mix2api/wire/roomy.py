"""JSON of content, written into a buffer that is large enough from the start.

An encoder that starts small moves what it has written each time it grows, and the C library does not overwrite what was
there. So pieces of prompts would stay in freed memory until something else is written to it.
"""

from typing import Any, Final

import msgspec

_encoder: Final = msgspec.json.Encoder()


def room_for(text: str) -> int:
    """Bytes that a text takes as JSON, about.

    UTF-8 takes four a character at most. Pure ASCII takes one, and two where a quote or a line ends: a quarter more is
    enough for source code. Room is not free: it is filled with zeros first.
    """
    return len(text) * 5 // 4 if text.isascii() else len(text) * 4


def json_of(value: Any, room: int) -> bytes:
    """The value's JSON.

    Args:
        value: what `msgspec` can encode.
        room: bytes that it takes, about; where it takes more the buffer grows, and nothing else happens.
    """
    buffer = bytearray(room)
    _encoder.encode_into(value, buffer)
    return bytes(buffer)
