"""Bodies that a `content-encoding` has packed, unpacked piece by piece: requests of clients and answers of sites. Pure.

A packed body may hold a thousand times its size. So nothing is unpacked at once: each piece is bounded, and the caller
counts them against its own limit.
"""

import zlib
from collections.abc import Iterator
from typing import Final, Protocol

import brotli  # type: ignore[import-untyped]
import zstandard

PIECE_BYTES: Final = 262_144
"""Of one piece, about: 1 ms to inflate. zstd's pieces may be larger (see `_ZSTD_SLICE`)."""
_SLICE: Final = 16_384
"""Bytes that are handed to zlib and brotli at a time: what zlib leaves of them is copied once per piece."""
_ZSTD_SLICE: Final = 256
"""Bytes that are handed to zstd at a time. Its decoder gives all that they hold, but a block takes 3 bytes at least and
holds 128 KiB at most (RFC 8878, 3.1.1.2): 11 MB, 5 ms."""
_ZSTD_WINDOW: Final = 8 * 1024 * 1024
"""Bytes of memory that a frame may ask for (RFC 8878, 3.1.1.1.2, recommends 8 MB as what every decoder should take)."""
_NO_PACKING: Final = frozenset({"", "identity", "none", "utf-8", "utf8", "binary"})
"""Encodings that pack nothing. The last four are none (RFC 9110, 8.4.1), but servers are configured to send them."""
_GZIP: Final = 31
_ZLIB: Final = 15
_RAW: Final = -15
_DEFLATED: Final = 8
_HEAD_BYTES: Final = 2
_CHECK: Final = 31


class DamagedPacking(Exception):
    """The bytes are not what their encoding says."""


class Unpacker(Protocol):
    """One packed body on its way."""

    @property
    def is_whole(self) -> bool:
        """Whether the packed data has come to its own end."""
        ...

    def pieces(self, data: bytes) -> Iterator[bytes]:
        """Takes the next packed bytes and gives what they hold, in pieces, each to be taken before the next call.

        Raises:
            DamagedPacking: nothing more can be unpacked.
        """
        ...


class _Inflating:
    """gzip (RFC 1952), and `deflate`, which servers send with zlib's envelope (RFC 1950) and without it (RFC 1951)."""

    def __init__(self, window: int | None) -> None:
        self._window = window
        self._inflate = zlib.decompressobj(window) if window is not None else None
        self._held = b""
        """The first byte, where it alone does not tell the form."""

    @property
    def is_whole(self) -> bool:
        return self._inflate is not None and self._inflate.eof

    def pieces(self, data: bytes) -> Iterator[bytes]:
        data, self._held = self._held + data, b""
        if self._window is None and len(data) < _HEAD_BYTES:
            self._held = data
            return
        try:
            for start in range(0, len(data), _SLICE):
                yield from self._slice(data[start : start + _SLICE])
        except zlib.error:
            raise DamagedPacking from None

    def _slice(self, packed: bytes) -> Iterator[bytes]:
        piece = b""
        while packed or len(piece) == PIECE_BYTES:  # a full piece may not be all that the bytes so far hold
            inflate = self._ready(packed)
            piece = inflate.decompress(packed, PIECE_BYTES)
            packed = inflate.unconsumed_tail or inflate.unused_data
            if piece:
                yield piece
            if inflate.eof and not packed:
                return

    def _ready(self, packed: bytes) -> "zlib._Decompress":
        """The decoder: a further one behind a member's end, and the first one once its form can be seen."""
        if self._window is None:
            has_envelope = (
                packed[0] & 0x0F == _DEFLATED and int.from_bytes(packed[:_HEAD_BYTES]) % _CHECK == 0
            )
            self._window = _ZLIB if has_envelope else _RAW
        if self._inflate is None or self._inflate.eof:
            self._inflate = zlib.decompressobj(self._window)
        return self._inflate


class _Brotli:
    """Brotli (RFC 7932)."""

    def __init__(self) -> None:
        self._brotli = brotli.Decompressor()

    @property
    def is_whole(self) -> bool:
        return bool(self._brotli.is_finished())

    def pieces(self, data: bytes) -> Iterator[bytes]:
        try:
            for start in range(0, len(data), _SLICE):
                piece = self._brotli.process(data[start : start + _SLICE], output_buffer_limit=PIECE_BYTES)
                while piece:
                    yield piece
                    piece = self._brotli.process(b"", output_buffer_limit=PIECE_BYTES)
        except brotli.error:
            raise DamagedPacking from None


class _Zstd:
    """Zstandard (RFC 8878)."""

    def __init__(self) -> None:
        self._zstd = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW).decompressobj()

    @property
    def is_whole(self) -> bool:
        return bool(self._zstd.eof)

    def pieces(self, data: bytes) -> Iterator[bytes]:
        try:
            for start in range(0, len(data), _ZSTD_SLICE):
                if self._zstd.eof:
                    raise DamagedPacking
                yield self._zstd.decompress(data[start : start + _ZSTD_SLICE])
        except zstandard.ZstdError:
            raise DamagedPacking from None


class Unpacked:
    """A body that is not packed, whatever its `content-encoding` says."""

    is_whole = True

    def pieces(self, data: bytes) -> Iterator[bytes]:
        """The same bytes."""
        yield data


def unpacker_for(encoding: str) -> Unpacker | None:
    """What unpacks a body of this `content-encoding`; None where nobody here can."""
    match encoding.strip().lower():
        case "gzip" | "x-gzip":
            return _Inflating(_GZIP)
        case "deflate":
            return _Inflating(None)
        case "br":
            return _Brotli()
        case "zstd":
            return _Zstd()
        case _:
            return None


def is_packed(encoding: str) -> bool:
    """Whether a `content-encoding` says that the body has to be unpacked."""
    return encoding.strip().lower() not in _NO_PACKING
