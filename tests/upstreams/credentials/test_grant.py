"""What token endpoints answer: where the token stands, when it expires, and what is none."""

import base64
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mix2api.upstreams.credentials.grant import Grant, GrantFields, MalformedGrant, read_grant

NOW_MS = 1_700_000_000_000
NOW_S = NOW_MS // 1000
YEAR_MS = 365 * 86_400_000


def grant(answer: Any, **fields: str) -> Grant:
    return read_grant(json.dumps(answer).encode(), GrantFields(**fields), NOW_MS)


def jwt(claims: Any) -> str:
    middle = base64.urlsafe_b64encode(msgspec.json.encode(claims)).rstrip(b"=").decode()
    return f"eyJhbGciOiJub25lIn0.{middle}.signature"


@pytest.mark.parametrize(
    ("answer", "fields"),
    [
        ({"access_token": "t"}, {}),
        ({"token": "t"}, {}),
        ({"id_token": "t"}, {}),
        ({"id_token": "x", "token": "t"}, {}),
        ({"access_token": "x", "ticket": "t"}, {"token": "ticket"}),
        ({"access_token": "t", "ticket": 5}, {"token": "ticket"}),
        ({"data": {"token": "t"}}, {"token": "data.token"}),
        ({"data.token": "t", "data": {"token": "x"}}, {"token": "data.token"}),
        ({"access_token": "Bearer t"}, {}),
        ({"access_token": " t\n"}, {}),
    ],
)
def test_the_token_is_found(answer: Any, fields: dict[str, str]) -> None:
    assert grant(answer, **fields).token == "t"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no json",
        b"[]",
        b'"t"',
        b"null",
        b"{}",
        b'{"access_token": ""}',
        b'{"access_token": null}',
        b'{"access_token": "a b"}',
        b'{"access_token": "a\\r\\nx: y"}',
        '{"token": "é"}'.encode(),
        b"\xff",
        b"[" * 100_000,
        b'{"token": "' + b"x" * 20_000 + b'"}',
    ],
)
def test_what_has_no_token_that_can_be_sent_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedGrant) as caught:
        read_grant(body, GrantFields(), NOW_MS)
    assert str(caught.value) == ""
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("answer", "expires_ms"),
    [
        ({"expires_in": 60}, NOW_MS + 60_000),
        ({"expires_in": "60"}, NOW_MS + 60_000),
        ({"expires_in": 0.5}, NOW_MS + 500),
        ({"expiresAt": NOW_MS + 5}, NOW_MS + 5),
        ({"expiresAt": str(NOW_MS + 5)}, NOW_MS + 5),
        ({"expiresAt": NOW_S + 5}, NOW_MS + 5000),
        ({"expires_in": 60, "expiresAt": NOW_MS + 5}, NOW_MS + 60_000),
        ({"access_token": jwt({"exp": NOW_S + 7})}, NOW_MS + 7000),
        ({"access_token": jwt({"exp": NOW_S + 7}), "expiresAt": NOW_MS + 5}, NOW_MS + 5),
        ({"expires_in": 10**14}, NOW_MS + YEAR_MS),
        ({"expires_in": 10**15 + 1}, None),
        ({"expires_in": 10**400}, None),
        ({"expires_in": True}, None),
        ({"expires_in": "soon"}, None),
        ({"expires_in": 0}, None),
        ({"expires_in": -5}, None),
        ({"expiresAt": NOW_MS - 1}, None),
        ({"access_token": jwt({"exp": "x"})}, None),
        ({"access_token": jwt([1])}, None),
        ({"access_token": "a.!!.c"}, None),
        ({}, None),
    ],
)
def test_the_expiry_is_the_first_that_is_told(answer: dict[str, Any], expires_ms: int | None) -> None:
    assert grant({"access_token": "t", **answer}).expires_ms == expires_ms


def test_the_lifetime_s_field_has_the_name_that_was_chosen() -> None:
    answer = {"token": "t", "expires_in": 1, "info": {"ttl": 9}}
    assert grant(answer, expires_in="info.ttl").expires_ms == NOW_MS + 9000


def test_a_token_is_in_no_repr() -> None:
    assert "planted" not in repr(grant({"token": "planted"}))


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(st.dictionaries(st.sampled_from(["access_token", "expires_in", "expiresAt", "token"]), _json))
def test_whatever_comes_is_a_grant_in_the_future_or_malformed(answer: dict[str, Any]) -> None:
    try:
        found = grant(answer)
    except MalformedGrant:
        return
    assert found.token
    assert found.expires_ms is None or NOW_MS <= found.expires_ms <= NOW_MS + YEAR_MS
