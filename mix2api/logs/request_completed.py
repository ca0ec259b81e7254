"""The line that operators grep: one `request.completed` per request, its fields in a fixed order.

The names and their order are a public contract (`docs/settings.md` names none of them, operators' scripts all).
"""

from typing import Final

import attrs
from attrs import frozen
from structlog.typing import FilteringBoundLogger

from mix2api.vocabulary import Channel, EndReason, RequestId, RunId, SessionId

EVENT: Final = "request.completed"


@frozen
class BudgetUse:
    """Input tokens: what a turn took of what it might take."""

    used: int
    budget: int

    def __str__(self) -> str:
        """As it stands in the line."""
        return f"{self.used}/{self.budget}"


@frozen(kw_only=True)
class RequestCompleted:
    """What became of one request. No field may hold content; `model` only if configured, else digest and length."""

    run_id: RunId | None = None
    """None where the request was refused before it had one."""
    request_id: RequestId
    session: SessionId | None = None
    client: str
    """A `ClientName`."""
    stream: bool | None = None
    """None where the request was refused before that was known."""
    tools_present: bool | None = None
    model: str | None = None
    end_reason: EndReason
    detail: str | None = None
    """A word of the closed list."""
    http_status: int
    upstream_status: int | None = None
    input_budget: BudgetUse | None = None
    """None until budgets exist, like `output_budget`, `truncation_applied` and `reject_reason`."""
    output_budget: int | None = None
    """Tokens."""
    truncation_applied: bool | None = None
    reject_reason: str | None = None
    """A code of the error tree."""
    upstream_host: str | None = None
    """Host and port."""
    upstream_override: bool = False
    """True if the request chose the upstream itself."""
    duration_ms: int
    ttft_ms: int | None = None
    """Milliseconds from acceptance to the first token."""
    chunks: int | None = None
    """Frames of the upstream."""
    channel: Channel


_FIELDS: Final = tuple(one.name for one in attrs.fields(RequestCompleted))


def log_request_completed(logger: FilteringBoundLogger, completed: RequestCompleted) -> None:
    """Writes the line at level `info`, through the chain and its redaction like every other line."""
    logger.info(EVENT, **{name: _told(getattr(completed, name)) for name in _FIELDS})


def _told(value: object) -> object:
    """A field's value: text without spaces, so that `cut` and `awk` can be used on the line."""
    if isinstance(value, str):
        return "_".join(str(value).split()) or None  # str() because of the enumerations
    return str(value) if isinstance(value, BudgetUse) else value
