"""The line that operators grep: one `request.completed` per request, its fields in a fixed order.

The names and their order are a public contract (`docs/log-line.md`); operators' scripts use them.
"""

from operator import attrgetter
from typing import Final

import attrs
from attrs import frozen
from structlog.typing import FilteringBoundLogger

from mix2api.vocabulary import Channel, EndReason, RequestId, RunId, SessionId

EVENT: Final = "request.completed"
DEFAULT_UPSTREAM: Final = "default"
"""`upstream_override` of a request that chose no upstream."""


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
    """None while budgets are not applied to turns, like `output_budget`."""
    output_budget: int | None = None
    """Tokens."""
    truncation_applied: bool | None = None
    """Whether the site was given less than the request held. None where nothing was sent."""
    reject_reason: str | None = None
    """The `code` of the error that the request was refused with. None for an accepted run."""
    upstream_host: str | None = None
    """Host of the upstream that the request chose. None if it chose none."""
    upstream_override: str = DEFAULT_UPSTREAM
    """`default`; or `dynamic` or `allowlist`, by what the operator lets requests choose from."""
    duration_ms: int
    ttft_ms: int | None = None
    """Milliseconds from the moment at which the session takes the turn up to the first output."""
    chunks: int | None = None
    """Deltas that the client was given. None for a refused request."""
    usage_source: str | None = None
    """Whose figures the answer's usage has. None where it has none."""
    channel: Channel


FIELDS: Final = tuple(one.name for one in attrs.fields(RequestCompleted))
"""Of the line, in their order."""
_values_of: Final = attrgetter(*FIELDS)
WHOLE: Final = "completed"
"""Under this name a line's fields come to the chain all at once, as a `RequestCompleted`."""


def log_request_completed(logger: FilteringBoundLogger, completed: RequestCompleted) -> None:
    """Writes the line at level `info`, through the chain and its redaction like every other line."""
    logger.info(EVENT, **{WHOLE: completed})


def fields_of(completed: RequestCompleted) -> dict[str, object]:
    """The line's own fields, in their order; text without spaces, so that `cut` and `awk` can be used on it."""
    fields: dict[str, object] = {}
    for name, value in zip(FIELDS, _values_of(completed), strict=True):
        if value is None or isinstance(value, int):
            fields[name] = value
        else:
            text = str(value)  # of enumerations and budgets as well
            fields[name] = text if text.isalnum() else "_".join(text.split()) or None
    return fields
