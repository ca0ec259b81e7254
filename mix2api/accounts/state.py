"""The state of an account, and how evidence changes it: one table. Pure: the wall clock comes in.

An account that is `limited`, `error` or `invalid` comes back by evidence. From `probe_ms` on, one call may try it; a success
makes the account valid, another failure sets a later time. The announced end of a limit is only the latest such time.
"""

from enum import StrEnum
from typing import Final

from attrs import evolve, frozen

from mix2api.accounts.hints import ResetHint


class Status(StrEnum):
    """What is known of an account."""

    VALID = "valid"
    LIMITED = "limited"
    """It answered 429: too many calls for now."""
    INVALID = "invalid"
    """It refused its credential."""
    ERROR = "error"
    """Its circuit breaker is open: too many of its calls failed."""
    DISABLED = "disabled"
    """An operator took it out."""


class Evidence(StrEnum):
    """What was seen of an account."""

    SUCCESS = "success"
    LIMITED = "limited"
    REFUSED = "refused"
    """401 or 403, also with the credential as it was read again."""
    FAILING = "failing"
    """The circuit breaker opens: 5xx, timeouts, cut streams."""
    FAULT = "fault"
    """One such failure, with the breaker closed."""
    BAD_REQUEST = "bad_request"
    """The caller's fault, which tells nothing of the account."""
    DISABLE = "disable"
    ENABLE = "enable"
    RESET = "reset"


_OF_CALLS: Final = {
    Evidence.SUCCESS: Status.VALID,
    Evidence.LIMITED: Status.LIMITED,
    Evidence.REFUSED: Status.INVALID,
    Evidence.FAILING: Status.ERROR,
}
_OF_OPERATORS: Final = {
    Evidence.DISABLE: Status.DISABLED,
    Evidence.ENABLE: Status.VALID,
    Evidence.RESET: Status.VALID,
}
TRANSITIONS: Final[dict[tuple[Status, Evidence], Status]] = {
    # A call that began before an operator's word says nothing against it.
    **{
        (status, seen): becomes
        for status in Status
        if status is not Status.DISABLED
        for seen, becomes in _OF_CALLS.items()
    },
    # A half-open account that fails once more opens its breaker again; the other states keep their own reason.
    (Status.ERROR, Evidence.FAULT): Status.ERROR,
    **{(status, seen): becomes for status in Status for seen, becomes in _OF_OPERATORS.items()},
}
"""(status, evidence) -> status. A pair without a row changes nothing."""

_FIRST_PROBE_MS: Final = {Status.LIMITED: 60_000, Status.ERROR: 30_000, Status.INVALID: 600_000}
"""Rate limits are mostly a minute long; a server restarts in half a minute; a credential is renewed by people."""
_LONGEST_PROBE_MS: Final = 900_000
"""A stale hint of days costs a quarter of an hour at most, and a dead account four failed calls an hour."""
_DOUBT_MS: Final = 1000
"""The least wait after an announced end that proved too early, doubled with each further one. Some upstreams announce 0 s for
as long as a limit lasts; each call would then be put to them first."""
_DOUBLINGS: Final = 10


@frozen(kw_only=True)
class AccountState:
    """What all processes know of one account."""

    status: Status = Status.VALID
    reason: str = "-"
    """A word: the evidence, `burst` or `quota`."""
    probe_ms: int = 0
    """Unix time from which one call may try the account."""
    until_ms: int = 0
    """Unix time that the upstream announced as the limit's end; 0: none."""
    failures: int = 0
    """Failures in a row since the account left `valid`."""
    since_ms: int = 0
    """Unix time of the last change of status."""
    is_drained: bool = False
    """No key is bound to it any more; bound keys stay."""
    weight: int | None = None
    """An operator's, instead of the file's."""


def judged(state: AccountState, seen: Evidence, now_ms: int, hint: ResetHint | None = None) -> AccountState:
    """The state after some evidence; the same object where the evidence changes nothing.

    Args:
        state: before.
        seen: the evidence.
        now_ms: Unix time.
        hint: the announced end of a limit.
    """
    becomes = TRANSITIONS.get((state.status, seen))
    if becomes is None or (becomes is state.status and becomes not in _FIRST_PROBE_MS):
        return state
    since_ms = state.since_ms if becomes is state.status else now_ms
    if becomes not in _FIRST_PROBE_MS:
        cleared = AccountState(status=becomes, reason=seen.value, since_ms=since_ms)
        return evolve(cleared, is_drained=state.is_drained, weight=state.weight)
    failures = state.failures + 1 if becomes is state.status else 1
    pause_ms = min(_LONGEST_PROBE_MS, _FIRST_PROBE_MS[becomes] << min(failures - 1, _DOUBLINGS))
    until_ms = hint.at_ms if hint is not None and becomes is Status.LIMITED else 0
    if until_ms:
        doubt_ms = 0 if failures == 1 else _DOUBT_MS << min(failures - 2, _DOUBLINGS)
        pause_ms = min(pause_ms, max(until_ms - now_ms, doubt_ms))
    return evolve(
        state,
        status=becomes,
        reason=_reason(seen, hint),
        probe_ms=now_ms + pause_ms,
        until_ms=until_ms,
        failures=failures,
        since_ms=since_ms,
    )


def _reason(seen: Evidence, hint: ResetHint | None) -> str:
    if seen is not Evidence.LIMITED or hint is None:
        return seen.value
    return "quota" if hint.is_quota else "burst"


def encoded(state: AccountState) -> str:
    """The state as the store keeps it: words with a space between, so that a script reads the first five."""
    weight = "-" if state.weight is None else str(state.weight)
    words = (state.status, state.probe_ms, int(state.is_drained), weight, state.until_ms)
    return " ".join(map(str, (*words, state.failures, state.since_ms, state.reason)))


def decoded(text: str) -> AccountState | None:
    """The state that was kept; None if no process wrote it."""
    try:
        status, probe_ms, drained, weight, until_ms, failures, since_ms, reason = text.split(" ")
        return AccountState(
            status=Status(status),
            probe_ms=int(probe_ms),
            is_drained=drained == "1",
            weight=None if weight == "-" else int(weight),
            until_ms=int(until_ms),
            failures=int(failures),
            since_ms=int(since_ms),
            reason=reason,
        )
    except ValueError:
        return None
