"""Packed bodies: every encoding, however its bytes are cut, and what is damaged or without measure."""

import gzip
import zlib
from collections.abc import Callable

import brotli  # type: ignore[import-untyped]
import pytest
import zstandard

from mix2api.unpacking import PIECE_BYTES, DamagedPacking, Unpacker, is_packed, unpacker_for

TEXT = b'{"model": "mix/q", "messages": [{"role": "user", "content": "\xe5\xa5\xbd"}]}' * 50


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


PACKINGS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "x-gzip": ("X-GZIP", gzip.compress),
    "two members": ("gzip", lambda data: gzip.compress(data[:99]) + gzip.compress(data[99:])),
    "deflate with an envelope": ("deflate", zlib.compress),
    "deflate without one": ("deflate", raw_deflate),
    "br": ("br", brotli.compress),
    "zstd": (" zstd ", zstandard.ZstdCompressor().compress),
}


def of(encoding: str) -> Unpacker:
    unpacker = unpacker_for(encoding)
    assert unpacker is not None
    return unpacker


@pytest.mark.parametrize("name", PACKINGS)
@pytest.mark.parametrize("step", [1, 7, 10_000])
def test_any_cut_of_a_packed_body_gives_the_same_bytes(name: str, step: int) -> None:
    encoding, pack = PACKINGS[name]
    unpacker, packed = of(encoding), pack(TEXT)
    pieces = [
        piece
        for start in range(0, len(packed), step)
        for piece in unpacker.pieces(packed[start : start + step])
    ]
    assert b"".join(pieces) == TEXT
    assert unpacker.is_whole


@pytest.mark.parametrize("name", PACKINGS)
def test_a_large_body_comes_in_bounded_pieces(name: str) -> None:
    encoding, pack = PACKINGS[name]
    bomb = bytes(6 * 1024 * 1024)
    most = total = 0
    for piece in of(encoding).pieces(pack(bomb)):
        most, total = max(most, len(piece)), total + len(piece)
    assert total == len(bomb)
    assert most <= (6 * 1024 * 1024 if "zstd" in encoding else 2 * PIECE_BYTES)


@pytest.mark.parametrize("name", PACKINGS)
def test_a_body_that_ends_early_is_not_whole(name: str) -> None:
    encoding, pack = PACKINGS[name]
    unpacker = of(encoding)
    assert TEXT.startswith(b"".join(unpacker.pieces(pack(TEXT)[:-9])))
    assert not unpacker.is_whole


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd"])
def test_bytes_of_another_kind_are_damage(encoding: str) -> None:
    with pytest.raises(DamagedPacking):
        list(of(encoding).pieces(b"\xff\xffthis was never packed" * 9))


def test_bytes_behind_the_end_are_damage_and_an_unbegun_body_is_not_whole() -> None:
    with pytest.raises(DamagedPacking):
        list(of("zstd").pieces(zstandard.ZstdCompressor().compress(b"a") + b"x" * 999))
    assert not of("deflate").is_whole


@pytest.mark.parametrize(
    ("said", "packed"), [("", False), (" Identity ", False), ("gzip", True), ("lzma", True)]
)
def test_only_an_encoding_that_changes_the_bytes_packs(said: str, packed: bool) -> None:  # noqa: FBT001
    assert is_packed(said) is packed
    assert unpacker_for("lzma") is None
