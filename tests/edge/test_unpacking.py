"""Packed request bodies, within the limit and beyond it."""

import gzip
import zlib
from collections.abc import Callable
from contextlib import suppress

import brotli  # type: ignore[import-untyped]
import msgspec
import pytest
import zstandard
from edge.harness import ASK, running_edge

from mix2api.edge.unpacking import unpack_steps
from mix2api.errors import BodyTooLarge, InvalidRequest, UnsupportedMediaType
from mix2api.steps import at_once

PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": zstandard.ZstdCompressor().compress,
}


@pytest.mark.parametrize("encoding", PACKERS)
async def test_a_packed_request_is_answered(encoding: str) -> None:
    packed = PACKERS[encoding](msgspec.json.encode(ASK))
    async with running_edge() as edge:
        answer = await edge.send("POST", "/v1/chat/completions", packed, {"content-encoding": encoding})
    assert answer.status == 200


async def test_an_empty_encoding_is_none() -> None:
    assert at_once(unpack_steps(b"{}", b"", 5)) == b"{}"
    assert at_once(unpack_steps(b"{}", b" Identity", 5)) == b"{}"
    assert at_once(unpack_steps(b"{}", None, 5)) == b"{}"


@pytest.mark.parametrize("encoding", PACKERS)
def test_a_bomb_is_refused_before_it_is_unpacked(encoding: str) -> None:
    bomb = PACKERS[encoding](bytes(6 * 1024 * 1024))
    with pytest.raises(BodyTooLarge):
        at_once(unpack_steps(bomb, encoding.encode(), 3 * 1024 * 1024))


def test_a_large_body_is_unpacked_in_steps() -> None:
    body = bytes(4 * 1024 * 1024)
    steps = unpack_steps(gzip.compress(body), b"gzip", len(body))
    assert sum(1 for _ in steps) >= 3
    assert at_once(unpack_steps(gzip.compress(body), b"gzip", len(body))) == body


HOLLOW: dict[str, bytes] = {
    "gzip": gzip.compress(b"") * 13_108,  # members of 20 bytes
    "br": b"\x0c" + b"\x06" * 262_143,  # metadata blocks (RFC 7932, 9.2)
    "zstd": b"\x28\xb5\x2f\xfd\x00\x58" + b"\0\0\0" * 87_380,  # blocks (RFC 8878, 3.1.1.2)
}
"""A quarter of a megabyte each, and nothing in it."""


@pytest.mark.parametrize("encoding", HOLLOW)
def test_a_body_that_holds_nothing_is_read_in_steps(encoding: str) -> None:
    steps = 0
    with suppress(InvalidRequest):
        for _ in unpack_steps(HOLLOW[encoding], encoding.encode(), 1000):
            steps += 1
    assert steps >= 3


@pytest.mark.parametrize("body", [b"{}", gzip.compress(b"{}" * 99)[:-4]])
def test_a_damaged_body_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidRequest) as refused:
        at_once(unpack_steps(body, b"gzip", 1000))
    assert (refused.value.status, refused.value.param) == (400, "content-encoding")


@pytest.mark.parametrize("encoding", [b"lzma", b"gzip, br", b"\xff"])
def test_another_encoding_is_refused(encoding: bytes) -> None:
    with pytest.raises(UnsupportedMediaType):
        at_once(unpack_steps(b"{}", encoding, 1000))
