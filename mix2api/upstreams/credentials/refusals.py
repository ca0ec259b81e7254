"""Whether a site refused a call because of its token: by status, or by what it says in an error before any output. Pure."""

import re
from typing import Final

from attrs import frozen

from mix2api.upstreams.port import (
    Failed,
    IdsSeen,
    Opened,
    Skipped,
    Started,
    StepFinished,
    UpstreamEvent,
    UpstreamFault,
    UsageSeen,
)
from mix2api.vocabulary import Detail, EndReason

PRELUDE: Final = frozenset({Opened, Started, IdsSeen, UsageSeen, Skipped, StepFinished})
"""Events that are neither output nor an ending."""
_SEARCHED: Final = 500
"""Characters: error texts are short, and what is not is an answer in disguise."""
_BAD: Final = r"(?:invalid|expired|revoked|missing|unknown|malformed|not[ _-]valid|no[ _-]longer[ _-]valid)"
_TOKEN: Final = r"(?:access[ _-]?|bearer[ _-]?|auth(?:entication|orization)?[ _-]?|id[ _-]?|jwt[ _-]?)?(?:token|jwt|credentials?)"  # noqa: S105
_TOKEN_REFUSED: Final = re.compile(
    rf"\b{_BAD}[ _-](?:or[ _-]{_BAD}[ _-])?{_TOKEN}(?![a-z])"
    rf"|(?<![a-z]){_TOKEN}[ _-](?:(?:is|was|has|been|are|or)[ _-])*{_BAD}"
    r"|\bunauthori[sz]ed\b|\bunauthenticated\b|\bnot[ _-]authenticated\b|\blog[ _-]?in[ _-](?:required|expired)\b"
    r"|未登录|请(?:先|重新)登录|(?:登录|token|令牌)(?:状态|信息)?(?:已经?)?(?:过期|失效|无效)",
    re.IGNORECASE,
)
_CLIENT_ERRORS: Final = range(400, 500)


@frozen(kw_only=True)
class TokenRefusal:
    """A call that was refused because of its token."""

    message: str
    """The site's words, for the client only; redacted on the way."""
    detail: Detail
    status: int | None
    taken: bool
    """Whether the site may have taken the turn before it looked at the token."""


def refusal_of_fault(fault: UpstreamFault) -> TokenRefusal | None:
    """The refusal that a fault is: 401 and 403, and other 4xx that speak of the token."""
    told = fault.detail is Detail.STATUS and fault.status in _CLIENT_ERRORS and speaks_of_token(fault.message)
    if fault.end_reason is not EndReason.UPSTREAM_AUTH_ERROR and not told:
        return None
    return TokenRefusal(message=fault.message, detail=fault.detail, status=fault.status, taken=fault.taken)


def refusal_of_event(event: UpstreamEvent, status: int | None) -> TokenRefusal | None:
    """The refusal that an error under status 200 is, if it speaks of the token."""
    if not isinstance(event, Failed) or not speaks_of_token(event.message):
        return None
    return TokenRefusal(message=event.message, detail=Detail.ERROR_FRAME, status=status, taken=True)


def speaks_of_token(message: str) -> bool:
    """Whether an error's text says that the token is no good. Taking one too many for it costs a login, no more."""
    return _TOKEN_REFUSED.search(message[:_SEARCHED]) is not None
