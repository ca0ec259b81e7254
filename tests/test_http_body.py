"""The body decoders: framing by the letter, any cut the same, nothing malformed passes."""

from itertools import pairwise

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mix2api.http_body import BodyUntilClose, ChunkedBody, SizedBody


def fed(body: ChunkedBody | SizedBody, data: bytes, cuts: list[int]) -> bytes:
    """The payload of bytes that come in pieces; after the end or a mistake nothing is fed, as the client reads no more."""
    borders = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    payload = b""
    for begin, end in pairwise(borders):
        if not body.done and not body.malformed:
            payload += body.feed(data[begin:end])
    return payload


CUTS = st.lists(st.integers(min_value=0), max_size=12)
PIECES = st.lists(st.binary(min_size=1, max_size=40), max_size=8)
EXTENSIONS = st.sampled_from([b"", b";a=b", b' ;q="x y"', b"\t; z"])
TRAILERS = st.sampled_from([b"", b"X-Sum: 1\r\n", b"A: b\r\nC: d\r\n"])


@given(PIECES, EXTENSIONS, TRAILERS, CUTS)
def test_chunks_give_their_payload_however_they_are_cut(
    pieces: list[bytes], extension: bytes, trailers: bytes, cuts: list[int]
) -> None:
    data = b"".join(b"%X%s\r\n%s\r\n" % (len(piece), extension, piece) for piece in pieces)
    body = ChunkedBody()
    assert fed(body, data + b"0\r\n" + trailers + b"\r\n", cuts) == b"".join(pieces)
    assert body.done
    assert not body.surplus
    assert body.close()


@given(PIECES, CUTS, st.integers(min_value=0))
def test_a_cut_chunked_body_is_not_whole(pieces: list[bytes], cuts: list[int], short: int) -> None:
    data = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
    body = ChunkedBody()
    payload = fed(body, data[: short % len(data)], cuts)
    assert b"".join(pieces).startswith(payload)
    assert not body.done
    assert not body.close()


MALFORMED = [
    b"\r\n",
    b"x\r\n",
    b"-1\r\na",
    b"+1\r\na",
    b"0x1\r\na",
    b"1_0\r\n",
    b" 1\r\na",
    b"1\na\n",
    b"1\rxa",
    b"1\r\nab\r\n",
    b"1\r\na\n\n",
    b"1\r\na\rx",
    b"1\r\na0\r\n\r\n",
    b"fffffffffffffffff\r\n",
    b"1;" + b"x" * 5000,
    b"0\r\n\n\r\n",
    b"0\r\n A: b\r\n\r\n",
    b"0\r\n1\r\n\r\n",
    b"0\r\n" + b"A: b\r\n" * 20_000,
    b"0\r\n" + b"x" * 70_000,
]


@pytest.mark.parametrize("data", MALFORMED, ids=lambda data: repr(data[:24]))
def test_malformed_chunks_are_refused_however_they_are_cut(data: bytes) -> None:
    for step in (1, 2, 3, 5, len(data)) if len(data) < 1000 else (4096, len(data)):
        body = ChunkedBody()
        fed(body, data, list(range(0, len(data), step)))
        assert body.malformed
        assert not body.done


@given(st.lists(st.sampled_from([b"1", b"a", b"0", b"\r\n", b"\r", b"\n", b";x", b"G"]), max_size=12), CUTS)
def test_any_cut_gives_the_same_and_what_is_read_to_the_end_is_what_h11_reads(
    tokens: list[bytes], cuts: list[int]
) -> None:
    data = b"".join(tokens)
    body = ChunkedBody()
    payload = fed(body, data, cuts)
    whole = ChunkedBody()
    assert fed(whole, data, []) == payload
    assert (whole.done, whole.malformed) == (body.done, body.malformed)
    if body.done:
        assert _by_h11(data) == payload


PLAIN = [b"5\r\nhello\r\n", b"100\r\n" + b"x" * 256 + b"\r\n", b"A\r\nten bytes!\r\n"]
OTHERS = [
    b"4\r\na\r\n\n\r\n",
    b"2\r\n\r\n\r\n",
    b"1;a=b\r\nx\r\n",
    b"2 \r\nxy\r\n",
]
MANY = st.one_of(
    *(st.lists(st.sampled_from(those), min_size=20, max_size=60) for those in (PLAIN, PLAIN + OTHERS))
)
ENDS = st.sampled_from(
    [
        b"",
        b"0\r\n\r\n",
        b"0\r\nA: b\r\n\r\n",
        b"0\r\n\r\nmore",
        b"00\r\n\r\n",
        b"\r\n",
        b"5\r\nhell",
        b"5\r\nhello\r",
        b"5",
        b"+5\r\nhello\r\n",
        b"4\r\nhello\r\n",
        b"0x5\r\nhello\r\n",
        b"5_0\r\nhello\r\n",
    ]
)


@given(MANY, ENDS, st.integers(min_value=0, max_value=60))
def test_many_chunks_of_one_read_give_what_they_give_apart(
    chunks: list[bytes], end: bytes, place: int
) -> None:
    data = b"".join([*chunks[:place], end, *chunks[place:]])
    at_once, apart = ChunkedBody(), ChunkedBody()
    payload = fed(apart, data, list(range(0, len(data), 100)))
    assert fed(at_once, data, []) == payload
    # What follows the end is surplus only where it came with it.
    assert (at_once.done, at_once.malformed, at_once.close()) == (apart.done, apart.malformed, apart.close())


def _by_h11(data: bytes) -> bytes:
    """The payload by h11, the other reader of the same RFC; it refuses the blank before `;` that the RFC allows."""
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method="POST", target="/", headers=[("host", "x")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + data)
    payload = b""
    while not isinstance(event := connection.next_event(), h11.EndOfMessage):
        assert not isinstance(event, type), event
        if isinstance(event, h11.Data):
            payload += event.data
    return payload


def test_bytes_behind_the_last_chunk_are_surplus() -> None:
    body = ChunkedBody()
    assert body.feed(b"1\r\na\r\n0\r\n\r\nHTTP/1.1") == b"a"
    assert body.done
    assert body.surplus


@given(st.binary(min_size=1, max_size=60), CUTS)
def test_a_sized_body_ends_with_its_length(content: bytes, cuts: list[int]) -> None:
    body = SizedBody(len(content))
    assert not body.close()
    assert fed(body, content, cuts) == content
    assert body.close()
    assert not body.surplus


def test_a_sized_body_keeps_what_is_too_much_out() -> None:
    body = SizedBody(3)
    assert body.feed(b"abcd") == b"abc"
    assert body.done
    assert body.surplus


def test_an_empty_sized_body_is_done_from_the_start() -> None:
    body = SizedBody(0)
    assert body.done
    assert body.feed(b"x") == b""
    assert body.surplus


def test_a_body_without_framing_ends_when_the_peer_closes() -> None:
    body = BodyUntilClose()
    assert body.feed(b"abc") == b"abc"
    assert not body.done
    assert body.close()
    assert body.done
