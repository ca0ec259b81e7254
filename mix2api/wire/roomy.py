"""JSON of content, written into a buffer that is large enough from the start.

An encoder that starts small moves what it has written each time it grows, and the C library does not overwrite what was
there. So pieces of prompts would stay in freed memory until something else is written to it.
"""

from typing import Any, Final

import msgspec

_encoder: Final = msgspec.json.Encoder()
BYTES_A_CHARACTER: Final = 4
"""UTF-8's most; JSON's two bytes for a quote or a line's end are fewer. Control characters take six, and are rare."""


def json_of(value: Any, characters: int) -> bytes:
    """The value's JSON.

    Args:
        value: what `msgspec` can encode.
        characters: of all texts in it, about; with more the buffer grows, and nothing else happens.
    """
    buffer = bytearray(BYTES_A_CHARACTER * characters)
    _encoder.encode_into(value, buffer)
    return bytes(buffer)
