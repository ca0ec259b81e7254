"""What an answer tells of the account that gave it. Pure."""

from typing import Final

from mix2api.accounts.state import Evidence
from mix2api.upstreams.credentials.refusals import refusal_of_event, refusal_of_fault
from mix2api.upstreams.opening import Opening
from mix2api.upstreams.port import AbortedByUpstream, Failed, UpstreamEvent, UpstreamFault
from mix2api.vocabulary import Detail, EndReason

_LIMITS: Final = frozenset({Detail.RATE_LIMIT, Detail.QUOTA})
_OF_THE_REQUEST: Final = frozenset({Detail.CONTEXT_LENGTH, Detail.FILTERED, Detail.SESSION_LOST})
_TOO_MANY: Final = 429
_CLIENT_ERRORS: Final = range(400, 500)
_NOT_OF_THE_REQUEST: Final = frozenset({408, 425})
"""Client errors that say that the server waited or is not ready (RFC 9110, 15.5.9; RFC 8470, 5.2)."""
AGAINST: Final = frozenset({Evidence.LIMITED, Evidence.REFUSED, Evidence.FAULT})
"""Evidence against an account, so that another account may do better."""


def of_opening(opening: Opening) -> Evidence:
    """What the beginning of an answer tells."""
    if opening.fault is not None:
        return of_fault(opening.fault)
    if opening.is_over:
        return Evidence.FAULT
    return Evidence.SUCCESS if opening.first is None else of_event(opening.first, opening.status)


def of_fault(fault: UpstreamFault) -> Evidence:
    """What a failed call tells."""
    if fault.end_reason is EndReason.OVERLOADED:
        return Evidence.BAD_REQUEST  # our own limit: the account was not asked
    if refusal_of_fault(fault) is not None:
        return Evidence.REFUSED
    return _of(fault.detail, fault.status if fault.detail is Detail.STATUS else None)


def of_event(event: UpstreamEvent, status: int | None) -> Evidence:
    """What an event tells that is output or an ending."""
    if isinstance(event, AbortedByUpstream):
        return Evidence.FAULT
    if not isinstance(event, Failed):
        return Evidence.SUCCESS
    if refusal_of_event(event, status) is not None:
        return Evidence.REFUSED
    return _of(event.detail, event.status)


def _of(detail: Detail, status: int | None) -> Evidence:
    if detail in _LIMITS or status == _TOO_MANY:
        return Evidence.LIMITED
    is_request = status in _CLIENT_ERRORS and status not in _NOT_OF_THE_REQUEST
    return Evidence.BAD_REQUEST if is_request or detail in _OF_THE_REQUEST else Evidence.FAULT
