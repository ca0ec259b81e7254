"""Bodies that a site packed without being asked."""

import gzip
from itertools import pairwise

import pytest

from mix2api.http_body import BodyDecoder, BodyUntilClose, ChunkedBody, SizedBody
from mix2api.unpacking import unpacker_for
from mix2api.upstreams.http.head import AnswerHead
from mix2api.upstreams.http.packed_body import PackedBody, is_unreadable, unpacked_body_of

TEXT = b"data: " + bytes(range(32, 127)) * 40 + b"\n\n"
PACKED = gzip.compress(TEXT)


def packed(framed: BodyDecoder, limit: int = 1_000_000) -> PackedBody:
    unpacker = unpacker_for("gzip")
    assert unpacker is not None
    return PackedBody(framed, unpacker, limit)


@pytest.mark.parametrize("step", [1, 7, 10_000])
def test_any_cut_gives_the_same_bytes(step: int) -> None:
    body = packed(SizedBody(len(PACKED)))
    cuts = [*range(0, len(PACKED), step), len(PACKED)]
    assert b"".join(body.feed(PACKED[begin:end]) for begin, end in pairwise(cuts)) == TEXT
    assert (body.done, body.surplus, body.malformed, body.oversized) == (True, b"", False, False)


def test_a_body_until_close_is_whole_only_if_its_packing_is() -> None:
    whole, cut = packed(BodyUntilClose()), packed(BodyUntilClose())
    assert whole.feed(PACKED) == TEXT
    cut.feed(PACKED[:-9])
    assert (whole.close(), whole.done) == (True, True)
    assert (cut.close(), cut.done) == (False, False)


def test_a_body_that_ends_within_its_packing_is_malformed() -> None:
    body = packed(SizedBody(len(PACKED) - 9))
    body.feed(PACKED[:-9])
    assert (body.done, body.malformed, body.oversized) == (False, True, False)


def test_bytes_of_another_kind_are_malformed_and_nothing_is_read_after_them() -> None:
    body = packed(BodyUntilClose())
    assert body.feed(b"never packed") == b""
    assert body.malformed
    assert body.feed(PACKED) == b""


def test_wrong_framing_is_seen_through_the_packing() -> None:
    body = packed(ChunkedBody())
    body.feed(b"nonsense\r\n")
    assert body.malformed


def test_more_than_the_limit_is_too_large() -> None:
    body = packed(SizedBody(len(PACKED)), limit=1000)
    body.feed(PACKED)
    assert (body.malformed, body.oversized) == (True, True)


def test_a_bomb_in_one_read_is_too_large() -> None:
    bomb = gzip.compress(bytes(6 * 1024 * 1024))
    body = packed(SizedBody(len(bomb)), limit=1 << 30)
    body.feed(bomb)
    assert body.oversized


@pytest.mark.parametrize(
    ("encoding", "packed_so", "unreadable"),
    [
        ("", False, False),
        ("identity", False, False),
        ("gzip", True, False),
        ("deflate", True, False),
        ("lzma", False, True),
    ],
)
def test_a_head_says_whether_its_body_is_packed(encoding: str, *, packed_so: bool, unreadable: bool) -> None:
    headers = {"content-length": "5", "content-encoding": encoding}
    head = AnswerHead(status=200, headers=headers, reusable=True)
    assert isinstance(unpacked_body_of(head, 9), PackedBody) is packed_so
    assert is_unreadable(head) is unreadable


def test_an_answer_without_a_body_is_never_unpacked() -> None:
    head = AnswerHead(status=204, headers={"content-encoding": "gzip"}, reusable=True)
    assert unpacked_body_of(head, 9).done


def test_a_text_that_is_declared_as_gzip_is_taken_as_it_is() -> None:
    head = AnswerHead(status=200, headers={"content-encoding": "gzip", "content-length": "9"}, reusable=True)
    body = unpacked_body_of(head, 1000)
    assert (body.feed(b""), body.feed(b"data:"), body.feed(b" hi\n")) == (b"", b"data:", b" hi\n")
    assert (body.done, body.malformed) == (True, False)
