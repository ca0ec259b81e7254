"""Errors of sites, in every shape that frameworks give them."""

from typing import Any

import pytest

from mix2api.upstreams.port import Failed
from mix2api.upstreams.site_errors import SiteError, error_in_text, error_of, failed, refusal, words_of
from mix2api.vocabulary import Detail, EndReason


@pytest.mark.parametrize(
    ("said", "message", "status"),
    [
        ({"error": {"message": "no", "code": "bad", "type": "x"}}, "no", None),
        ({"error": "no"}, "no", None),
        ({"error": {"message": "no", "code": 429}}, "no", 429),
        ({"error": {"message": "no", "status": "429"}}, "no", 429),
        ({"error": {"metadata": {}}}, "", None),
        ({"errors": [{"message": "no"}]}, "no", None),
        ({"code": 401, "message": "token expired", "data": None}, "token expired", 401),
        ({"code": "401", "msg": "token expired"}, "token expired", 401),
        ({"code": 401}, "", 401),
        ({"statusCode": 403, "message": "Forbidden", "error": "Forbidden"}, "Forbidden", 403),
        ({"status": "error", "message": "no"}, "no", None),
        ({"detail": "Not authenticated"}, "Not authenticated", None),
        ({"detail": [{"loc": ["body", "x"], "msg": "field required"}]}, "field required", None),
        ({"detail": {"error": {"message": "no", "code": 504}}}, "no", 504),
        ({"msg": "no"}, "no", None),
        ({"errcode": 40001, "errmsg": "invalid credential"}, "invalid credential", None),
        ({"error_code": 17, "error_msg": "daily limit"}, "daily limit", None),
        ({"success": False, "code": 0, "message": "no"}, "no", None),
        ({"error": '{"error":{"message":"inner","code":400}}'}, "inner", 400),
        ({"error": '{"no": "text"}'}, '{"no": "text"}', None),
        ({"error": "{ no json"}, "{ no json", None),
        ({"success": False, "data": None, "errMsg": "no"}, "no", None),
        ({"ErrorCode": 429, "Err_Msg": "no"}, "no", 429),
        ({"base_resp": {"status_code": 401, "status_msg": "no"}}, "no", 401),
        ({"errorText": '{"code":401,"msg":"no"}'}, "no", 401),
        ({"error": '{"error":"{\\"error\\":{\\"message\\":\\"no\\"}}"}'}, "no", None),
    ],
)
def test_an_error_is_read_in_its_shape(said: Any, message: str, status: int | None) -> None:
    error = error_of(said)
    assert error is not None
    assert (error.message, error.status) == (message, status)


@pytest.mark.parametrize(
    "said",
    [
        None,
        5,
        "a text",
        [],
        {},
        {"error": None},
        {"error": False},
        {"error": ""},
        {"code": 0, "msg": "ok"},
        {"code": 200, "message": "success"},
        {"status": "ok", "message": "ready"},
        {"data": {"message": "no"}},
        {"code": 10013},
    ],
)
def test_what_reports_no_error_is_none(said: Any) -> None:
    assert error_of(said) is None


def test_wrapping_without_end_is_not_followed() -> None:
    said: Any = "deep"
    for _ in range(9):
        said = {"error": said}
    assert words_of(said) == SiteError("")


def test_the_json_in_a_text_is_read_and_other_text_is_itself() -> None:
    assert error_in_text('{"message":"no","code":429}') == SiteError("no", 429, "429")
    assert error_in_text('{"a":1}') == SiteError('{"a":1}')
    assert error_in_text("no") == SiteError("no")


def test_an_error_in_an_answer_has_the_meaning_of_its_codes_too() -> None:
    assert failed(SiteError("no", None, "context_length_exceeded")) == Failed("no", Detail.CONTEXT_LENGTH)
    assert failed(SiteError("no")) == Failed("no", Detail.ERROR_FRAME)
    assert failed(SiteError("slow down", 429)) == Failed("slow down", Detail.ERROR_FRAME, 429)


@pytest.mark.parametrize(
    ("failure", "status", "started", "reason", "detail", "taken"),
    [
        (Failed("no"), 401, False, EndReason.UPSTREAM_AUTH_ERROR, Detail.STATUS, False),
        (Failed("quota", Detail.QUOTA), 403, False, EndReason.UPSTREAM_AUTH_ERROR, Detail.STATUS, False),
        (Failed("no"), 401, True, EndReason.UPSTREAM_AUTH_ERROR, Detail.STATUS, True),
        (Failed("no"), 429, False, EndReason.UPSTREAM_ERROR, Detail.STATUS, False),
        (Failed("no"), 500, False, EndReason.UPSTREAM_ERROR, Detail.STATUS, True),
        (
            Failed("x", Detail.CONTEXT_LENGTH),
            500,
            False,
            EndReason.UPSTREAM_ERROR,
            Detail.CONTEXT_LENGTH,
            True,
        ),
    ],
)
def test_a_refusal_is_the_fault_of_its_status_and_its_meaning(
    failure: Failed,
    status: int,
    started: bool,  # noqa: FBT001
    reason: EndReason,
    detail: Detail,
    taken: bool,  # noqa: FBT001
) -> None:
    fault = refusal(failure, status, started=started, retry_after_s=3)
    assert (fault.end_reason, fault.detail, fault.taken) == (reason, detail, taken)
    assert (fault.message, fault.status, fault.retry_after_s) == (failure.message, status, 3)
