"""Bodies of requests, fed with bytes: what they hold and where they end, however the bytes are cut."""

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mix2api.edge.framing import Framing
from mix2api.edge.request_head import HEAD_BYTES, HeadTooLong, NotHttp

HEAD = b"POST / HTTP/1.1\r\nhost: edge\r\ntransfer-encoding: chunked\r\n\r\n"
LINES = st.sampled_from(
    [
        b"2",
        b"0",
        b"a;x=y",
        b"0002",
        b"2 ",
        b"zz",
        b"-1",
        b"",
        b"x: y",
        b"{}",
        b"\r\n",
        b"\n",
        b"\r",
        b" ",
        b"1\r\nx",
    ]
)


def fed(framing: Framing, data: bytes, piece: int) -> tuple[bytes, bytes]:
    """The payload of the bytes, coming in pieces of so many, and what stands behind the body."""
    payload = b""
    for at in range(0, len(data), piece):
        more, rest = framing.feed(data[at : at + piece])
        payload += more
        if framing.is_whole:
            return payload, rest + data[at + piece :]
        assert rest == b""
    return payload, b""


@pytest.mark.parametrize("piece", [1, 2, 3, 5, 1000])
@pytest.mark.parametrize("trailer", [b"", b"x: y\r\n", b"x: y\r\nz: \r\n"])
@pytest.mark.parametrize("ahead", [b"", b"GET / HTTP/1.1\r\n", b"\r\n\r\n"])
def test_a_chunked_body_is_read_however_it_is_cut(trailer: bytes, piece: int, ahead: bytes) -> None:
    framing = Framing(None)
    data = b"2;a=b\r\n{}\r\n0c\r\nhello, \r\n\r\n!\r\n0\r\n" + trailer + b"\r\n" + ahead
    assert fed(framing, data, piece) == (b"{}hello, \r\n\r\n!", ahead)
    assert framing.is_whole


@pytest.mark.parametrize("piece", [1, 2, 3, 5, 1000])
@pytest.mark.parametrize("length", [0, 1, 3, 7])
def test_a_body_of_known_length_ends_there(length: int, piece: int) -> None:
    framing = Framing(length)
    assert framing.is_whole is (length == 0)
    assert fed(framing, b"abcdefg", piece) == (b"abcdefg"[:length], b"abcdefg"[length:])
    assert framing.is_whole


@pytest.mark.parametrize("piece", [1, 2, 3, 5, 1000])
@pytest.mark.parametrize(
    "data",
    [
        *(b"0\r\n\n", b"0\r\nx: y\n\n", b"0\r\nx: y\n\r\n", b"0\r\nx: y\r\n\n", b"0\r\n x: y\r\n\r\n"),
        *(b"2\n{}\r\n0\r\n\r\n", b"2\r\n{}\n0\r\n\r\n", b"2\r\n{}x\r\n", b"2\r\n{}\rx", b"-2\r\n"),
        *(b"0x2\r\n", b"\r\n", b" 2\r\n", b"2;a\0\r\n", b"11111111111111111\r\n"),
    ],
)
def test_a_body_whose_end_another_server_may_see_elsewhere_is_refused(data: bytes, piece: int) -> None:
    with pytest.raises(NotHttp):
        fed(Framing(None), data + b"GET / HTTP/1.1\r\n", piece)


@given(st.lists(LINES, max_size=6).map(b"\r\n".join), st.integers(1, 7))
def test_a_chunked_body_that_is_taken_is_the_same_to_h11(data: bytes, piece: int) -> None:
    framing = Framing(None)
    try:
        payload, rest = fed(framing, data, piece)
    except NotHttp:
        return
    if not framing.is_whole:
        return
    other = h11.Connection(h11.SERVER)
    other.receive_data(HEAD + data)
    events = []
    while not isinstance(events[-1] if events else None, h11.EndOfMessage):
        events.append(other.next_event())
    assert b"".join(bytes(event.data) for event in events if isinstance(event, h11.Data)) == payload
    assert other.trailing_data[0] == rest


@pytest.mark.parametrize("piece", [7, 1000])
@pytest.mark.parametrize("line", [b"2;" + b"x" * HEAD_BYTES, b"0\r\n" + b"x: " + b"y" * HEAD_BYTES])
def test_size_lines_and_trailers_are_bounded(line: bytes, piece: int) -> None:
    with pytest.raises(HeadTooLong):
        fed(Framing(None), line, piece)


def test_many_short_trailers_are_bounded_together() -> None:
    with pytest.raises(HeadTooLong):
        fed(Framing(None), b"0\r\n" + b"x: y\r\n" * HEAD_BYTES, 1000)


@pytest.mark.parametrize("data", [b"0\r\n\n", b"0\r\nx: y\n\r\n", b"zz\r\n", b"1\r\nab\r\n"])
def test_behind_a_mistake_nothing_is_read_and_everybody_hears_of_it(data: bytes) -> None:
    framing = Framing(None)
    for more in (data, b"", b"1\r\n{\r\n", b"0\r\n\r\n"):
        with pytest.raises(NotHttp):
            framing.feed(more)
    assert not framing.is_whole
