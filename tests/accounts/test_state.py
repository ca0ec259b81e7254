"""The states of an account: the table, the times of probes, and the text that the store keeps."""

from itertools import product
from typing import Final

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from mix2api.accounts.hints import ResetHint
from mix2api.accounts.state import TRANSITIONS, AccountState, Evidence, Status, decoded, encoded, judged

NOW: Final = 1_800_000_000_000
DAY: Final = 86_400_000


@pytest.mark.parametrize(("status", "seen"), list(product(Status, Evidence)))
def test_every_pair_follows_the_table(status: Status, seen: Evidence) -> None:
    state = AccountState(status=status)
    becomes = TRANSITIONS.get((status, seen))
    assert judged(state, seen, NOW).status is (status if becomes is None else becomes)


@pytest.mark.parametrize("status", Status)
def test_a_bad_request_changes_nothing(status: Status) -> None:
    state = AccountState(status=status)
    assert judged(state, Evidence.BAD_REQUEST, NOW) is state


@pytest.mark.parametrize("seen", [Evidence.SUCCESS, Evidence.LIMITED, Evidence.REFUSED, Evidence.FAILING])
def test_no_call_brings_back_what_an_operator_disabled(seen: Evidence) -> None:
    state = judged(AccountState(), Evidence.DISABLE, NOW)
    assert judged(state, seen, NOW + 1) is state


def test_a_hint_of_days_is_tried_within_a_quarter_of_an_hour() -> None:
    state = AccountState()
    for failures in range(1, 20):
        state = judged(state, Evidence.LIMITED, NOW, ResetHint(NOW + 18 * DAY, is_quota=True))
        assert (state.reason, state.until_ms, state.failures) == ("quota", NOW + 18 * DAY, failures)
        assert NOW < state.probe_ms <= NOW + 900_000
    assert judged(state, Evidence.SUCCESS, NOW + 5) == AccountState(reason="success", since_ms=NOW + 5)


def test_a_near_hint_is_the_time_of_the_probe() -> None:
    state = judged(AccountState(), Evidence.LIMITED, NOW, ResetHint(NOW + 2000, is_quota=False))
    assert (state.probe_ms, state.reason) == (NOW + 2000, "burst")
    assert judged(AccountState(), Evidence.LIMITED, NOW).reason == "limited"


def test_an_announced_end_that_proves_too_early_is_believed_less_each_time() -> None:
    state, waits = AccountState(), []
    for _ in range(5):
        state = judged(state, Evidence.LIMITED, NOW, ResetHint(NOW, is_quota=False))
        waits.append(state.probe_ms - NOW)
    assert waits == [0, 1000, 2000, 4000, 8000]
    assert state.until_ms == NOW
    honest = judged(state, Evidence.LIMITED, NOW, ResetHint(NOW + 20_000, is_quota=False))
    assert honest.probe_ms == NOW + 20_000


def test_a_half_open_account_waits_longer_after_each_failure() -> None:
    state = judged(AccountState(), Evidence.FAILING, NOW)
    again = judged(state, Evidence.FAULT, NOW)
    assert state.probe_ms - NOW == 30_000
    assert again.probe_ms - NOW == 60_000
    assert again.since_ms == state.since_ms == NOW


def test_what_an_operator_set_survives_evidence() -> None:
    state = AccountState(is_drained=True, weight=7)
    for seen in (Evidence.LIMITED, Evidence.SUCCESS, Evidence.REFUSED, Evidence.RESET):
        state = judged(state, seen, NOW)
        assert state.is_drained
        assert state.weight == 7


def test_a_repeat_of_success_is_the_same_state() -> None:
    state = AccountState()
    assert judged(state, Evidence.SUCCESS, NOW) is state


@given(
    status=st.sampled_from(Status),
    probe_ms=st.integers(0, 2 * NOW),
    drained=st.booleans(),
    weight=st.none() | st.integers(1, 1000),
    failures=st.integers(0, 99),
)
def test_what_is_kept_is_read_again(
    *, status: Status, probe_ms: int, drained: bool, weight: int | None, failures: int
) -> None:
    state = evolve(AccountState(), status=status, probe_ms=probe_ms, is_drained=drained, weight=weight)
    state = evolve(state, failures=failures)
    assert decoded(encoded(state)) == state


@pytest.mark.parametrize("text", ["", "valid", "planted 0 0 - 0 0 0 -", "valid x 0 - 0 0 0 -"])
def test_what_no_process_wrote_is_no_state(text: str) -> None:
    assert decoded(text) is None
