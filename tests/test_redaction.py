"""Masks: what must never be told, and honest text that must survive."""

import re
import sys
from collections.abc import Generator
from enum import StrEnum
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mix2api.redaction import (
    BODY_LIMIT,
    MASK,
    TEXT_LIMIT,
    is_secret_field,
    place_of,
    place_of_frame,
    redact_body,
    redact_fields,
    redact_text,
    redact_url,
    redact_value,
)
from mix2api.settings import load_settings
from mix2api.steps import at_once

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"

SECRETS = [
    ("authorization: Bearer abcdef", "abcdef"),
    ("Authorization: Basic dXNlcjpwdw==", "dXNlcjpwdw"),
    ('{"Authorization": "Bearer abc.def"}', "abc.def"),
    ("the header was bearer s3cret-value, sorry", "s3cret-value"),
    ("Bearer plainword", "plainword"),
    (f"token {JWT} has expired", JWT[:20]),
    ("Incorrect API key provided: sk-abcdefghijkl.", "sk-abcdefghijkl"),
    ("key pk_live_abcdefgh", "pk_live_abcdefgh"),
    ("Cookie: a=b; session=deadbeef", "deadbeef"),
    ("set-cookie=sid=deadbeef; path=/", "deadbeef"),
    ("password=hunter2&x=1", "hunter2"),
    ('{"api_key": "hunter2"}', "hunter2"),
    ("x-api-key: hunter2", "hunter2"),
    ("access_token=hunter2", "hunter2"),
    ("client_secret : 'hunter2'", "hunter2"),
    ('{"sessionId":"9b2c","exchangeId":"77ff"}', "9b2c"),
    ('{"sessionId":"9b2c","exchangeId":"77ff"}', "77ff"),
    ("x-session-key: team-a", "team-a"),
    ("connect to redis://user:hunter2@host:6379/0 failed", "hunter2"),
    ("GET https://hunter2@host/ failed", "hunter2"),
    ("aws_secret_access_key = wJalrXUtnFEMI/K7MDENG", "wJalrXUtnFEMI/K7MDENG"),
    ("export AWS_ACCESS_KEY_ID=abcdefgh", "abcdefgh"),
    ("the id is AKIAIOSFODNN7EXAMPLE", "AKIAIOSFODNN7EXAMPLE"),
    ("remote: https://github.com ghp_16C7e42F292c6912E7710c838347Ae178B4a", "ghp_16C7"),
    ("github_pat_11ABCDEFG0123456789_abcdefghij", "11ABCDEFG0123456789"),
    ("glpat-abcdefghij0123456789", "abcdefghij0123456789"),
    ("xoxb-123456789012-abcdefghijkl", "123456789012-abcdefghijkl"),
    ("AIzaSyD-abcdefghijklmnopqrstuvwxyz01234", "SyD-abcdefghijklmnop"),
    ("npm_abcdefghij0123456789abcdefghij012345", "abcdefghij0123456789"),
    ("hf_abcdefghijklmnopqrstuvwxyz", "abcdefghijklmnop"),
    ('{"passphrase": "correct horse battery"}', "horse battery"),
    ("private_key: 'MIIE abc'", "MIIE abc"),
    ('{\\"password\\": \\"hunter2 three\\"}', "three"),
    ("-----BEGIN RSA PRIVATE KEY-----\nMIIEabc\n-----END RSA PRIVATE KEY-----", "MIIEabc"),
    ("-----BEGIN PRIVATE KEY-----\\nMIIEabc", "MIIEabc"),
]
HONEST = [
    "bearer token required",
    "A Bearer authentication. Please log in",
    "model mix/qwen-3-235b-instruct is not available",
    "max_tokens must be at most 8192",
    "the session has ended",
    "a trip to Asia through the npm_registry, hf_hub and xoxo",
    "-----BEGIN PUBLIC KEY-----",
    "prompt_tokens: 5 of 8",
    "run_0192837465aa0011223344556677",
    "网络错误 请稍后再试",
    "",
]


@pytest.mark.parametrize(("text", "secret"), SECRETS)
def test_a_secret_is_masked(text: str, secret: str) -> None:
    told = redact_text(text)
    assert secret not in told
    assert MASK in told


@pytest.mark.parametrize("text", HONEST)
def test_honest_text_survives(text: str) -> None:
    assert redact_text(text) == text


@pytest.mark.parametrize(("text", "secret"), SECRETS)
@given(before=st.text(max_size=40), after=st.text(max_size=40))
def test_a_secret_is_masked_wherever_it_stands(text: str, secret: str, before: str, after: str) -> None:
    assert secret not in redact_text(f"{before} {text} {after}")


def test_masking_twice_changes_nothing_more() -> None:
    for text, _ in SECRETS:
        once = redact_text(text)
        assert redact_text(once) == once


def test_text_is_cut_at_the_limit() -> None:
    assert len(redact_text("a" * 10_000)) == TEXT_LIMIT
    assert redact_text("abcdef", 4) == "abc…"
    assert redact_text("abcd", 4) == "abcd"


def test_a_secret_that_the_limit_cuts_is_seen_as_one() -> None:
    text = "x" * 480 + " Bearer " + "s3cret" * 100
    assert "s3cret" not in redact_text(text)
    assert "s3cret" not in redact_text("y" * 490 + " sk-s3cret" + "z" * 9000)


def test_known_secrets_are_masked_though_no_pattern_knows_them() -> None:
    assert redact_text("no such chat 9b2c", known=["9b2c", ""]) == f"no such chat {MASK}"


def test_a_megabyte_is_not_searched_whole() -> None:
    assert len(redact_text("Bearer " * 200_000)) == TEXT_LIMIT


@pytest.mark.parametrize(
    "name",
    [
        "authorization",
        "Authorization",
        "proxy-authorization",
        "cookie",
        "set-cookie",
        "token",
        "access_token",
        "upstream-token",
        "secret",
        "client_secret",
        "api_key",
        "x-api-key",
        "aws_secret_access_key",
        "private-key",
        "passphrase",
        "password",
        "x-session-id",
        "x-session-key",
        "session_id",
        "sessionId",
        "exchangeId",
        "upstream_session",
    ],
)
def test_a_field_of_a_secret_name_is_masked(name: str) -> None:
    assert is_secret_field(name)
    assert redact_value(name, "x") == MASK
    assert redact_value(name, 12) == MASK
    assert redact_value(name, ["x"]) == MASK
    assert redact_fields({name: "x"}) == {name: MASK}


@pytest.mark.parametrize(
    "name", ["run_id", "session", "ttft_ms", "input_tokens", "tokens", "tools_present", "key_mode"]
)
def test_other_fields_stay(name: str) -> None:
    assert redact_fields({name: 12}) == {name: 12}


def test_whether_a_secret_is_there_at_all_may_be_told() -> None:
    assert redact_fields({"token": None, "cookie": True}) == {"token": None, "cookie": True}


class Colour(StrEnum):
    RED = "red"


class Talkative:
    def __repr__(self) -> str:
        return "the prompt"


def test_values_become_plain_and_nothing_is_told_by_its_repr() -> None:
    told = redact_fields(
        {
            "colour": Colour.RED,
            "path": Path("/a/b"),
            "raw": b"prompt",
            "thing": Talkative(),
            "nested": {"token": "t", "list": ["Bearer abcdef", 1, Talkative()], 3: None},
            "share": 0.5,
        }
    )
    assert told == {
        "colour": "red",
        "path": "/a/b",
        "raw": "<6 bytes>",
        "thing": "<Talkative>",
        "nested": {"token": MASK, "list": [f"Bearer {MASK}", 1, "<Talkative>"], "3": None},
        "share": 0.5,
    }


def test_deep_nesting_is_masked_instead_of_followed() -> None:
    deep: list[object] = ["Bearer abcdef"]
    for _ in range(5000):
        deep = [deep]
    assert "abcdef" not in str(redact_value("x", deep))


def test_one_suspicious_field_does_not_hide_the_others() -> None:
    told = redact_fields({"a": "fine", "b": "Bearer abcdef", "c": "x" * 600})
    assert told["a"] == "fine"
    assert told["b"] == f"Bearer {MASK}"
    assert len(str(told["c"])) == TEXT_LIMIT


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("redis://host:6379/0", "redis://host:6379/0"),
        ("redis://user:pw@host/0?password=pw", f"redis://{MASK}@host/0?{MASK}"),
        ("rediss://:pw@[::1]:6380", f"rediss://{MASK}@[::1]:6380"),
        ("unix://user:pw@/run/redis.sock?db=2", f"unix://{MASK}@/run/redis.sock?{MASK}"),
        ("https://host/a#b", "https://host/a"),
        ("user:pw@host", MASK),
        ("redis:pw", MASK),
        ("http://host:port/", MASK),
        ("http://[::1", MASK),
        ("hunter2", MASK),
    ],
)
def test_a_url_is_told_without_its_secrets(url: str, told: str) -> None:
    assert redact_url(url) == told


def _caught(raiser: object) -> BaseException:
    try:
        raiser()  # type: ignore[operator]
    except BaseException as fault:  # noqa: BLE001 - any fault is what the tests want
        return fault
    raise AssertionError("nothing was raised")


def test_an_exception_is_told_by_class_and_place() -> None:
    fault = _caught(lambda: load_settings({"PORT": "the prompt"}, None))
    place = place_of(fault)
    assert place.error == "ConfigurationError"
    assert place.at.startswith("mix2api/settings/loading.py:")
    assert "prompt" not in str(place)


def test_an_exception_without_our_frames_says_so() -> None:
    assert place_of(ValueError("the prompt")).at == "none"


def test_a_group_is_told_by_its_leaves() -> None:
    leaf = _caught(lambda: load_settings({"PORT": "x"}, None))
    group = ExceptionGroup("two", [leaf, ExceptionGroup("inner", [KeyError("x")])])
    place = place_of(group)
    assert place.error == "ConfigurationError+KeyError"
    assert place.at.startswith("mix2api/settings/loading.py:")


def test_the_place_of_a_frame_is_our_own_part_of_its_stack() -> None:
    def work(depth: int) -> Generator[None, None, str]:
        return place_of_frame(sys._getframe()) if depth == 0 else at_once(work(depth - 1))
        yield

    assert re.fullmatch(r"mix2api/steps\.py:\d+", at_once(work(0)))
    assert re.fullmatch(r"mix2api/steps\.py:\d+(>mix2api/steps\.py:\d+){3}", at_once(work(9)))


def test_a_stack_without_a_frame_of_ours_has_no_place() -> None:
    assert place_of_frame(sys._getframe()) == "none"
    assert place_of_frame(None) == "none"


def test_a_body_is_told_in_pieces_that_no_line_cuts() -> None:
    told = redact_body(b"a" * 100_000)
    assert len("".join(told)) == BODY_LIMIT
    assert max(map(len, told)) <= 500
    assert redact_body(b"") == []
