"""What became of one request, from all that the store knows of it: whose doing it was, what the client saw, and where the time went.

Pure: `mix2api.store.request_file` reads the evidence, `mix2api.cli.explain` prints the page.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from attrs import field, frozen

from mix2api.endings import ENDINGS
from mix2api.events.edge_times import EdgeTimes
from mix2api.events.kinds import End, Event, Request, ToolCall, ToolResult, UpstreamChunk
from mix2api.events.refusal_entry import RefusalEntry
from mix2api.projections.advice import ROWS, Advice, row_of
from mix2api.projections.endings import Judged, Seen, judged
from mix2api.projections.silence import Ledger, Owner, TimedRun, ledger
from mix2api.vocabulary import ChunkKind, EndReason, Fault, Receipt, RunId, SessionId


@frozen(kw_only=True)
class RunEvidence:
    """What the store knows of one run."""

    run_id: RunId
    session_id: SessionId
    events: tuple[Event, ...]
    ended_at: str | None = None
    """The position of its end in the log, on the store's clock."""
    unreadable: int = 0
    """Entries of its session's log, at its time, that cannot be read."""
    receipt: str | None = None
    told: str | None = None
    """The reason that the receipt names."""
    times: EdgeTimes | None = None
    is_alive: bool | None = None
    """Of a run without an end: whether its process is."""

    @property
    def request(self) -> Request | None:
        """Its first event."""
        return next((event for event in self.events if isinstance(event, Request)), None)

    @property
    def end(self) -> End | None:
        """Its last event."""
        return next((event for event in self.events if isinstance(event, End)), None)


@frozen(kw_only=True)
class SiteStory:
    """What the site said; never the words."""

    was_called: bool
    status: int | None
    frames: int
    content_bytes: int
    tool_calls: int
    finish_reason: str | None
    account: str | None = None
    """That served the run, where the upstream is a pool of accounts."""
    account_why: str | None = None
    """Why that one (`mix2api.accounts.port.Why`)."""


@frozen(kw_only=True)
class RunStory:
    """One run."""

    run_id: RunId
    session_id: SessionId
    attempt: int
    again_of: RunId | None
    """The run that it repeats, if its log says it."""
    resolution: str
    """`fresh` or `continued`."""
    reason: str
    """Why (`mix2api.sessions.resolution.Reason`)."""
    end_reason: str | None
    """None: it has not ended."""
    detail: str | None
    site: SiteStory
    tool_results: int
    total_ms: int | None
    first_token_ms: int | None
    unreadable: int


@frozen(kw_only=True)
class Cut:
    """What the site was not given."""

    messages: int
    """Withheld whole, or not given whole."""
    tools: int
    why: str | None
    """None: nothing was cut."""
    trimmed: Mapping[str, int] = field(factory=dict)
    """Of the messages: what trimming changed, by its reason (`mix2api.budget.fates.TrimReason`)."""
    summary: str | None = None
    """Whose summary stands for them (`mix2api.budget.summary.SummaryOutcome`)."""


@frozen(kw_only=True)
class Explanation:
    """The page."""

    request_id: str
    client: str | None
    model: str | None
    stream: bool | None
    end_reason: str
    """What the client was told; `open` while the run goes on, `lost` once its process is gone and nobody has ended it."""
    detail: str | None
    fault: str
    """A `Fault`, or `unknown`."""
    http_status: int | None
    seen: str
    """A `Seen`, `REFUSED` or `NOTHING_YET`: names `client_saw` for other languages."""
    client_saw: str
    runs: tuple[RunStory, ...]
    refusal: RefusalEntry | None
    """Set where the request was refused before a run began."""
    cut: Cut
    ledger: Ledger
    advice_row: str
    """Of `mix2api.projections.advice.ROWS`: names `advice` for other languages."""
    advice: Advice


REFUSED: Final = "refused"
"""`Explanation.seen` of a request that was answered with an error before a run began."""
NOTHING_YET: Final = "nothing_yet"
SEEN: Final = {
    Seen.AS_RECORDED: "this very ending, whole",
    Seen.FAILURE_TOLD: "an error, though the log has a success",
    Seen.FINISH_TOLD: "a finish, though the log has a failure",
    Seen.REWORDED: "another error than the log has",
    Seen.NO_RECEIPT: "unknown: no edge says that an ending was written",
    Seen.NOBODY_WAITED: "no ending: the client had left",
}
"""What the client saw, in words."""
_REFUSED_BY: Final = {
    EndReason.OVERLOADED: Owner.QUEUE,
    EndReason.UNAVAILABLE: Owner.STORE,
    EndReason.CLIENT_ABORT: Owner.QUEUE,
}


def explain_runs(runs: Sequence[RunEvidence]) -> Explanation:
    """The page of an accepted request.

    Args:
        runs: of one request, in order; the last one answers, or was to answer. Each has its request.
    """
    last = runs[-1]
    request, end = last.request, last.end
    assert request is not None  # noqa: S101 - the caller leaves runs without one out
    timed = [run for evidence in runs if (run := TimedRun.of(evidence.events)) is not None]
    given = _given(runs)
    outcome, row = _outcome(last, given)
    seen = None if outcome is None else outcome.seen
    reason = _open_word(last) if outcome is None else outcome.reason.value
    return Explanation(
        request_id=request.request_id,
        client=request.client,
        model=request.model,
        stream=request.stream,
        end_reason=reason,
        detail=end.detail if end is not None and end.end_reason.value == reason else None,
        fault="unknown" if outcome is None else ENDINGS[outcome.reason].fault.value,
        http_status=None if end is None else end.http_status,
        seen=NOTHING_YET if seen is None else seen.value,
        client_saw="nothing final yet" if seen is None else SEEN[seen],
        runs=tuple(_story(run) for run in runs),
        refusal=None,
        cut=_cut(request),
        ledger=ledger(given.times, timed),
        advice_row=row,
        advice=ROWS[row],
    )


def _given(runs: Sequence[RunEvidence]) -> RunEvidence:
    """The run whose receipt tells what the client of the last one saw: its own, else that of a run that it repeats.

    An edge that never heard of the second run names the first one in its receipt.
    """
    told = (run for run in reversed(runs) if run.receipt not in {None, Receipt.RERUN})
    return next(told, runs[-1])


def explain_refusal(entry: RefusalEntry) -> Explanation:
    """The page of a request that was refused before a run began."""
    times = entry.times or EdgeTimes(body=0, over=entry.duration_ms)
    left, row = entry.end_reason is EndReason.CLIENT_ABORT, row_of(entry.end_reason, entry.detail)
    return Explanation(
        request_id=entry.request_id,
        client=entry.client,
        model=entry.model,
        stream=entry.stream,
        end_reason=entry.end_reason.value,
        detail=entry.detail,
        fault=ENDINGS[entry.end_reason].fault.value,
        http_status=entry.http_status,
        seen=Seen.NOBODY_WAITED.value if left else REFUSED,
        client_saw=SEEN[Seen.NOBODY_WAITED] if left else f"HTTP {entry.http_status} with the error",
        runs=(),
        refusal=entry,
        cut=Cut(messages=0, tools=0, why=None),
        ledger=ledger(times, (), _REFUSED_BY.get(entry.end_reason, Owner.US)),
        advice_row=row,
        advice=ROWS[row],
    )


def _outcome(last: RunEvidence, given: RunEvidence) -> tuple[Judged | None, str]:
    """What the client was told, if anything, and the row of the advice."""
    end = last.end
    if end is None:
        return None, _open_word(last)
    outcome = judged(end.end_reason, given.receipt, given.told)
    detail = end.detail if outcome.reason is end.end_reason else None
    return outcome, row_of(outcome.reason, detail)


def _open_word(last: RunEvidence) -> str:
    return "open" if last.is_alive else "lost"


def _story(run: RunEvidence) -> RunStory:
    request, end = run.request, run.end
    assert request is not None  # noqa: S101 - as in `explain_runs`
    return RunStory(
        run_id=run.run_id,
        session_id=run.session_id,
        attempt=request.attempt,
        again_of=request.again_of,
        resolution=request.resolution,
        reason=request.resolution_reason,
        end_reason=None if end is None else end.end_reason.value,
        detail=None if end is None else end.detail,
        site=_site(run),
        tool_results=sum(isinstance(event, ToolResult) for event in run.events),
        total_ms=None if end is None else end.total_ms,
        first_token_ms=None if end is None else end.first_token_ms,
        unreadable=run.unreadable,
    )


def _site(run: RunEvidence) -> SiteStory:
    chunks = [event for event in run.events if isinstance(event, UpstreamChunk)]
    statuses = [chunk.upstream_status for chunk in chunks if chunk.upstream_status is not None]
    finishes = [chunk.finish_reason.value for chunk in chunks if chunk.finish_reason is not None]
    served = next((chunk for chunk in reversed(chunks) if chunk.account is not None), None)
    end = run.end
    return SiteStory(
        was_called=any(chunk.kind is ChunkKind.OPEN for chunk in chunks),
        status=statuses[-1] if statuses else None if end is None else end.upstream_status,
        frames=sum(chunk.frames for chunk in chunks),
        content_bytes=sum(chunk.size_bytes for chunk in chunks),
        tool_calls=sum(isinstance(event, ToolCall) for event in run.events),
        finish_reason=finishes[-1] if finishes else None,
        account=served.account if served is not None else None,
        account_why=served.account_why if served is not None else None,
    )


def _cut(request: Request) -> Cut:
    messages, tools = request.messages_withheld, request.tools_withheld
    why = "limits or a budget that an operator set" if messages or tools else None
    trimmed = request.withheld_by or {}
    return Cut(messages=messages, tools=tools, why=why, trimmed=trimmed, summary=request.summary)


CULPRITS: Final = {
    Fault.NOBODY.value: "nobody's: it succeeded",
    Fault.CLIENT.value: "the client's",
    Fault.UPSTREAM.value: "the site's",
    Fault.MIX2API.value: "mix2api's",
    "unknown": "not known yet",
}
"""Whose doing an ending was, in words."""
