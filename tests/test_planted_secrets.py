"""Secrets planted in every place that a log line, an error or a metric can be made of: none of them comes out."""

import io
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kept_logging import kept_logging
from msgspec.structs import replace
from projections.test_traffic import ASKED, ENDED

from mix2api.edge.refusals import EdgeFault
from mix2api.logs import configure_logging
from mix2api.metrics.exposition import exposition
from mix2api.projections.traffic import Traffic
from mix2api.redaction import BODY_LIMIT, place_of, redact_body, redact_text, redact_value
from mix2api.settings import LogFormat, LogLevel

SECRETS = st.text("abcdefghijkmnpqrstuvwxyzABCDEFGHIJKLMNPQRSTUVWXYZ23456789", min_size=12, max_size=40).map(
    "zQ7".__add__
)
"""No word of any honest text."""
NAMES = st.sampled_from(
    [
        "authorization",
        "X-Api-Key",
        "cookie",
        "access_token",
        "client_secret",
        "password",
        "sessionId",
        "set-cookie",
    ]
)
FORMS: list[Callable[[str], str]] = [
    "Authorization: Bearer {}".format,
    "x-api-key: {}".format,
    "password={}&x=1".format,
    "https://user:{}@host/path".format,
    "https://host/path?access_token={}".format,
    "Cookie: a=b; sid={}".format,
    "the bearer {} was refused".format,
    "key sk-{} is unknown".format,
    lambda secret: json.dumps({"api_key": secret}),
    lambda secret: json.dumps({"a": [{"client_secret": secret}]}),
    lambda secret: json.dumps({"arguments": json.dumps({"password": secret})}),
    lambda secret: json.dumps({"a": json.dumps({"b": json.dumps({"authorization": "Bearer " + secret})})}),
    lambda secret: json.dumps({"sessionId": secret}, indent=2),
]


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    with kept_logging():
        yield


def logged(log_format: LogFormat, tell: Callable[[Any], None]) -> str:
    out = io.StringIO()
    tell(configure_logging(log_format, LogLevel.DEBUG, out, {"role": "serve"}))
    return out.getvalue()


def nested(name: str, value: object, depth: int) -> object:
    for level in range(depth):
        value = {name: value} if level == 0 else [value] if level % 2 else {"inner": value}
    return value


@given(secret=SECRETS, name=NAMES, depth=st.integers(1, 9))
def test_a_field_of_a_secret_name_is_masked_however_deep_it_lies(secret: str, name: str, depth: int) -> None:
    assert secret not in str(redact_value("facts", nested(name, secret, depth)))


@given(secret=SECRETS, form=st.sampled_from(FORMS), before=st.text(max_size=60), after=st.text(max_size=60))
def test_a_secret_in_text_is_masked_whatever_stands_around_it(
    secret: str, form: Callable[[str], str], before: str, after: str
) -> None:
    assert secret not in redact_text(f"{before}\n{form(secret)}\n{after}")


@given(secret=SECRETS, form=st.sampled_from(FORMS), filler=st.integers(0, BODY_LIMIT))
def test_a_secret_in_a_body_is_masked_wherever_the_body_is_cut(
    secret: str, form: Callable[[str], str], filler: int
) -> None:
    told = redact_body(("x " * (filler // 2) + form(secret)).encode())
    assert secret not in "".join(told)
    assert len("".join(told)) <= BODY_LIMIT


@pytest.mark.parametrize("log_format", LogFormat)
@given(secret=SECRETS, name=NAMES, form=st.sampled_from(FORMS))
def test_no_line_has_a_planted_secret_in_any_format(
    log_format: LogFormat, secret: str, name: str, form: Callable[[str], str]
) -> None:
    def tell(logger: Any) -> None:
        logger.info("debug.headers", headers={name: secret, "x-note": form(secret)})
        logger.info("debug.body", body=redact_body(form(secret).encode()))
        logger.warning(form(secret), **{name: secret, "why": form(secret)})
        logger.error("adapter.fault", exc_info=ValueError(form(secret)))

    assert secret not in logged(log_format, tell)


@pytest.mark.parametrize("library", ["hypercorn.error", "quart.app", "redis", "h11", "httpx", "asyncio"])
@given(secret=SECRETS, form=st.sampled_from(FORMS))
def test_no_library_says_a_planted_secret(library: str, secret: str, form: Callable[[str], str]) -> None:
    def tell(_logger: Any) -> None:
        theirs = logging.getLogger(library)
        theirs.warning(form(secret))
        theirs.error("request %s failed: %r", form(secret), {"headers": secret})
        theirs.info(form(secret))
        try:
            raise KeyError(secret)
        except KeyError:
            theirs.exception("failed")

    assert secret not in logged(LogFormat.JSON, tell)


def _fails(secret: str) -> None:
    try:
        raise ValueError(secret)
    except ValueError as cause:
        raise ExceptionGroup(secret, [RuntimeError(secret), OSError(5, secret)]) from cause


@given(secret=SECRETS)
def test_no_exception_tells_a_planted_secret(secret: str) -> None:
    with pytest.raises(ExceptionGroup) as raised:
        _fails(secret)
    assert secret not in str(place_of(raised.value))
    assert secret not in str(EdgeFault.of(raised.value))


@given(secret=SECRETS)
def test_no_metric_label_is_a_planted_secret(secret: str) -> None:
    traffic = Traffic()
    traffic.add_entry(
        replace(ASKED, client=secret, model=secret, request_id=secret), replace(ENDED, detail=secret)
    )
    assert secret.encode() not in exposition(traffic)
