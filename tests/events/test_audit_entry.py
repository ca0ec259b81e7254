"""The two halves of an audit entry."""

import pytest
from msgspec.structs import replace

from mix2api.events.audit_entry import (
    BudgetSummary,
    EndSummary,
    RequestSummary,
    TokenCounts,
    end_summary,
    read_end_summary,
    read_request_summary,
    request_summary,
)
from mix2api.events.kinds import End, Request, ToolResult, Usage
from mix2api.vocabulary import Channel, Digest, EndReason, FinishReason, ProcessId, RequestId, RunId

REQUEST = Request(
    run_id=RunId("run_1"),
    seq=1,
    request_id=RequestId("req-1"),
    at_ms=1_700_000_000_000,
    attempt=2,
    client="opencode",
    model="mix/claude",
    stream=True,
    tools_present=True,
    messages_all=3,
    messages_new=1,
    body_bytes=200,
    edge=ProcessId("p_1"),
    worker=ProcessId("p_2"),
    channel=Channel.CANARY,
)
END = End(
    run_id=RunId("run_1"),
    seq=9,
    end_reason=EndReason.LENGTH,
    http_status=200,
    upstream_status=200,
    finish_reason=FinishReason.LENGTH,
    first_token_ms=120,
    total_ms=1200,
    frames=40,
    usage=Usage(prompt_tokens=11, completion_tokens=7, total_tokens=18, reasoning_tokens=3, cached_tokens=2),
)

REQUEST_BYTES = b'[1,1700000000000,"req-1","opencode",true,true,"mix/claude",2,"canary"]'
END_BYTES = b'[1,"length",null,200,200,"length",120,1200,40,[11,7,18,3,2]]'


def test_the_bytes_of_version_one_stay_as_they_are() -> None:
    assert request_summary(REQUEST) == REQUEST_BYTES
    assert end_summary(END) == END_BYTES


def test_both_halves_are_read_back_whole() -> None:
    assert read_request_summary(REQUEST_BYTES) == RequestSummary(
        version=1,
        at_ms=1_700_000_000_000,
        request_id="req-1",
        client="opencode",
        stream=True,
        tools_present=True,
        model="mix/claude",
        attempt=2,
        channel=Channel.CANARY,
    )
    assert read_end_summary(END_BYTES) == EndSummary(
        version=1,
        end_reason=EndReason.LENGTH,
        detail=None,
        http_status=200,
        upstream_status=200,
        finish_reason=FinishReason.LENGTH,
        first_token_ms=120,
        total_ms=1200,
        frames=40,
        usage=TokenCounts(prompt=11, completion=7, total=18, reasoning=3, cached=2),
    )


def test_an_end_without_usage_has_none() -> None:
    failed = End(
        run_id=RunId("run_1"),
        seq=2,
        end_reason=EndReason.TIMEOUT,
        detail="connect",
        http_status=504,
        total_ms=5,
    )
    read = read_end_summary(end_summary(failed))
    assert read is not None
    assert (read.end_reason, read.detail, read.usage) == (EndReason.TIMEOUT, "connect", None)


def test_fields_that_a_later_version_added_are_skipped() -> None:
    assert (
        read_request_summary(REQUEST_BYTES[:-1] + b',[],null,null,null,null,null,null,null,{"later":1}]')
        is not None
    )
    assert read_end_summary(END_BYTES[:-1] + b',[],null,null,"later"]') is not None


def test_a_run_says_which_run_it_repeats_and_an_older_entry_does_not() -> None:
    again = request_summary(replace(REQUEST, again_of=RunId("run_0")))
    assert again == REQUEST_BYTES[:-1] + b',[],null,null,null,null,"run_0"]'
    read, older = read_request_summary(again), read_request_summary(REQUEST_BYTES)
    assert read is not None
    assert older is not None
    assert (read.again_of, older.again_of) == ("run_0", None)


def test_results_and_calls_stand_at_the_end_where_there_are_any() -> None:
    result = ToolResult(run_id=REQUEST.run_id, seq=2, tool_call_id="c1", size_bytes=1, digest=Digest("d1"))
    asked = request_summary(REQUEST, [result])
    assert asked == REQUEST_BYTES[:-1] + b',[["c1","d1"]]]'
    read = read_request_summary(asked)
    assert read is not None
    assert read.results == (("c1", "d1"),)
    called = replace(END, end_reason=EndReason.TOOL_CALLS)
    ended = read_end_summary(end_summary(called, ["c1", "c2"]))
    assert ended is not None
    assert ended.calls == ("c1", "c2")


def test_calls_of_an_answer_that_did_not_end_in_them_are_no_loop() -> None:
    assert end_summary(END, ["c1"]) == END_BYTES


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"null",
        b"[]",
        b"\xff\xfe",
        b'[1,"stop"',
        b'["1",2,3]',
        b'[1,"no such reason",null,200,null,null,null,1,1,null]',
        REQUEST_BYTES[:-1] + b"," + b"[" * 100_000 + b"]" * 100_000 + b"]",
        END_BYTES[:-1] + b"," + b"[" * 100_000 + b"]" * 100_000 + b"]",
        REQUEST_BYTES.replace(b"[1,", b"[2,", 1),
        END_BYTES.replace(b"[1,", b"[2,", 1),
        REQUEST_BYTES.replace(b"req-1", b"\xff\xff"),
    ],
)
def test_damage_and_newer_versions_are_unreadable_and_raise_nothing(damage: bytes) -> None:
    # Depth alone is no damage where the reader skips the field: then the fields it knows are given.
    assert read_request_summary(damage) in {None, read_request_summary(REQUEST_BYTES)}
    assert read_end_summary(damage) in {None, read_end_summary(END_BYTES)}


def test_a_caller_and_its_session_are_told_apart_by_a_part_of_their_digests() -> None:
    known = replace(REQUEST, caller=Digest("c" * 32), isolation=Digest("d" * 32))
    data = request_summary(known)
    assert data == REQUEST_BYTES[:-1] + b',[],null,null,null,null,null,"%s","%s"]' % (b"c" * 16, b"d" * 16)
    read = read_request_summary(data)
    assert read is not None
    assert (read.caller, read.isolation) == ("c" * 16, "d" * 16)
    assert request_summary(replace(known, caller=None)) == REQUEST_BYTES
    assert request_summary(replace(known, isolation=None)).endswith(b'"cccccccccccccccc"]')


def test_what_a_turn_took_of_its_model_stands_last() -> None:
    counted = replace(
        REQUEST, input_tokens=110, input_budget=900, counted_tokens=100, withheld_by={"old_words": 2}
    )
    data = request_summary(counted)
    assert data == REQUEST_BYTES[:-1] + b",[],[100,110,900,2,false,false]]"
    assert read_request_summary(data[:-8] + b"]]") == read_request_summary(data), "an older version wrote it"
    summary = read_request_summary(data)
    assert summary is not None
    assert summary.budget == BudgetSummary(
        counted=100, used=110, available=900, withheld=2, rolled_over=False, compacted=False
    )
    moved = read_request_summary(request_summary(replace(counted, resolution_reason="rolled_over")))
    assert moved is not None
    assert moved.budget is not None
    assert (moved.budget.rolled_over, moved.budget.compacted) == (True, False)
    compacted = read_request_summary(request_summary(replace(counted, resolution_reason="compacted")))
    assert compacted is not None
    assert compacted.budget is not None
    assert (compacted.budget.rolled_over, compacted.budget.compacted) == (False, True)


def test_what_was_asked_and_the_age_of_its_session_stand_behind_what_an_older_version_writes() -> None:
    placed = replace(REQUEST, turn=Digest("0123456789abcdef"), session_age_ms=0)
    data = request_summary(placed)
    assert data == REQUEST_BYTES[:-1] + b',[],null,"0123456789abcdef",0]'
    read = read_request_summary(data)
    assert read is not None
    assert (read.turn, read.session_age_ms) == ("0123456789abcdef", 0)
    older = read_request_summary(REQUEST_BYTES)
    assert older is not None
    assert (older.turn, older.session_age_ms) == (None, None)


def test_whose_figures_a_usage_has_stands_last() -> None:
    data = end_summary(replace(END, usage_source="mixed"))
    assert data == END_BYTES[:-1] + b',[],null,"mixed"]'
    summary = read_end_summary(data)
    assert summary is not None
    assert (summary.calls, summary.usage_source) == ((), "mixed")


def test_the_account_that_served_a_run_stands_last() -> None:
    data = end_summary(END, account="a")
    assert data == END_BYTES[:-1] + b',[],null,null,"a"]'
    ended = read_end_summary(data)
    assert ended is not None
    assert ended.account == "a"


def test_the_tools_that_a_runtime_ran_stand_last() -> None:
    data = end_summary(replace(END, runtime_tools=3))
    assert data == END_BYTES[:-1] + b",[],null,null,null,3]"
    ended = read_end_summary(data)
    assert ended is not None
    assert ended.runtime_tools == 3
