"""h11 as the edge has it, fed with bytes: what it takes, however the bytes are cut, and at what cost."""

import h11
import pytest

from mix2api.edge.strict_http import StrictHttp

HEAD = b"POST / HTTP/1.1\r\nhost: edge\r\ntransfer-encoding: chunked\r\n\r\n"


def events(data: bytes, piece: int) -> list[str]:
    """The kinds of events that the bytes are, coming in pieces of so many."""
    http, kinds = StrictHttp(2**14), []
    for at in range(0, len(data), piece):
        http.receive_data(data[at : at + piece])
        while not isinstance(event := http.next_event(), type):
            kinds.append(type(event).__name__)
    return kinds


@pytest.mark.parametrize("piece", [1, 2, 3, 5, 1000])
@pytest.mark.parametrize("trailer", [b"", b"x: y\r\n", b"x: y\r\nz: \r\n"])
@pytest.mark.parametrize("ahead", [b"", b"GET / HTTP/1.1\r\n"])
def test_a_chunked_body_is_read_however_it_is_cut(trailer: bytes, piece: int, ahead: bytes) -> None:
    kinds = events(HEAD + b"2\r\n{}\r\n0\r\n" + trailer + b"\r\n" + ahead, piece)
    assert (kinds[0], kinds[-1]) == ("Request", "EndOfMessage")


@pytest.mark.parametrize("piece", [1, 2, 3, 5, 1000])
@pytest.mark.parametrize("end", [b"0\r\n\n", b"0\r\nx: y\n\n", b"0\r\nx: y\n\r\n", b"0\r\nx: y\r\n\n"])
def test_an_end_of_a_body_that_another_server_may_not_see_is_a_fault(end: bytes, piece: int) -> None:
    with pytest.raises(h11.RemoteProtocolError) as fault:
        events(HEAD + b"2\r\n{}\r\n" + end + b"GET / HTTP/1.1\r\n", piece)
    assert fault.value.error_status_hint == 400


class Counted(StrictHttp):
    """Counts the bytes that are copied to look at what is not read yet."""

    copied = 0

    @property
    def trailing_data(self) -> tuple[bytes, bool]:
        data, closed = super().trailing_data
        self.copied += len(data)
        return data, closed


def test_a_body_of_many_small_chunks_is_copied_no_more_often_than_it_is_read() -> None:
    http = Counted(2**14)
    http.receive_data(HEAD)
    assert isinstance(http.next_event(), h11.Request)
    before = http.copied
    http.receive_data(b"1\r\nx\r\n" * 10_000)
    while http.next_event() is not h11.NEED_DATA:
        pass
    assert http.copied - before <= 60_000
