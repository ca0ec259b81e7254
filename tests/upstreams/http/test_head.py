"""Heads: what is sent, what is understood, what decides over body and reuse."""

from itertools import pairwise

import h11
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mix2api.http_body import BodyUntilClose, ChunkedBody, SizedBody
from mix2api.upstreams.http.head import (
    HEAD_LIMIT,
    INTERIM_LIMIT,
    AnswerHead,
    HeadReader,
    HeadTooLarge,
    HttpRequest,
    MalformedHead,
    TooManyInterim,
    UnsendableHead,
    body_of,
)
from mix2api.upstreams.http.origin import Origin


def test_a_request_leaves_as_one_piece_with_its_length() -> None:
    request = HttpRequest(
        origin=Origin("http", "site.example", 8080),
        path="/v2/chats",
        headers=(("accept", "text/event-stream"), ("authorization", "Bearer s3cret")),
        body=b'{"a":1}',
    )
    assert request.encoded() == (
        b"POST /v2/chats HTTP/1.1\r\nhost: site.example:8080\r\naccept: text/event-stream\r\n"
        b"authorization: Bearer s3cret\r\naccept-encoding: identity\r\ncontent-length: 7\r\n\r\n"
        b'{"a":1}'
    )
    assert "s3cret" not in repr(request)


def read(data: bytes, size: int = 10**6) -> AnswerHead | None:
    """The head in data that comes in pieces of so many bytes; what follows the head is not fed."""
    reader = HeadReader()
    pieces = (data[at : at + size] for at in range(0, len(data), size))
    return next((head for piece in pieces if (head := reader.feed(piece)) is not None), None)


def whole(data: bytes) -> AnswerHead:
    head = read(data)
    assert head is not None
    return head


def test_a_field_with_other_letters_than_latin_1_leaves_all_the_same() -> None:
    request = HttpRequest(
        origin=Origin("http", "a", 80), path="/", headers=(("referer", "\u00e9\u4e2d"),), body=b""
    )
    assert b"\r\nreferer: \xe9?\r\n" in request.encoded()


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("/a b", "x"),
        ("/a\r\nb: c", "x"),
        ("", "x"),
        ("/", "x\r\nevil: 1"),
        ("/", "x\ny"),
        ("/", "x\ry"),
        ("/", "x\0"),
        ("/", " x"),
        ("/", "x\t"),
    ],
)
def test_what_would_break_the_request_s_head_is_not_sent_and_not_told(path: str, value: str) -> None:
    request = HttpRequest(origin=Origin("http", "a", 80), path=path, headers=(("f", value),), body=b"")
    with pytest.raises(UnsendableHead) as raised:
        request.encoded()
    assert str(raised.value) in {"f", "the path"}


def test_a_head_is_read_however_it_is_cut_and_the_rest_is_the_body() -> None:
    data = b"HTTP/1.1 200 OK\r\nContent-Type: Text/Event-Stream; charset=utf-8\r\nA: 1\r\na: 2\r\n\r\n"
    for cut in range(1, len(data)):
        reader = HeadReader()
        assert not reader.began
        assert reader.feed(data[:cut]) is None
        assert reader.began
        head = reader.feed(data[cut:] + b"rest")
        assert head is not None
        assert (head.status, head.media_type, head.headers["a"]) == (200, "text/event-stream", "1, 2")
        assert reader.rest == b"rest"


def test_interim_answers_are_read_over() -> None:
    assert (
        whole(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nA: b\r\n\r\nHTTP/1.1 201 X\r\n\r\n").status
        == 201
    )


@pytest.mark.parametrize(
    "data",
    [
        b"garbage\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\r\n\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nbad header\r\n\r\n",
        b"HTTP/1.1 101 Switching\r\n\r\n",
    ],
    ids=lambda data: repr(data[:30]),
)
def test_what_is_no_answer_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedHead):
        read(data)


@pytest.mark.parametrize("end", [b"", b"\r\n\r\n"], ids=["cut", "whole"])
@pytest.mark.parametrize("size", [1, 7, 4096, 10**6], ids=lambda size: f"pieces of {size}")
def test_a_head_over_the_limit_is_refused_however_it_comes(size: int, end: bytes) -> None:
    with pytest.raises(HeadTooLarge):
        read(b"HTTP/1.1 200 OK\r\nA: " + b"x" * HEAD_LIMIT + end, size)


def test_a_head_at_the_limit_passes_with_the_body_behind_it() -> None:
    begin, end = b"HTTP/1.1 200 OK\r\nA: ", b"\r\n\r\n"
    padded = begin + b"x" * (HEAD_LIMIT - len(begin) - len(end)) + end
    head = read(padded + b"body" * HEAD_LIMIT, 10**6)
    assert head is not None
    assert head.status == 200


def test_interim_answers_are_bounded_in_number() -> None:
    interim = b"HTTP/1.1 102 Wait\r\n\r\n"
    assert read(interim * INTERIM_LIMIT + b"HTTP/1.1 200 OK\r\n\r\n") is not None
    with pytest.raises(TooManyInterim):
        read(interim * (INTERIM_LIMIT + 1) + b"HTTP/1.1 200 OK\r\n\r\n")


def test_interim_answers_count_in_the_head_s_bytes() -> None:
    interim = b"HTTP/1.1 103 Hints\r\nA: " + b"x" * 20_000 + b"\r\n\r\n"
    with pytest.raises(HeadTooLarge):
        read(interim * 4 + b"HTTP/1.1 200 OK\r\n\r\n", 4096)


def test_a_field_that_repeats_is_joined_once() -> None:
    head = whole(b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 5000 + b"\r\n")
    assert head.headers["a"] == ", ".join(["b"] * 5000)


@pytest.mark.parametrize(
    ("fields", "decoder", "reusable"),
    [
        (b"200 OK\r\ntransfer-encoding: Chunked\r\n", ChunkedBody, True),
        (b"200 OK\r\ncontent-length: 5\r\n", SizedBody, True),
        (b"200 OK\r\ncontent-length: 5\r\nconnection: Keep-Alive\r\n", SizedBody, True),
        (b"200 OK\r\ncontent-length: 5\r\nconnection: x, Close\r\n", SizedBody, False),
        (b"200 OK\r\n", BodyUntilClose, False),
        (b"204 No Content\r\n", SizedBody, True),
        (b"304 Not Modified\r\ncontent-length: 5\r\n", SizedBody, True),
        (b"200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n", ChunkedBody, False),
    ],
)
def test_the_head_decides_over_body_and_reuse(fields: bytes, decoder: type, reusable: bool) -> None:  # noqa: FBT001
    head = whole(b"HTTP/1.1 " + fields + b"\r\n")
    assert type(body_of(head)) is decoder
    assert head.reusable is reusable


def test_an_answer_of_http_1_0_ends_its_connection() -> None:
    assert not whole(b"HTTP/1.0 200 OK\r\ncontent-length: 5\r\n\r\n").reusable


def test_a_missing_media_type_is_empty() -> None:
    assert whole(b"HTTP/1.1 200 OK\r\n\r\n").media_type == ""


# --- beside the other reader of the same RFC ---------------------------------------------------------------------

STARTS = [
    b"HTTP/1.1 200 OK",
    b"HTTP/1.1 200",
    b"HTTP/1.1 200 ",
    b"HTTP/1.0 404 Not \xe9",
    b"HTTP/1.1 100 Continue",
    b"HTTP/1.1 103 x",
    b"HTTP/1.1 099 x",
    b"HTTP/1.1 101 x",
    b"HTTP/1.1  200 x",
    b"http/1.1 200 x",
    b"HTTP/11 200 x",
    b"HTTP/1.1 200 a\x0bb",
    b"",
    b"x",
    b"\x16\x03",
]
FIELDS = [
    b"a: b",
    b"A:b",
    b"a:",
    b"a: \t b  c \t",
    b"a : b",
    b": b",
    b"a",
    b" folded",
    b"\tfolded \x0c",
    b" ",
    b"b: \x01\x7f\xff",
    b"b: \x00",
    b"b: x\x0by",
    b"b: x\ry",
    b"content-length: 5",
    b"Content-Length: 5, 5",
    b"content-length: 6",
    b"content-length: +5",
    b"content-length: 123456789012345678901",
    b"content-length: ",
    b"transfer-encoding: Chunked",
    b"transfer-encoding: gzip, chunked",
    b"connection: close",
]
HEADS = st.lists(
    st.tuples(st.sampled_from(STARTS), st.lists(st.sampled_from(FIELDS), max_size=4)), min_size=1, max_size=3
)
ENDS = st.lists(st.sampled_from([b"\r\n", b"\r\n", b"\n", b"\r\r\n"]), min_size=1, max_size=5)


@given(HEADS, ENDS, st.lists(st.integers(min_value=0), max_size=6), st.integers(0, 60))
@example([(b"HTTP/1.1 200 OK", [b"a: b", b" folded", b"c: d"])], [b"\n"], [], 0)
@example([(b"HTTP/1.1 100 x", []), (b"HTTP/1.1 200 OK", [b"content-length: 5"])], [b"\r\n"], [], 0)
def test_any_cut_gives_the_same_and_it_is_what_h11_reads(
    heads: list[tuple[bytes, list[bytes]]],
    ends: list[bytes],
    cuts: list[int],
    missing: int,
) -> None:
    lines = [line for start, fields in heads for line in (start, *fields, b"")]
    data = b"".join(line + ends[place % len(ends)] for place, line in enumerate(lines))
    data = data[: max(1, len(data) - missing)]
    borders = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    pieces = [data[begin:end] for begin, end in pairwise(borders) if begin < end]
    assert _by_us(pieces) == _by_us([data]) == _by_h11(data)


Read = tuple[int, dict[str, str]] | str


def _by_us(pieces: list[bytes]) -> Read:
    reader = HeadReader()
    try:
        head = next((head for piece in pieces if (head := reader.feed(piece)) is not None), None)
    except MalformedHead:
        return "malformed"
    return "incomplete" if head is None else (head.status, head.headers)


def _by_h11(data: bytes) -> Read:
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=10**6)
    connection.send(h11.Request(method="POST", target="/", headers=[("host", "x")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(data)
    try:
        while isinstance(event := connection.next_event(), h11.InformationalResponse):
            pass
    except h11.RemoteProtocolError:
        return "malformed"
    if not isinstance(event, h11.Response):
        return "incomplete"
    values: dict[str, list[str]] = {}
    for name, value in event.headers:
        values.setdefault(name.decode("ascii"), []).append(value.decode("latin-1"))
    return event.status_code, {name: ", ".join(said) for name, said in values.items()}
