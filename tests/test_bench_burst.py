"""The pure parts of the bench: what a burst comes to."""

import pytest
from bench_modules import bench_module

results = bench_module("results")
tally = bench_module("tally")


@pytest.mark.parametrize(
    ("values", "asked", "reached"),
    [
        ([float(value) for value in range(100, 0, -1)], 100, 95.0),
        ([float(value) for value in range(95, 0, -1)], 100, 95.0),  # five of a hundred were refused
        ([float(value) for value in range(94, 0, -1)], 100, None),  # six were
        ([], 0, None),
    ],
)
def test_a_refused_stream_counts_as_one_that_never_had_a_first_byte(
    values: list[float], asked: int, reached: float | None
) -> None:
    assert results.share_reached(values, asked, 0.95) == reached


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"HTTP/1.1 503 \r\nretry-after: 1\r\n", "503"),
        (b"HTTP/1.1 429 Too Many Requests\r\n", "429"),
        (b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n", "broken off"),
        (b"", "no answer"),
        (b"garbage", "no answer"),
    ],
)
def test_a_failed_stream_is_counted_by_its_status(head: bytes, kind: str) -> None:
    counted = tally.Tally()
    counted.fail(head, b"closed without a byte")
    counted.fail(head, b"closed without a byte")
    assert counted.result(1.0).failed_by == {kind: 2}
    assert counted.result(1.0).failed == 2


def test_a_stream_given_up_under_way_is_not_called_broken() -> None:
    counted = tally.Tally()
    counted.fail(b"HTTP/1.1 200 OK\r\n", b"no byte in time", given_up=True)
    assert counted.result(60.0).failed_by == {"not in time": 1}
