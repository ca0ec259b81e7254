"""A request's body as its client packed it (`content-encoding`), unpacked within `BODY_SIZE_LIMIT`. Pure.

SDKs and gateways pack long histories. The limit counts unpacked bytes, so a small body cannot become a large one.
"""

from typing import Final

from mix2api.errors import BodyTooLarge, InvalidRequest, UnsupportedMediaType
from mix2api.steps import Steps
from mix2api.unpacking import DamagedPacking, Unpacker, is_packed, unpacker_for

_STEP_BYTES: Final = 1_048_576
"""Unpacked between two turns of the loop: 3 ms."""
_PACKED_STEP_BYTES: Final = 65_536
"""Read between two turns of the loop. A body may hold nothing but empty members or blocks. 64 KiB of these take up to 5 ms
and give no piece."""


def unpack_steps(body: bytes, encoding: bytes | None, limit: int) -> Steps[bytes]:
    """The body without its packing, in steps; one that is not packed is itself.

    Args:
        body: as it came.
        encoding: the `content-encoding` header. Gateways' templates send an empty one.
        limit: bytes that the unpacked body may have.

    Raises:
        UnsupportedMediaType: an encoding that nobody here knows, or more than one.
        InvalidRequest: the bytes are not of that encoding, or end too early.
        BodyTooLarge: more than the limit.
    """
    said = encoding.decode("latin1") if encoding else ""
    if not is_packed(said):
        return body
    unpacker = unpacker_for(said)
    if unpacker is None:
        raise UnsupportedMediaType(
            "The body's `content-encoding` must be one of gzip, deflate, br, zstd, identity."
        )
    try:
        pieces = yield from _unpack(unpacker, body, limit)
    except DamagedPacking:
        raise _damaged("its bytes are not of that encoding") from None
    if not unpacker.is_whole:
        raise _damaged("it ends too early")
    return b"".join(pieces)


def _unpack(unpacker: Unpacker, body: bytes, limit: int) -> Steps[list[bytes]]:
    pieces: list[bytes] = []
    held = told = 0
    for start in range(0, len(body), _PACKED_STEP_BYTES):
        if start:
            yield
        for piece in unpacker.pieces(body[start : start + _PACKED_STEP_BYTES]):
            pieces.append(piece)
            held += len(piece)
            if held > limit:
                raise BodyTooLarge(f"The body is too large: unpacked, at most {limit} bytes are accepted.")
            if held - told > _STEP_BYTES:
                told = held
                yield
    return pieces


def _damaged(why: str) -> InvalidRequest:
    return InvalidRequest(
        f"The body cannot be unpacked as its `content-encoding` says: {why}.",
        param="content-encoding",
        code="invalid_encoding",
    )
