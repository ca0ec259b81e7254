"""The splitter: the standard's rules, our two decisions, and that no cut of the bytes matters."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mix2api.wire.sse_frames import LINE_LIMIT, FrameTooLong, SseFrames


def payloads_of(data: bytes, cuts: list[int] | None = None) -> list[bytes]:
    """All payloads of a stream that is fed in pieces and then ends."""
    frames = SseFrames()
    borders = [0, *sorted(cut % (len(data) + 1) for cut in cuts or []), len(data)]
    payloads: list[bytes] = []
    for begin, end in pairwise(borders):
        payloads += frames.feed(data[begin:end])
    return payloads + frames.end()


def feed_again_and_again(frames: SseFrames, data: bytes, times: int) -> None:
    for _ in range(times):
        frames.feed(data)


def test_events_are_cut_at_blank_lines() -> None:
    assert payloads_of(b"data: a\n\ndata: b\n\n") == [b"a", b"b"]


def test_one_space_behind_the_colon_is_dropped_and_no_more() -> None:
    assert payloads_of(b"data:a\n\ndata:  b\n\n") == [b"a", b" b"]


def test_lines_of_one_event_are_joined_by_a_newline() -> None:
    assert payloads_of(b"data: a\ndata: b\ndata\ndata: c\n\n") == [b"a\nb\n\nc"]


def test_comments_and_other_fields_are_skipped() -> None:
    assert payloads_of(b": ping\n\nevent: x\nid: 1\nretry: 5\ndata: a\ndatum: b\n\n") == [b"a"]


def test_events_without_data_or_with_empty_data_are_none() -> None:
    assert payloads_of(b"\n\nevent: x\n\ndata:\n\ndata: \n\ndata\n\ndata: a\n\n") == [b"a"]


def test_carriage_returns_before_newlines_are_dropped_once() -> None:
    assert payloads_of(b"data: a\r\n\r\ndata: b\r\r\n\r\ndata: c\n\r\n") == [b"a", b"b\r", b"c"]


def test_line_separators_inside_json_are_text() -> None:
    text = '{"delta":"a\u2028b\u2029c\u0085d\x0be"}'.encode()
    assert payloads_of(b"data: " + text + b"\n\n") == [text]


def test_a_byte_order_mark_is_dropped_at_the_start_only() -> None:
    mark = b"\xef\xbb\xbf"
    assert payloads_of(mark + b"data: a\n\n" + mark + b"data: b\n\n") == [b"a"]


def test_a_last_event_without_its_blank_line_counts_if_its_line_is_whole() -> None:
    assert payloads_of(b"data: a\n\ndata: [DONE]\n") == [b"a", b"[DONE]"]
    assert payloads_of(b'data: a\n\ndata: {"half":') == [b"a"]


def test_an_event_without_an_end_is_refused_at_the_limit() -> None:
    frames = SseFrames(limit=100)
    assert frames.feed(b"data: " + b"x" * 94) == []
    with pytest.raises(FrameTooLong):
        frames.feed(b"x")


def test_the_limit_is_of_one_event_and_not_of_a_stream() -> None:
    frames = SseFrames(limit=100)
    for _ in range(50):
        assert frames.feed(b"data: " + b"x" * 60) == []
        assert frames.feed(b"\n\n") == [b"x" * 60]


def test_a_huge_event_of_many_lines_comes_whole_out_of_many_pieces() -> None:
    lines = b"".join(b"data: %07d\n" % number for number in range(LINE_LIMIT)) + b"\n"
    payload = b"\n".join(b"%07d" % number for number in range(LINE_LIMIT))
    assert payloads_of(lines, cuts=list(range(0, len(lines), 100))) == [payload]


@pytest.mark.parametrize(
    "line", [b"data: a\n", b": a comment\n", b"data:\n", b"event: x\r\n", b"x\n"], ids=repr
)
def test_lines_without_an_end_are_refused_whatever_they_say(line: bytes) -> None:
    frames = SseFrames()
    with pytest.raises(FrameTooLong):
        feed_again_and_again(frames, line * 100, LINE_LIMIT // 100 + 1)


@pytest.mark.parametrize("begin", [b"data: ", b": a comment ", b""], ids=repr)
def test_a_line_without_an_end_is_refused_whatever_it_is(begin: bytes) -> None:
    frames = SseFrames(limit=1000)
    frames.feed(begin)
    with pytest.raises(FrameTooLong):
        feed_again_and_again(frames, b"x" * 100, 11)


def test_lines_of_events_that_ended_are_not_counted() -> None:
    frames = SseFrames(limit=100)
    for _ in range(2 * LINE_LIMIT):
        assert frames.feed(b"data: a") == []
        assert frames.feed(b"\n\n: next\n") == [b"a"]


STREAMS = st.lists(
    st.sampled_from(
        [
            b"data: ",
            b"data:",
            b"data",
            b"a",
            b"{}",
            b"\n",
            b"\n\n",
            b"\r\n",
            b"\r",
            b": c",
            b"event: x",
            b"event: x\ndata: a\n\n",
            b"event: y\ndata: a\n\n",
            b"\xef\xbb\xbf",
        ]
    ),
    max_size=40,
).map(b"".join)


@given(STREAMS, st.lists(st.integers(min_value=0), max_size=12))
def test_any_cut_gives_the_same_payloads(data: bytes, cuts: list[int]) -> None:
    assert payloads_of(data, cuts) == payloads_of(data)


@given(STREAMS)
def test_payloads_are_those_of_a_line_by_line_reading(data: bytes) -> None:
    text = data.removeprefix(b"\xef\xbb\xbf")
    whole, _, _ = text.rpartition(b"\n")
    expected: list[bytes] = []
    lines: list[bytes] = []
    for raw in [*whole.split(b"\n"), b""]:
        line = raw.removesuffix(b"\r")
        name, _, value = line.partition(b":")
        if not line:
            payload = b"\n".join(lines)
            expected += [payload] if payload else []
            lines = []
        elif name == b"data":
            lines.append(value.removeprefix(b" "))
    assert payloads_of(data) == expected


@pytest.mark.parametrize(
    ("piece", "payloads"),
    [
        (b"data: a\n\n", [b"a"]),
        (b"data: a\n\ndata: b\n\n", [b"a", b"b"]),
        (b"data: a\ndata: b\n\n", [b"a\nb"]),
        (b"event: x\ndata: a\n\n", [b"a"]),
        (b"event: x\ndata: a\n\nevent: x\ndata: b\n\n", [b"a", b"b"]),
        (b"event: x\ndata: a\n\nevent: y\ndata: b\n\n", [b"a", b"b"]),
        (b"event: x\ndata: a\n\ndata: b\n\n", [b"a", b"b"]),
        (b"event: x\ndata: a\ndata: b\n\nevent: x\ndata: c\n\n", [b"a\nb", b"c"]),
        (b"event: x\nid: 1\ndata: a\n\n", [b"a"]),
        (b"event: x\r\ndata: a\r\n\r\n", [b"a"]),
        (b": ping\n\n", []),
        (b"data: \n\ndata: a\n\n", [b"a"]),
        (b"data: a\r\n\r\n", [b"a"]),
    ],
)
def test_a_piece_that_is_whole_events_is_cut_the_same_wherever_it_comes(
    piece: bytes, payloads: list[bytes]
) -> None:
    frames = SseFrames()
    assert [frames.feed(piece) for _ in range(3)] == [payloads] * 3
    assert frames.feed(piece[:3]) + frames.feed(piece[3:]) == payloads
