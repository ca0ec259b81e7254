"""Width and height of an image in a `data:` URL, from its first bytes. Pure.

Only the header is unpacked, whatever the image's size is. PNG, GIF, WebP and JPEG are read; all else is unknown.
"""

import base64
import binascii
import struct
from typing import Final

Size = tuple[int, int]
"""Width and height, pixels, both at least 1."""

_HEAD_CHARS: Final = 65_536
"""Of the base64 text. Where a JPEG has more before its size (a large preview), the size stays unknown."""
_PNG: Final = b"\x89PNG\r\n\x1a\n"
_GIFS: Final = (b"GIF87a", b"GIF89a")
_LEAST: Final = 30
"""Bytes in which every format but JPEG has its size."""
_MARK: Final = 0xFF
"""JPEG: begins every marker."""
_NO_SIZE_MARKERS: Final = frozenset({0xC4, 0xC8, 0xCC})
"""JPEG: these lie among the markers of a frame and are none."""
_FRAME_MARKERS: Final = range(0xC0, 0xD0)


def size_of(url: str) -> Size | None:
    """The size of the image; None where it is not known."""
    head, _, data = url[: _HEAD_CHARS + 128].partition(",")
    if not head.startswith("data:") or not head.endswith(";base64"):
        return None
    text = data[:_HEAD_CHARS]
    try:
        start = base64.b64decode(text[: len(text) // 4 * 4], validate=False)
    except (binascii.Error, ValueError):
        return None
    size = _read(start) if len(start) >= _LEAST else None
    return size if size is not None and min(size) >= 1 else None


def _read(start: bytes) -> Size | None:
    if start.startswith(_PNG):
        return _pair(">II", start, 16)
    if start.startswith(_GIFS):
        return _pair("<HH", start, 6)
    if start.startswith(b"RIFF") and start[8:12] == b"WEBP":
        return _webp(start)
    return _jpeg(start) if start.startswith(b"\xff\xd8") else None


def _pair(form: str, data: bytes, place: int) -> Size:
    width, height = struct.unpack_from(form, data, place)
    return width, height


def _webp(start: bytes) -> Size | None:
    kind = start[12:16]
    if kind == b"VP8X":
        return int.from_bytes(start[24:27], "little") + 1, int.from_bytes(start[27:30], "little") + 1
    if kind == b"VP8L":
        bits = int.from_bytes(start[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 ":
        width, height = _pair("<HH", start, 26)
        return width & 0x3FFF, height & 0x3FFF
    return None


def _jpeg(start: bytes) -> Size | None:
    """Walks the segments up to the frame, which has the size. Each step goes forward: linear."""
    place = 2
    while place + 9 <= len(start):
        if start[place] != _MARK:
            return None
        marker = start[place + 1]
        if marker == _MARK:  # a fill byte
            place += 1
            continue
        if marker in _FRAME_MARKERS and marker not in _NO_SIZE_MARKERS:
            height, width = _pair(">HH", start, place + 5)
            return width, height
        place += 2 + max(2, int.from_bytes(start[place + 2 : place + 4], "big"))
    return None
