"""Log lines: events with fields, never sentences with content. Written through structlog, redacted in one processor.

`setup` has the chain, `logfmt` the form for grep, `request_completed` the one line that every request leaves. Ids of ours are
logged as `run_id` and `session`; a field called `session_id` is taken for a caller's or the site's and masked.
"""

from mix2api.logs.request_completed import BudgetUse, RequestCompleted, log_request_completed
from mix2api.logs.setup import configure_logging

__all__ = ["BudgetUse", "RequestCompleted", "configure_logging", "log_request_completed"]
