"""The answer where no account can serve a call: when the first one may, and what keeps each. Pure."""

import math
from collections.abc import Mapping
from typing import Final

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


def exhausted(states: Mapping[str, AccountState], now_ms: int, *, named: bool) -> UpstreamFault:
    """The 429.

    Args:
        states: of the accounts that the file allows for the call.
        now_ms: Unix time.
        named: whether the client may read account ids; else accounts are numbered.
    """
    reasons: list[str] = []
    waits = [_NEVER_S]
    for number, (account, state) in enumerate(states.items(), 1):
        wait_s, reason = _wait(state, now_ms)
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


def _wait(state: AccountState, now_ms: int) -> tuple[int | None, str]:
    """Seconds until the account may serve, None if nobody knows; and what keeps it."""
    match state.status:
        case Status.DISABLED:
            return None, state.status.value
        case Status.VALID:
            return (None, "drained") if state.is_drained else (_FAILED_S, "failed")
    wait_s = max(1, math.ceil((state.probe_ms - now_ms) / 1000))
    return wait_s, f"{state.status} for {wait_s} s"
