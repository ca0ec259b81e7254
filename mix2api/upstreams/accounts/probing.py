"""Asks an account's upstream for its models, which costs nothing, to learn whether the account can serve."""

from typing import Final

from attrs import frozen

from mix2api.accounts.account import Account, AccountType
from mix2api.accounts.hints import ResetHint
from mix2api.accounts.state import Evidence
from mix2api.upstreams.accounts.evidence import of_fault
from mix2api.upstreams.http.client import HttpClient
from mix2api.upstreams.http.head import HttpRequest
from mix2api.upstreams.http.origin import split_url
from mix2api.upstreams.port import UpstreamFault
from mix2api.upstreams.refusal import REFUSAL_BODY_LIMIT, refusal_fault

_SUCCESSES: Final = range(200, 300)
TOLD: Final = frozenset({Evidence.SUCCESS, Evidence.LIMITED, Evidence.REFUSED})
"""Evidence that a probe's answer is. A single failure is none: the circuit breaker counts those of real calls."""


@frozen
class Probed:
    """What an account's upstream answered."""

    seen: Evidence | None
    """None: the account's kind has nothing that could be asked without a turn."""
    word: str
    """For people: a status, or why there is none."""
    reset: ResetHint | None = None


async def probe(account: Account, secret: str, client: HttpClient, now_ms: int) -> Probed:
    """Asks once.

    Args:
        account: whose upstream.
        secret: its credential.
        client: its connections.
        now_ms: Unix time, for reset hints.
    """
    if account.type is AccountType.MIX:
        return Probed(None, "a session-based site answers turns only")
    origin, path = split_url(account.base_url)
    headers = (("accept", "application/json"), ("authorization", f"Bearer {secret}"))
    asked = HttpRequest(
        origin=origin, path=f"{path or '/v1'}/models", headers=headers, body=b"", method="GET"
    )
    try:
        async with client.send(asked) as exchange:
            head = await exchange.head()
            if head.status in _SUCCESSES:
                return Probed(Evidence.SUCCESS, str(head.status))
            body = await exchange.receive()
    except UpstreamFault as fault:
        return Probed(of_fault(fault), fault.detail.value)
    refused = refusal_fault(head, body[:REFUSAL_BODY_LIMIT], now_ms)
    return Probed(of_fault(refused), str(head.status), refused.reset)
