"""The page of one request, from the evidence."""

from typing import Any

import pytest
from msgspec.structs import replace
from refusal_entries import refusal
from session_scripts import RUN, accept, chunk, conclude, events_of, good_run, stop

from mix2api.events.edge_times import EdgeTimes
from mix2api.events.kinds import Request
from mix2api.projections.advice import ADVICE, FINER, ROWS, row_of
from mix2api.projections.explanation import RunEvidence, explain_refusal, explain_runs
from mix2api.projections.silence import Owner
from mix2api.vocabulary import ChunkKind, Detail, EndReason, Receipt, SessionId

SESSION = SessionId("ses_0001")


def evidence(commands: list[Any], **fields: Any) -> RunEvidence:
    return RunEvidence(run_id=RUN, session_id=SESSION, events=tuple(events_of(commands)), **fields)


def test_a_success_is_nobodys_doing_and_asks_for_nothing() -> None:
    page = explain_runs([evidence(good_run(), receipt=Receipt.WRITTEN.value, told="stop")])
    assert (page.request_id, page.end_reason, page.detail, page.fault) == ("req-1", "stop", None, "nobody")
    assert page.client_saw == "this very ending, whole"
    (story,) = page.runs
    assert (story.resolution, story.reason, story.end_reason) == ("fresh", "no_history", "stop")
    assert (story.site.status, story.site.frames, story.site.content_bytes) == (200, 5, 50)
    assert story.site.finish_reason == "stop"
    assert page.cut.why is None
    assert page.advice == ADVICE[EndReason.STOP]


def test_a_failure_names_whose_doing_it_was_and_the_advice_for_its_detail() -> None:
    failed = [
        accept(),
        chunk(ChunkKind.OPEN),
        chunk(ChunkKind.ERROR, at_ms=40, cause=EndReason.TIMEOUT, detail="idle"),
        conclude(),
    ]
    page = explain_runs([evidence(failed, receipt=Receipt.ERROR_WRITTEN.value, told="timeout")])
    assert (page.end_reason, page.detail, page.fault) == ("timeout", "idle", "upstream")
    assert page.advice == FINER[EndReason.TIMEOUT, Detail.IDLE]
    assert page.runs[0].site.was_called
    assert page.runs[0].site.status is None


def test_the_clients_view_wins_over_the_log() -> None:
    page = explain_runs([evidence(good_run(), receipt=Receipt.ERROR_WRITTEN.value, told="worker_lost")])
    assert (page.end_reason, page.detail, page.fault) == ("worker_lost", None, "mix2api")
    assert "though the log has a success" in page.client_saw


def test_a_run_without_a_receipt_says_that_nobody_knows() -> None:
    assert "unknown" in explain_runs([evidence(good_run())]).client_saw


@pytest.mark.parametrize(
    ("alive", "word", "hint"), [(True, "open", "Wait"), (False, "lost", "Start a worker")]
)
def test_a_run_without_an_end_goes_on_or_was_lost(alive: bool, word: str, hint: str) -> None:  # noqa: FBT001
    page = explain_runs([evidence([accept()], is_alive=alive)])
    assert (page.end_reason, page.fault, page.http_status) == (word, "unknown", None)
    assert page.advice.do.startswith(hint)
    assert not page.runs[0].site.was_called


def test_what_was_cut_is_told() -> None:
    page = explain_runs([evidence(good_run(messages_withheld=3, tools_withheld=1))])
    assert (page.cut.messages, page.cut.tools) == (3, 1)
    assert page.cut.why is not None
    assert (page.cut.trimmed, page.cut.summary) == ({}, None)


def test_why_messages_were_trimmed_is_told() -> None:
    trimmed = {"old_chain": 2, "old_words": 1}
    page = explain_runs([evidence(good_run(messages_withheld=3, withheld_by=trimmed, summary="extractive"))])
    assert (page.cut.trimmed, page.cut.summary) == (trimmed, "extractive")


def test_two_runs_are_one_request_and_the_last_one_is_its_outcome() -> None:
    first = evidence([accept(), stop(EndReason.UPSTREAM_ERROR, Detail.SESSION_LOST), conclude()])
    second = evidence(good_run())
    events = tuple(
        replace(event, attempt=2, again_of=first.run_id) if isinstance(event, Request) else event
        for event in second.events
    )
    again = RunEvidence(
        run_id=RUN,
        session_id=SESSION,
        events=events,
        receipt=Receipt.WRITTEN.value,
        told="stop",
        times=EdgeTimes(body=1, understood=1, found=2, submitted=2, accepted=20, ended=100, over=100),
    )
    page = explain_runs([first, again])
    assert [(story.attempt, story.end_reason) for story in page.runs] == [(1, "upstream_error"), (2, "stop")]
    assert [story.again_of for story in page.runs] == [None, first.run_id]
    assert page.end_reason == "stop"
    assert page.ledger.wall_ms == 100


@pytest.mark.parametrize("of_second", [None, Receipt.RERUN.value])
def test_an_edge_that_never_heard_of_the_second_run_told_its_client_what_its_word_on_the_first_says(
    of_second: str | None,
) -> None:
    first = evidence(good_run(), receipt=Receipt.ERROR_WRITTEN.value, told="unavailable")
    second = evidence(good_run(attempt=2, again_of=RUN), receipt=of_second)
    page = explain_runs([first, second])
    assert (page.end_reason, page.client_saw) == ("unavailable", "an error, though the log has a success")


def test_a_refused_request_has_no_run_and_its_time_is_the_queues() -> None:
    entry = refusal(
        end_reason=EndReason.OVERLOADED,
        detail="deadline",
        http_status=429,
        times=EdgeTimes(body=1, understood=2, found=3, submitted=4, over=10_004),
    )
    page = explain_refusal(entry)
    assert (page.end_reason, page.detail, page.fault, page.http_status) == (
        "overloaded",
        "deadline",
        "mix2api",
        429,
    )
    assert (page.runs, page.refusal, page.client_saw) == ((), entry, "HTTP 429 with the error")
    assert page.ledger.by_owner[Owner.QUEUE] == 10_000


def test_a_refused_request_whose_client_left_saw_nothing_and_one_without_times_is_ours() -> None:
    page = explain_refusal(refusal(end_reason=EndReason.CLIENT_ABORT, detail="hung_up", duration_ms=900))
    assert page.client_saw.startswith("no ending")
    assert page.ledger.by_owner[Owner.US] == 900


def test_every_ending_has_advice_and_every_finer_row_one_of_its_own() -> None:
    assert set(ADVICE) == set(EndReason)
    for (reason, detail), advice in FINER.items():
        assert ROWS[row_of(reason, detail.value)] is advice
    assert ROWS[row_of(EndReason.ADAPTER_ERROR, "KeyError")] is ADVICE[EndReason.ADAPTER_ERROR]
