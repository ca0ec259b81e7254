"""The error tree: what a client is told."""

import pytest

from mix2api import errors
from mix2api.errors import ClientVisibleError, ErrorBody, InvalidRequest, Overloaded, StoreUnavailable
from mix2api.vocabulary import Detail, EndReason

VISIBLE = [
    each
    for each in vars(errors).values()
    if isinstance(each, type) and issubclass(each, ClientVisibleError) and each is not ClientVisibleError
]


def test_an_error_has_openai_s_four_fields() -> None:
    error = InvalidRequest("no such role", param="messages[0].role")
    assert error.body() == ErrorBody(
        message="no such role", type="invalid_request_error", code="invalid_request", param="messages[0].role"
    )


def test_a_code_of_its_own_goes_before_the_class_s() -> None:
    assert InvalidRequest("x", code="tool_call_id_mismatch").body().code == "tool_call_id_mismatch"


def test_our_own_limits_say_which_and_when_to_come_back() -> None:
    error = Overloaded("too many", detail=Detail.QUEUE, retry_after_s=7)
    assert (error.detail, error.retry_after_s, error.status) == (Detail.QUEUE, 7, 429)
    assert Overloaded("none", detail=Detail.NO_OWNER).status == 503
    assert StoreUnavailable().retry_after_s == 1


@pytest.mark.parametrize("error", VISIBLE)
def test_every_error_has_a_status_a_code_and_a_reason(error: type[ClientVisibleError]) -> None:
    assert 400 <= error.status <= 599
    assert error.code
    assert error.end_reason is not EndReason.UNKNOWN
