"""The table of endings."""

import pytest

from mix2api.endings import ENDINGS, given_up_for, status_of
from mix2api.vocabulary import SUCCESSES, Detail, EndReason, Fault


def test_every_reason_has_a_row() -> None:
    assert set(ENDINGS) == set(EndReason)


def test_successes_are_nobody_s_fault_and_have_status_200() -> None:
    assert {reason for reason, row in ENDINGS.items() if row.fault is Fault.NOBODY} == SUCCESSES
    assert {reason for reason, row in ENDINGS.items() if row.status == 200} == SUCCESSES


def test_every_failure_has_a_code_of_its_own_and_a_status_of_its_fault() -> None:
    failures = {reason: row for reason, row in ENDINGS.items() if reason not in SUCCESSES}
    assert len({row.words.code for row in failures.values()}) == len(failures)
    for row in failures.values():
        assert (400 <= row.status < 500) is (row.fault is Fault.CLIENT)


@pytest.mark.parametrize(
    ("reason", "detail", "status"),
    [
        (EndReason.OVERLOADED, Detail.QUEUE, 429),
        (EndReason.OVERLOADED, Detail.DEADLINE, 429),
        (EndReason.OVERLOADED, Detail.DRAIN, 503),
        (EndReason.UPSTREAM_ERROR, Detail.QUEUE, 502),
        (EndReason.TIMEOUT, None, 504),
    ],
)
def test_too_much_at_once_is_a_429(reason: EndReason, detail: str | None, status: int) -> None:
    assert status_of(reason, detail) == status


@pytest.mark.parametrize(
    ("cause", "reason"),
    [
        (Detail.HUNG_UP, EndReason.CLIENT_ABORT),
        (Detail.STALLED, EndReason.CLIENT_ABORT),
        (Detail.DRAIN, EndReason.OVERLOADED),
        (Detail.EDGE_LOST, EndReason.WORKER_LOST),
    ],
)
def test_only_the_client_s_own_going_away_is_an_abort(cause: Detail, reason: EndReason) -> None:
    assert given_up_for(cause) is reason
