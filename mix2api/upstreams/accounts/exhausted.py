"""The answer where no account can serve a call: when the first one may, and what keeps each. Pure."""

import math
from typing import Final

from mix2api.accounts.port import Exhausted
from mix2api.accounts.state import AccountState, Status
from mix2api.upstreams.port import UpstreamFault
from mix2api.vocabulary import Detail, EndReason

_FAILED_S: Final = 1
"""An account that failed this call alone may serve the next one."""
_NEVER_S: Final = 600
"""Where only an operator can help: often enough to notice that he has."""
_SHOWN: Final = 10
"""Accounts that are named; a message has 500 characters."""
_TOO_MANY: Final = 429


def exhausted(choice: Exhausted, now_ms: int, *, named: bool) -> UpstreamFault:
    """The 429.

    Args:
        choice: what is known of the accounts that the file allows for the call.
        now_ms: Unix time.
        named: whether the client may read account ids; else accounts are numbered.
    """
    reasons: list[str] = []
    waits = [_NEVER_S]
    for number, (account, state) in enumerate(choice.states.items(), 1):
        wait_s, reason = _wait(state, choice.limits.get(account), now_ms)
        if wait_s is not None:
            waits.append(wait_s)
        reasons.append(f"{account if named else number}: {reason}")
    more = f", and {len(reasons) - _SHOWN} more" if len(reasons) > _SHOWN else ""
    told = ", ".join(reasons[:_SHOWN]) + more if reasons else "none for this model"
    return UpstreamFault(
        EndReason.UPSTREAM_ERROR,
        Detail.RATE_LIMIT,
        f"no account can serve this request ({told})",
        status=_TOO_MANY,
        retry_after_s=min(waits),
        taken=False,
    )


def _wait(state: AccountState, limit: AccountState | None, now_ms: int) -> tuple[int | None, str]:
    """Seconds until the account may serve, None if nobody knows; and what keeps it.

    Args:
        state: of the account.
        limit: of the call's model on this account, if it has one.
        now_ms: Unix time.
    """
    if state.status is Status.DISABLED:
        return None, state.status.value
    if state.status is not Status.VALID and (limit is None or state.probe_ms >= limit.probe_ms):
        wait_s = _seconds_to(state.probe_ms, now_ms)
        return wait_s, f"{state.status} for {wait_s} s"
    if limit is not None and limit.probe_ms > now_ms:
        wait_s = _seconds_to(limit.probe_ms, now_ms)
        return wait_s, f"limited for this model for {wait_s} s"
    return (None, "drained") if state.is_drained else (_FAILED_S, "failed")


def _seconds_to(at_ms: int, now_ms: int) -> int:
    return max(1, math.ceil((at_ms - now_ms) / 1000))
