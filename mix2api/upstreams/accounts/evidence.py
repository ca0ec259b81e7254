"""What an answer tells of the account that gave it. Pure."""

import re
from collections.abc import Iterable
from typing import Final

from mix2api.accounts.model_limits import Whose
from mix2api.accounts.state import Evidence
from mix2api.upstreams.credentials.refusals import refusal_of_event, refusal_of_fault
from mix2api.upstreams.opening import Opening
from mix2api.upstreams.port import AbortedByUpstream, Failed, UpstreamEvent, UpstreamFault
from mix2api.upstreams.site_errors import MESSAGE_LIMIT
from mix2api.vocabulary import Detail, EndReason

_LIMITS: Final = frozenset({Detail.RATE_LIMIT, Detail.QUOTA})
_OF_THE_REQUEST: Final = frozenset({Detail.CONTEXT_LENGTH, Detail.FILTERED, Detail.SESSION_LOST})
_TOO_MANY: Final = 429
_CLIENT_ERRORS: Final = range(400, 500)
_NOT_OF_THE_REQUEST: Final = frozenset({408, 425})
"""Client errors that say that the server waited or is not ready (RFC 9110, 15.5.9; RFC 8470, 5.2)."""
_TELLING: Final = re.compile(r"[0-9/:_.-]")
"""A model's name that has none of these may be a word of any sentence ("default", "auto")."""
_SHORTEST: Final = 4
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


def whose_limit(said: Failed | UpstreamFault | None, models: Iterable[str]) -> Whose:
    """Whose limit a refusal speaks of that is evidence of one.

    Args:
        said: the refusal. Of a long one, the words that a client may see are searched.
        models: the names of the call's model: the client's, and the account's own.
    """
    if said is None:
        return Whose.UNTOLD
    if isinstance(said, UpstreamFault) and said.reset is not None and said.reset.is_of_account:
        return Whose.ACCOUNT
    words = said.message[:MESSAGE_LIMIT].lower()
    if any(_names(words, model.lower()) for model in models):
        return Whose.MODEL
    return Whose.ACCOUNT if said.detail is Detail.QUOTA else Whose.UNTOLD


def _names(words: str, model: str) -> bool:
    """Whether the words name the model, and no other whose name begins or ends so."""
    if len(model) < _SHORTEST or _TELLING.search(model) is None:
        return False
    return re.search(rf"(?<![\w/.-]){re.escape(model)}(?!-|\w|\.\w)", words) is not None


def _of(detail: Detail, status: int | None) -> Evidence:
    if detail in _LIMITS or status == _TOO_MANY:
        return Evidence.LIMITED
    is_request = status in _CLIENT_ERRORS and status not in _NOT_OF_THE_REQUEST
    return Evidence.BAD_REQUEST if is_request or detail in _OF_THE_REQUEST else Evidence.FAULT
