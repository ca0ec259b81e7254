"""Pauses after failures."""

from hypothesis import given
from hypothesis import strategies as st

from mix2api.upstreams.credentials.backoff import pause_ms


def test_pauses_double_up_to_a_minute() -> None:
    assert [pause_ms(failures, 0.0) for failures in range(8)] == [
        500,
        1000,
        2000,
        4000,
        8000,
        16_000,
        30_000,
        30_000,
    ]


@given(st.integers(0, 10**9), st.floats(0, 1, exclude_max=True))
def test_half_of_a_pause_is_drawn(failures: int, draw: float) -> None:
    least = pause_ms(failures, 0.0)
    assert least <= pause_ms(failures, draw) < 2 * least
