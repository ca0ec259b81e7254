"""Which errors say that the token is no good."""

import pytest

from mix2api.upstreams.credentials.refusals import (
    TokenRefusal,
    refusal_of_event,
    refusal_of_fault,
    speaks_of_token,
)
from mix2api.upstreams.port import Failed, Text, UpstreamFault
from mix2api.vocabulary import Detail, EndReason


@pytest.mark.parametrize(
    "message",
    [
        "invalid token",
        "Invalid access token.",
        "invalid_token",
        "token_invalid",
        "TOKEN_EXPIRED",
        "The access token expired",
        "the token is missing or has expired",
        "the token is missing or expired",
        "Token has expired, please log in again",
        "jwt expired",
        "JWT is not valid",
        "Invalid or expired token",
        "expired credentials",
        "auth token is no longer valid",
        "Unauthorized",
        "401 Unauthorised",
        "unauthenticated",
        "login required",
        "log-in expired",
    ],
)
def test_a_refused_token_is_recognised(message: str) -> None:
    assert speaks_of_token(message)


@pytest.mark.parametrize(
    "message",
    [
        "",
        "model refused to start",
        "context_length_exceeded: the session may hold 128000 tokens",
        "maximum tokens exceeded",
        "invalid tokenizer",
        "max_tokens is invalid",
        "no such session",
        "the session has expired",
        "rate limit reached for tokens per minute",
        "x" * 600 + " invalid token",
    ],
)
def test_other_errors_are_not(message: str) -> None:
    assert not speaks_of_token(message)


def fault(reason: EndReason, status: int | None, message: str, *, taken: bool) -> UpstreamFault:
    return UpstreamFault(reason, Detail.STATUS, message, status=status, taken=taken)


def test_401_and_403_are_refusals_whatever_they_say() -> None:
    refused = refusal_of_fault(fault(EndReason.UPSTREAM_AUTH_ERROR, 403, "no", taken=False))
    assert refused == TokenRefusal(message="no", detail=Detail.STATUS, status=403, taken=False)


def test_other_client_errors_are_refusals_if_they_speak_of_the_token() -> None:
    assert refusal_of_fault(fault(EndReason.UPSTREAM_ERROR, 400, "invalid token", taken=True)) is not None
    assert refusal_of_fault(fault(EndReason.UPSTREAM_ERROR, 400, "bad field", taken=True)) is None
    assert refusal_of_fault(fault(EndReason.UPSTREAM_ERROR, 500, "invalid token", taken=True)) is None


def test_an_error_frame_is_a_refusal_if_it_speaks_of_the_token_and_the_turn_may_have_been_taken() -> None:
    refused = refusal_of_event(Failed("token expired"), 200)
    assert refused is not None
    assert (refused.detail, refused.status, refused.taken) == (Detail.ERROR_FRAME, 200, True)
    assert refusal_of_event(Failed("overloaded"), 200) is None
    assert refusal_of_event(Text("token expired"), 200) is None
