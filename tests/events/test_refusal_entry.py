"""The audit entries of refused requests."""

import pytest
from msgspec import structs
from refusal_entries import counted, refusal

from mix2api.events.edge_times import EdgeTimes
from mix2api.events.refusal_entry import (
    RefusalCount,
    read_refusal,
    read_refusal_count,
    refusal_bytes,
)
from mix2api.vocabulary import Channel, EndReason

ENTRY_BYTES = (
    b'[1,1700000000000,"req-1",null,"opencode",true,false,"mix/claude","POST","/v1/chat/completions",'
    b'"invalid_request",null,400,"invalid_value","messages[0].role",123,4,"stable",null,null]'
)
COUNT = RefusalCount(
    at_ms=1_700_000_000_000,
    end_reason=EndReason.AUTH_ERROR,
    detail=None,
    http_status=401,
    channel=Channel.CANARY,
    by_client=(counted(7, "curl", stream=None, tools_present=None), counted(2, "other")),
)
COUNT_BYTES = (
    b'[1,1700000000000,"auth_error",null,401,"canary",[["curl",null,null,7],["other",true,false,2]],null]'
)


def test_the_bytes_of_version_one_stay_as_they_are() -> None:
    assert refusal_bytes(refusal()) == ENTRY_BYTES
    assert refusal_bytes(COUNT) == COUNT_BYTES


def test_both_kinds_are_read_back_whole() -> None:
    assert read_refusal(ENTRY_BYTES) == refusal()
    assert read_refusal_count(COUNT_BYTES) == COUNT


def test_the_edges_times_are_read_back_and_may_be_missing() -> None:
    timed = refusal(times=EdgeTimes(body=3, over=5))
    assert read_refusal(refusal_bytes(timed)) == timed
    assert read_refusal(ENTRY_BYTES.replace(b",null,null]", b"]")) == refusal()


def test_a_refusal_counts_against_the_worker_s_channel_where_one_refused_it() -> None:
    by_worker = refusal(worker_channel=Channel.CANARY)
    assert read_refusal(refusal_bytes(by_worker)) == by_worker
    assert (by_worker.refused_by, refusal().refused_by) == (Channel.CANARY, Channel.STABLE)
    counts = structs.replace(COUNT, worker_channel=Channel.STABLE)
    assert read_refusal_count(refusal_bytes(counts)) == counts
    assert (counts.refused_by, COUNT.refused_by) == (Channel.STABLE, Channel.CANARY)


def test_an_entry_of_a_version_that_did_not_say_the_worker_s_channel_is_read() -> None:
    assert read_refusal(ENTRY_BYTES.replace(b",null,null]", b",null]")) == refusal()
    assert read_refusal_count(COUNT_BYTES.replace(b",null]", b"]")) == COUNT


def test_fields_that_a_later_version_adds_are_passed_over() -> None:
    assert read_refusal(ENTRY_BYTES[:-1] + b',"more"]') == refusal()
    assert read_refusal_count(COUNT_BYTES[:-1] + b',{"more":1}]') == COUNT


@pytest.mark.parametrize(
    "data",
    [b"", b"\xff", b"{}", b"[]", b"[2" + ENTRY_BYTES[2:], b"[2" + COUNT_BYTES[2:], b"[" * 100_000],
    ids=["nothing", "no text", "an object", "too short", "a newer entry", "a newer count", "a deep nest"],
)
def test_what_is_damaged_or_newer_is_none(data: bytes) -> None:
    assert read_refusal(data) is None
    assert read_refusal_count(data) is None
