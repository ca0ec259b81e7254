"""The site's frames as bytes: the UI message stream's JSON in SSE `data:` lines. Pure."""

from typing import Final

import msgspec

DONE: Final = b"data: [DONE]\n\n"
BROKEN: Final = b'data: {"type":"text-delta","id":"t1","delta":\n\n'
"""A frame whose JSON ends too early."""

_JSON: Final = msgspec.json.Encoder()

UNKNOWN: Final = (
    b": a comment, to be skipped\n\n",
    b'event: weather\nid: 7\nretry: 1000\ndata: {"type":"weather-report","sky":"clear"}\n\n',
    b'data: {"type":"data-weather","data":{"sky":"clear"},"transient":true}\n\n',
    b'data: {"type":"source-url","sourceId":"s1","url":"https://example.org/"}\n\n',
    b'data: {"type":"file","mediaType":"text/plain","url":"data:text/plain;base64,aGk="}\n\n',
)
"""Lines that a reader must skip: a comment, fields other than data, types that no table has."""


def frame(kind: str, **fields: object) -> bytes:
    """One frame of that `type`; fields in the order given."""
    return b"data: %b\n\n" % _JSON.encode({"type": kind, **fields})


def text_delta(piece: str) -> bytes:
    """A piece of the answer. Spelt out because a saturated stream is made of nothing else."""
    return b'data: {"type":"text-delta","id":"t1","delta":%b}\n\n' % _JSON.encode(piece)
