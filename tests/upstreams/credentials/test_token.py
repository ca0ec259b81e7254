"""The moments of a token's life, and its form in the vault."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mix2api.upstreams.credentials.token import (
    Token,
    TokenRecord,
    decode_record,
    encode_record,
    token_of,
)

HOUR_MS = 3_600_000
SKEW_MS = 60_000


def token(life_ms: int | None, skew_ms: int = SKEW_MS, draw: float = 0.0) -> Token:
    expires_ms = None if life_ms is None else 1000 + life_ms
    record = TokenRecord(value="t", issued_ms=1000, expires_ms=expires_ms)
    return token_of(record, "p:1", skew_ms, draw)


def test_a_token_is_stale_before_it_expires_and_renewed_a_random_while_before_that() -> None:
    early, late = token(HOUR_MS, draw=0.999), token(HOUR_MS)
    assert late.stale_ms == late.renew_ms == 1000 + HOUR_MS - SKEW_MS
    assert late.renew_ms - SKEW_MS < (early.renew_ms or 0) < late.renew_ms


def test_a_token_that_lives_shorter_than_the_skew_is_stale_at_half_its_life() -> None:
    assert token(2000).stale_ms == 1000 + 1000


def test_a_token_without_expiry_is_used_until_it_is_refused() -> None:
    found = token(None)
    assert (found.renew_ms, found.stale_ms, found.expires_ms) == (None, None, None)
    assert found.is_fresh(10**15)
    assert found.is_alive(10**15)


@given(st.integers(1, 10**12), st.integers(0, 10**8), st.floats(0, 1, exclude_max=True))
def test_it_is_renewed_then_stale_then_dead(life_ms: int, skew_ms: int, draw: float) -> None:
    found = token(life_ms, skew_ms, draw)
    assert found.renew_ms is not None
    assert found.stale_ms is not None
    assert found.expires_ms is not None
    assert 1000 <= found.renew_ms <= found.stale_ms <= found.expires_ms
    assert not found.is_fresh(found.stale_ms)
    assert found.is_alive(found.expires_ms - 1)
    assert not found.is_alive(found.expires_ms)


@pytest.mark.parametrize("expires_ms", [None, 5])
def test_a_record_comes_back_as_it_was(expires_ms: int | None) -> None:
    record = TokenRecord(value="t", issued_ms=1, expires_ms=expires_ms)
    assert decode_record(encode_record(record)) == record


@pytest.mark.parametrize("payload", [b"", b"rubbish", b"\xc1", b"\x80"])
def test_another_version_s_record_counts_as_not_there(payload: bytes) -> None:
    assert decode_record(payload) is None


def test_a_token_is_in_no_repr() -> None:
    record = TokenRecord(value="planted", issued_ms=1)
    assert "planted" not in repr(token_of(record, "p:1", 0, 0.0))
