"""What an operator does about an ending: one row for each `end_reason`, finer ones where the `detail` changes the answer.

`docs/attribution.md` prints this table; a test holds both equal.
"""

from typing import Final

from attrs import frozen

from mix2api.vocabulary import Detail, EndReason


@frozen
class Advice:
    """One row."""

    look_at: str
    """Where the evidence is."""
    do: str


_NOTHING: Final = "Nothing. The client got its answer."

ADVICE: Final[dict[EndReason, Advice]] = {
    EndReason.STOP: Advice("the answer's finish", _NOTHING),
    EndReason.TOOL_CALLS: Advice(
        "loop closure in `mix2api audit`", "Nothing. The client brings the results with its next request."
    ),
    EndReason.LENGTH: Advice(
        "`output_budget`, and the site's own limit", "Raise `max_tokens`, or ask for shorter answers."
    ),
    EndReason.CONTENT_FILTER: Advice(
        "the site's terms", "Nothing here. The site cut the answer; another wording may pass."
    ),
    EndReason.CLIENT_ABORT: Advice(
        "the client's own timeout, and the ledger of silence",
        "If the site's gaps are long, raise the client's timeout. If users cancel, nothing.",
    ),
    EndReason.SUPERSEDED: Advice("the session's later run", "Nothing. The client sent a newer request."),
    EndReason.INVALID_REQUEST: Advice(
        "the error's `code` and `param`", "Have the client send what the parameter allows."
    ),
    EndReason.AUTH_ERROR: Advice(
        "`INBOUND_AUTH_MODE`, and the client's key", "Give the client a key that is configured."
    ),
    EndReason.BUDGET_REJECTED: Advice(
        "`input_budget`, and the model's profile", "Send less, or raise the model's window in its profile."
    ),
    EndReason.TIMEOUT: Advice(
        "the ledger of silence, and the site's load",
        "Ask the site's operator. Raise the limit only if the site is slow and well.",
    ),
    EndReason.UPSTREAM_ERROR: Advice(
        "`upstream_status` and the detail", "Ask the site's operator. Other requests show if it is down."
    ),
    EndReason.UPSTREAM_AUTH_ERROR: Advice(
        "lines `login.failed`, and `UPSTREAM_AUTH_MODE`", "Renew the site's credential."
    ),
    EndReason.OVERLOADED: Advice(
        "`MIX2API_MAX_CONCURRENCY`, `MIX2API_QUEUE_MAX`, and the machine's load",
        "Start another process, or raise the limit if the machine has room.",
    ),
    EndReason.UNAVAILABLE: Advice(
        "lines `store.away` and `store.refuses`, and Redis itself", "Bring Redis back, or give it room."
    ),
    EndReason.WORKER_LOST: Advice(
        "the process's last lines, and the kernel's log (out of memory)",
        "Find out why the process died. The client may ask again.",
    ),
    EndReason.ADAPTER_ERROR: Advice(
        "lines `adapter.fault` with this request's session", "Report it: class and place are in the line."
    ),
    EndReason.UNKNOWN: Advice("the session's log, with `mix2api replay`", "Report it: no run may end so."),
}

FINER: Final[dict[tuple[EndReason, Detail], Advice]] = {
    (EndReason.CLIENT_ABORT, Detail.STALLED): Advice(
        "`MIX2API_CLIENT_STALL_S`, and the network to the client",
        "Find out why the client, or a proxy before it, reads nothing.",
    ),
    (EndReason.TIMEOUT, Detail.CONNECT): Advice(
        "name resolution and the network to the site", "Check `UPSTREAM_API_BASE` and the way to it."
    ),
    (EndReason.TIMEOUT, Detail.FIRST_BYTE): Advice(
        "the site's load", "Ask the site's operator, or raise `MIX2API_UPSTREAM_FIRST_BYTE_TIMEOUT_MS`."
    ),
    (EndReason.TIMEOUT, Detail.IDLE): Advice(
        "the last gap in the ledger", "Ask the site's operator, or raise `UPSTREAM_TIMEOUT_MS`."
    ),
    (EndReason.TIMEOUT, Detail.SILENT): Advice(
        "frames without content",
        "Ask the site's operator, or raise `MIX2API_UPSTREAM_SILENCE_TIMEOUT_MS`.",
    ),
    (EndReason.TIMEOUT, Detail.TOTAL): Advice(
        "`total_ms`", "Raise `MIX2API_UPSTREAM_TOTAL_TIMEOUT_MS` if such long answers are wanted."
    ),
    (EndReason.UPSTREAM_ERROR, Detail.CONNECT_FAILED): Advice(
        "name resolution, the network, the site's port", "Check `UPSTREAM_API_BASE`; then the site itself."
    ),
    (EndReason.UPSTREAM_ERROR, Detail.TRUNCATED): Advice(
        "the last frame's time", "Ask the site's operator: the answer broke off without a finish."
    ),
    (EndReason.UPSTREAM_ERROR, Detail.PROTOCOL): Advice(
        "whether `UPSTREAM_API_BASE` is the site at all", "Ask whether the site's protocol has changed."
    ),
    (EndReason.UPSTREAM_ERROR, Detail.CONTEXT_LENGTH): Advice(
        "`messages_all` and the model's profile", "Send less history, or correct the model's window."
    ),
    (EndReason.UPSTREAM_ERROR, Detail.RATE_LIMIT): Advice(
        "requests a minute towards the site", "Slow down, or get a higher limit at the site."
    ),
    (EndReason.UPSTREAM_ERROR, Detail.QUOTA): Advice("the site's account", "Pay in, or use another account."),
    (EndReason.UPSTREAM_ERROR, Detail.SESSION_LOST): Advice(
        "how old the session was", "Nothing once. Often: lower `SESSION_TTL_MS` below the site's own limit."
    ),
    (EndReason.UPSTREAM_ERROR, Detail.OWNER_GONE): Advice(
        "`mix2api accounts show` with the account",
        "Bring the account back, or let the client begin again with its whole history.",
    ),
    (EndReason.INVALID_REQUEST, Detail.NO_HISTORY): Advice(
        "`OPENCODE_TRANSCRIPT_TTL_S` and `OPENCODE_TRANSCRIPT_BYTES`",
        "Let the client send its history, or raise what is kept.",
    ),
    (EndReason.UPSTREAM_ERROR, Detail.FILTERED): Advice(
        "the site's terms", "Nothing here. The site's filter refused the request."
    ),
    (EndReason.UPSTREAM_AUTH_ERROR, Detail.LOGIN): Advice(
        "lines `login.failed`", "Check the login's address and the stored credential."
    ),
    (EndReason.OVERLOADED, Detail.DEADLINE): Advice(
        "whether one session has many requests at once",
        "Let the client wait for its answers, or add processes.",
    ),
    (EndReason.OVERLOADED, Detail.NO_OWNER): Advice(
        "`/health/ready` of the workers", "Start a worker. Right after a crash, wait for one lease."
    ),
    (EndReason.OVERLOADED, Detail.EXPIRED): Advice(
        "the workers' load and their mail", "Start another worker."
    ),
    (EndReason.OVERLOADED, Detail.DRAIN): Advice(
        "the release under way", "Nothing. The client may ask again."
    ),
    (EndReason.OVERLOADED, Detail.BUSY): Advice(
        "lines `loop.held`, and the process's CPU", "Add processes: this one has too much to do."
    ),
    (EndReason.OVERLOADED, Detail.CONNECTIONS): Advice(
        "`MIX2API_MAX_CONNECTIONS`", "Raise it, or find the client that keeps connections open."
    ),
    (EndReason.OVERLOADED, Detail.DESCRIPTORS): Advice("`ulimit -n`", "Raise it."),
    (EndReason.WORKER_LOST, Detail.EDGE_LOST): Advice(
        "the edge's last lines", "Find out why the edge died. The client may ask again."
    ),
    (EndReason.WORKER_LOST, Detail.FENCED): Advice(
        "lines `loop.held` and `leases.changed`", "Find out what held the process longer than a lease."
    ),
}


ROWS: Final[dict[str, Advice]] = {
    **{reason.value: advice for reason, advice in ADVICE.items()},
    **{f"{reason.value}/{detail.value}": advice for (reason, detail), advice in FINER.items()},
    "open": Advice("`mix2api replay --follow`", "Wait: the run goes on."),
    "lost": Advice(
        "the process's last lines",
        "Start a worker: the new owner of the shard ends the run within two leases.",
    ),
}
"""All rows by their names, those of runs without an end among them. Other languages find their words by the names."""


def row_of(end_reason: EndReason, detail: str | None) -> str:
    """The name of the finest row that there is."""
    finer = f"{end_reason.value}/{detail}"
    return finer if finer in ROWS else end_reason.value
