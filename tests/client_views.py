"""The oracle of truth: what each client saw, against what the audit says, run by run.

A view is made of bytes that a client read, and of nothing that the product says of itself.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, Final

import msgspec
import trio
from attrs import field, frozen
from wire_client import Answer

from mix2api.events.audit_entry import RequestSummary, read_end_summary, read_request_summary
from mix2api.projections.endings import Judged, Seen, judged
from mix2api.store.audit_stream import AuditedReceipt, AuditedRun, AuditStream
from mix2api.vocabulary import EndReason, Receipt, RunId

_DAY_MS: Final = 86_400_000
_LOOKS: Final = 300
"""Looks of 10 ms for receipts: they follow an ending within milliseconds, or once the store is back."""

_REASON_OF_CODE: Final[dict[str, frozenset[EndReason]]] = {
    "upstream_timeout": frozenset(
        {EndReason.TIMEOUT, EndReason.UPSTREAM_ERROR}
    ),  # ours, or the site's own 504
    "rate_limit_exceeded": frozenset({EndReason.UPSTREAM_ERROR}),
    "insufficient_quota": frozenset({EndReason.UPSTREAM_ERROR}),
    "context_length_exceeded": frozenset({EndReason.UPSTREAM_ERROR, EndReason.BUDGET_REJECTED}),
    "content_filter": frozenset({EndReason.UPSTREAM_ERROR}),
    "upstream_error": frozenset({EndReason.UPSTREAM_ERROR}),
    "upstream_auth_error": frozenset({EndReason.UPSTREAM_AUTH_ERROR}),
    "overloaded": frozenset({EndReason.OVERLOADED}),
    "store_unavailable": frozenset({EndReason.UNAVAILABLE}),
    "worker_lost": frozenset({EndReason.WORKER_LOST}),
    "adapter_error": frozenset({EndReason.ADAPTER_ERROR}),
    "client_abort": frozenset({EndReason.CLIENT_ABORT}),
    "superseded": frozenset({EndReason.SUPERSEDED}),
    "history_required": frozenset({EndReason.INVALID_REQUEST}),
}
"""A failing whole answer has no `end_reason`: its `code` says as much. Other codes are of requests that never were a run."""


class Sight(StrEnum):
    """What a client saw of its answer's ending."""

    FINISH = "finish"
    """A finish, or a whole body with one."""
    FAILURE = "failure"
    """A failing ending, or an error as a whole answer."""
    CUT = "cut"
    """The connection ended before any ending."""
    LEFT = "left"
    """Nothing: it hung up by itself."""


@frozen
class View:
    """One client's."""

    request_id: str
    sight: Sight
    reasons: frozenset[EndReason] = frozenset()
    """Which the ending may stand for. Empty: it was refused as no run ever is."""
    edge_died: bool = False
    """Its edge was killed: a receipt may have died with it."""


def view_of(answer: Answer) -> View:
    """What the client of a whole answer saw."""
    request_id = answer.headers["x-request-id"]
    if answer.status != 200:
        return View(request_id, Sight.FAILURE, _REASON_OF_CODE.get(answer.error()["code"], frozenset()))
    word = answer.finish_reason()
    if word == "error":
        return View(request_id, Sight.FAILURE, frozenset({EndReason(_told(answer)["end_reason"])}))
    if word is None or (answer.is_stream and answer.payloads()[-1] != "[DONE]"):
        return View(request_id, Sight.CUT)
    return View(request_id, Sight.FINISH, frozenset({EndReason(word)}))


def _told(answer: Answer) -> dict[str, Any]:
    told: dict[str, Any] = answer.chunks()[-1]["error"]
    return told


@frozen
class AuditedWord:
    """What the audit says of one run."""

    run_id: str
    judged: Judged
    is_rerun: bool
    """Another run answers the request."""


@frozen
class AuditWords:
    """What the audit says of all runs, by their request's id."""

    by_request: Mapping[str, list[AuditedWord]] = field(factory=dict)

    def of(self, request_id: str) -> list[AuditedWord]:
        """Of the runs that were to answer it: at most one, or the audit is wrong."""
        return [word for word in self.by_request.get(request_id, []) if not word.is_rerun]


async def audit_words(audit: AuditStream) -> AuditWords:
    """Reads the audit streams."""
    entries = [entry async for batch in audit.read_audit(_DAY_MS) for entry in batch]
    receipts: dict[str, AuditedReceipt] = {}
    passed_over = set()
    for entry in entries:
        if isinstance(entry, AuditedReceipt):
            if entry.receipt == Receipt.RERUN:
                passed_over.add(entry.run_id)
            else:
                receipts.setdefault(entry.run_id, entry)
    runs = [(entry, _asked(entry)) for entry in entries if isinstance(entry, AuditedRun)]
    passed_over |= {RunId(asked.again_of) for _, asked in runs if asked.again_of is not None}
    found: dict[str, list[AuditedWord]] = {}
    for entry, asked in runs:
        ended = read_end_summary(entry.end)
        assert ended is not None
        receipt = receipts.get(entry.run_id)
        if receipt is None and asked.again_of is not None:
            # An edge that never heard of this run names the one that it repeats.
            receipt = receipts.get(RunId(asked.again_of))
        word, told = (None, None) if receipt is None else (receipt.receipt, receipt.told)
        found.setdefault(asked.request_id, []).append(
            AuditedWord(entry.run_id, judged(ended.end_reason, word, told), entry.run_id in passed_over)
        )
    return AuditWords(found)


def _asked(entry: AuditedRun) -> RequestSummary:
    asked = read_request_summary(entry.request)
    assert asked is not None
    return asked


def mismatches(views: Iterable[View], words: AuditWords) -> list[str]:
    """A line for each view that the audit contradicts."""
    found = []
    for view in views:
        runs = words.of(view.request_id)
        wrong = "more than one run answers it" if len(runs) > 1 else _contradiction(view, runs)
        if wrong:
            found.append(f"{view}: {wrong}; the audit says {runs}")
    return found


def _contradiction(view: View, runs: list[AuditedWord]) -> str:
    if not runs:
        refused = view.sight is Sight.FAILURE and view.reasons <= _REFUSALS
        return "" if refused or view.sight in {Sight.LEFT, Sight.CUT} else "there is no run"
    word = runs[0].judged
    match view.sight:
        case Sight.FINISH:
            told = word.is_success or word.seen is Seen.FINISH_TOLD
            return (
                ""
                if (told and word.reason in view.reasons) or _died_with_its_edge(view, word)
                else "no finish"
            )
        case Sight.FAILURE:
            told = word.reason in view.reasons and not word.is_success
            return "" if told or _died_with_its_edge(view, word) else "no such failure"
        case Sight.CUT:
            return "a success" if word.is_success else ""
        case Sight.LEFT:
            return ""


def _died_with_its_edge(view: View, word: Judged) -> bool:
    """Whether nobody is left who knew what the client was given: the edge was killed before the store had its receipt."""
    return view.edge_died and word.seen is Seen.NO_RECEIPT


_REFUSALS: Final = frozenset({EndReason.OVERLOADED, EndReason.UNAVAILABLE, EndReason.ADAPTER_ERROR})
"""What a request is told that never became a run. The others need one, but for those that are refused as no run is."""


async def check_truth(audit: AuditStream, views: Iterable[View]) -> None:
    """Waits for receipts, then compares every view with the audit."""
    seen = list(views)
    wrong: list[str] = []
    for _ in range(_LOOKS):
        wrong = mismatches(seen, await audit_words(audit))
        if not wrong:
            return
        await trio.sleep(0.01)
    raise AssertionError("\n".join([f"{len(wrong)} of {len(seen)} views are contradicted", *wrong[:20]]))


def lines_of(lines: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """How many canonical lines each request has."""
    counts: dict[str, int] = {}
    for line in lines:
        if line["event"] == "request.completed":
            counts[line["request_id"]] = counts.get(line["request_id"], 0) + 1
    return counts


def read_lines(text: str) -> list[dict[str, Any]]:
    """A log in JSON, line by line."""
    return [msgspec.json.decode(line) for line in text.splitlines()]
