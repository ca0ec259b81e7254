"""Heads of requests: what is taken means the same to h11, whose rules are those of the RFC."""

from typing import Final

import h11
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mix2api.edge.request_head import HEAD_BYTES, HEAD_END, HeadTooLong, NotHttp, head_length, read_head

PIECES: Final = st.sampled_from(
    [
        *(
            b"GET",
            b"POST",
            b" ",
            b"  ",
            b"/",
            b"/v1?x",
            b"http://a/b",
            b"*",
            b"HTTP/1.1",
            b"HTTP/1.0",
            b"HTTP/2.0",
        ),
        *(
            b"host: a",
            b"Host:a",
            b"host : a",
            b" host: a",
            b"x:",
            b"x",
            b"\t",
            b"\0",
            b"\x7f",
            b"\xff",
            b"\x0b",
        ),
        *(b"content-length: 3", b"Content-Length: 3, 3", b"content-length: 4", b"content-length: -1"),
        *(b"content-length: 1_0", b"transfer-encoding: chunked", b"Transfer-Encoding: Chunked"),
        *(b"transfer-encoding: gzip", b"connection: close", b"connection: keep-alive, Close"),
        *(b"expect: 100-continue", b"upgrade: h2c", b"\r\n", b"\r\n", b"\r\n", b"\r", b"\n"),
    ]
)
HEADS: Final = st.builds(
    lambda line, fields: b"\r\n".join([line, *fields]),
    st.sampled_from([b"POST / HTTP/1.1", b"GET /a?b HTTP/1.0", b"GET http://a/b HTTP/1.1"]),
    st.lists(st.lists(PIECES, max_size=3).map(b"".join), max_size=5),
) | st.lists(PIECES, max_size=8).map(b"".join)
TRUSTED: Final = (b"host: a", b"connection: close", b"content-length: 3")


@given(HEADS)
@example(b"\r\n".join((b"POST / HTTP/1.1", *TRUSTED)))
@example(b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked")
def test_what_is_taken_means_the_same_to_h11(data: bytes) -> None:
    try:
        head = read_head(data)
    except NotHttp:
        return
    other = h11.Connection(h11.SERVER)
    other.receive_data(data + HEAD_END)
    request = other.next_event()
    assert isinstance(request, h11.Request)
    assert request.method.decode().upper() == head.method
    assert request.http_version.decode() == head.version
    assert request.target.endswith(head.target) or not request.target.startswith(b"/")
    framing = {b"content-length", b"transfer-encoding"}  # h11 makes one value of several
    assert [item for item in request.headers if item[0] not in framing] == [
        item for item in head.headers if item[0] not in framing
    ]
    said = dict(request.headers)
    assert head.length == (None if b"transfer-encoding" in said else int(said.get(b"content-length", b"0")))
    assert head.keeps_alive == (other.our_state is not h11.MUST_CLOSE and _keeps_alive(other))
    assert head.expects_continue == other.they_are_waiting_for_100_continue


def _keeps_alive(http: h11.Connection) -> bool:
    return http._cstate.keep_alive


@pytest.mark.parametrize("piece", [1, 2, 3, 5, 1000])
def test_the_end_of_a_head_is_found_however_it_is_cut(piece: int) -> None:
    data = b"\r\n".join((b"POST / HTTP/1.1", *TRUSTED)) + HEAD_END + b"abc"
    came, seen = b"", 0
    while (end := head_length(came, seen)) < 0:
        seen = len(came)
        came += data[seen : seen + piece]
    assert read_head(came[:end]).given[b"content-length"] == b"3"


@pytest.mark.parametrize("piece", [1, 2, 3, 5, 1000])
@pytest.mark.parametrize("data", [b"GET / HTTP/1.1\nhost: a\n\n", b"GET / HTTP/1.1\r\nhost: a\r\n\n"])
def test_a_line_that_ends_in_lf_alone_is_found_however_it_is_cut(data: bytes, piece: int) -> None:
    def come() -> None:
        for seen in range(0, len(data), piece):
            head_length(data[: seen + piece], seen)

    with pytest.raises(NotHttp):
        come()


@pytest.mark.parametrize("end", [b"", HEAD_END])
def test_a_head_is_bounded_whether_it_is_whole_or_not(end: bytes) -> None:
    line = b"GET / HTTP/1.1\r\nhost: a\r\nx: "
    assert head_length(line + b"y" * (HEAD_BYTES - len(line)) + HEAD_END, 0) == HEAD_BYTES
    with pytest.raises(HeadTooLong):
        head_length(line + b"y" * (HEAD_BYTES - len(line) + 1) + end, 0)


def test_blanks_within_a_value_take_time_in_proportion_to_their_number() -> None:
    value = b"a" + b" \t" * 1_000_000 + b"b"
    assert read_head(b"GET / HTTP/1.1\r\nhost: a\r\nx: " + value).given[b"x"] == value
