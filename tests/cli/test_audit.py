"""`mix2api audit`, over a real store."""

import argparse
import io
import json
import re
from typing import Any

import pytest
from kept_conversations import SHARDS, begin, keys_of, opened, say
from redis_server import RedisServer
from refusal_entries import refusal
from session_scripts import accept, chunk, conclude, good_run, stop
from stored_runs import new_session, store_script, stored

from mix2api.cli.audit import AuditQuery, add_parser, audit, dimensions
from mix2api.clock import SystemClock
from mix2api.events.log import GivenEnding
from mix2api.identity import Mint
from mix2api.projections.audit import Dimension
from mix2api.settings import load_settings
from mix2api.store.refused_requests import ENTRIES_A_SECOND
from mix2api.store.store import Store
from mix2api.vocabulary import ChunkKind, EndReason, Receipt, RequestId, RunId, Shard

DAY_MS = 86_400_000


def new_run(store: Store) -> RunId:
    return Mint(store.seal, SystemClock()).run_id()


async def audited(store: Store, **wanted: Any) -> tuple[int, str]:
    assert await store.log.writer.drain(5), "receipts wait up to a second for company"
    out = io.StringIO()
    code = await audit(store, AuditQuery(window_ms=DAY_MS, **wanted), out)
    return code, out.getvalue()


async def fill(store: Store) -> None:
    """Two good streams (one without a receipt), one abort, one run that is under way."""
    done, silent, aborted, running = (new_run(store) for _ in range(4))
    session = new_session(store, 0)
    await store_script(store, session, good_run(done))
    store.log.receipt(GivenEnding(session, done, RequestId("req-1"), Receipt.WRITTEN, EndReason.STOP))
    await store_script(store, new_session(store, 1), good_run(silent, client="codex"))
    abort = [accept(aborted), chunk(ChunkKind.OPEN, aborted), stop(run=aborted), conclude(aborted)]
    await store_script(store, new_session(store, 2), abort)
    await store_script(store, new_session(store, 3), [accept(running)])


async def test_the_json_form_counts_every_run_once(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        await fill(store)
        code, text = await audited(store, as_json=True)
    assert code == 0
    assert json.loads(text) == {
        "window_ms": DAY_MS,
        "requests": 4,
        "ended": 3,
        "open": 1,
        "orphans": 0,
        "unknown": 0,
        "coverage": 1.0,
        "done_coverage": 0.5,
        "success": 1,
        "success_rate": 0.5,
        "broken": 1,
        "mismatched": 0,
        "no_receipt": 1,
        "reworded": 0,
        "tool_loops": 0,
        "tool_loops_returned": 0,
        "tool_loops_closed": 0,
        "tool_loops_abandoned": 0,
        "loop_closure": None,
        "counted": 0,
        "trimmed": 0,
        "rolled_over": 0,
        "over_budget": 0,
        "compacted": 0,
        "by_usage_source": {},
        "by_end_reason": {"stop": 2, "client_abort": 1},
        "unreadable": 0,
        "refused": 0,
        "refused_by_end_reason": {},
        "refused_store_away": 0,
        "server_side_tool_executions": 0,
        "runtime_tool_executions": 0,
        "groups": [],
    }


async def test_groups_carry_their_values_and_figures(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        await fill(store)
        _, text = await audited(store, as_json=True, by=(Dimension.CLIENT, Dimension.STREAM))
    groups = json.loads(text)["groups"]
    assert [(group["by"], group["requests"]) for group in groups] == [
        ({"client": "opencode", "stream": True}, 3),
        ({"client": "codex", "stream": True}, 1),
    ]


async def test_people_get_tables(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        await fill(store)
        code, text = await audited(store, by=(Dimension.TOOLS_PRESENT, Dimension.HTTP_STATUS))
    assert code == 0
    lines = [line.split() for line in text.splitlines()]
    assert lines[0] == ["the", "last", "1d"]
    assert ["requests", "4"] in lines
    assert ["coverage", "100.00", "%"] in lines
    assert ["success", "1"] in lines
    assert ["success", "rate", "50.00", "%"] in lines
    assert ["no", "receipt", "1"] in lines
    assert ["stop", "2", "66.66", "%"] in lines
    assert ["server-side", "tool", "executions", "0"] in lines
    assert ["false", "none", "1", "0", "1", "0", "0", "0", "0", "none", "none", "0", "none"] in lines


async def test_budgets_are_told_with_their_shares(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        known = {"input_tokens": 110, "input_budget": 900, "counted_tokens": 100}
        await store_script(store, new_session(store, 0), good_run(new_run(store), **known))
        trimmed = good_run(new_run(store), **known, withheld_by={"old_words": 2})
        await store_script(store, new_session(store, 1), trimmed)
        await store_script(store, new_session(store, 2), good_run(new_run(store)))
        _, table = await audited(store)
        _, text = await audited(store, as_json=True)
    lines = [line.split() for line in table.splitlines()]
    assert ["counted", "2"] in lines
    assert ["trimmed", "1", "(50.00", "%)"] in lines
    assert ["rolled", "over", "0", "(0.00", "%)"] in lines
    assert ["over", "budget", "0", "(0.00", "%)"] in lines
    report = json.loads(text)
    assert (report["counted"], report["trimmed"], report["over_budget"]) == (2, 1, 0)


async def test_an_orphan_lowers_the_coverage_and_fails_the_audit(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        await fill(store)
        await store.heartbeat.stop()
        code, text = await audited(store, as_json=True)
        low, _ = await audited(store, as_json=True, least=0.5)
    report = json.loads(text)
    assert (report["open"], report["orphans"], report["coverage"]) == (1, 1, 0.75)
    assert (code, low) == (1, 0)


async def test_unknown_endings_fail_the_audit(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        run = new_run(store)
        script = [accept(run), stop(EndReason.UNKNOWN, None, run), conclude(run)]
        await store_script(store, new_session(store), script)
        code, text = await audited(store, as_json=True)
    assert code == 1
    assert json.loads(text)["unknown"] == 1


async def test_an_audit_of_nothing_lacks_nothing(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        code, text = await audited(store, as_json=True)
        _, table = await audited(store)
    report = json.loads(text)
    assert (code, report["requests"], report["coverage"], report["done_coverage"]) == (0, 0, None, None)
    assert "end_reason" not in table


async def test_refused_requests_are_told_of_and_count_for_nothing_else(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        store.log.refused(3)
        await fill(store)
        _, text = await audited(store, as_json=True)
    report = json.loads(text)
    assert (report["refused_store_away"], report["requests"]) == (3, 4)


async def test_damaged_and_newer_entries_are_counted_as_unreadable_or_left_out(
    redis_server: RedisServer,
) -> None:
    async with stored(redis_server.url) as store:
        await fill(store)
        key = store.keys.audit(Shard(0))
        redis_server.command("XADD", key, "*", "k", "run", "r", "run_cut")
        redis_server.command(
            "XADD", key, "*", "k", "run", "r", b"\xff", "s", "", "a", "?", "e", "?", "later", "1"
        )
        redis_server.command("XADD", key, "*", "k", "refused", "n", "many")
        redis_server.command("XADD", key, "*", "k", "receipt")
        redis_server.command("XADD", key, "*", "k", "a later kind", "n", "1")
        code, text = await audited(store, as_json=True)
    report = json.loads(text)
    assert (code, report["unreadable"], report["requests"], report["ended"]) == (1, 2, 6, 3)


def parsed(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(exit_on_error=False)
    add_parser(parser.add_subparsers())
    return parser.parse_args(["audit", *words])


def test_the_arguments_have_the_defaults_that_the_help_names() -> None:
    given = parsed()
    assert (given.window, given.by, given.min, given.json) == (DAY_MS, (), 0.99, False)


def test_dimensions_are_read_once_each_and_in_order() -> None:
    assert dimensions("stream, client,stream") == (Dimension.STREAM, Dimension.CLIENT)


@pytest.mark.parametrize(
    "words", [["--by", "clients"], ["--by", ","], ["--min", "2"], ["--min", "x"], ["--window", "0h"]]
)
def test_wrong_arguments_are_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        parsed(*words)
    assert refused.value.code == 2
    assert words[1] in capsys.readouterr().err


async def test_refused_requests_are_counted_apart(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        for _ in range(ENTRIES_A_SECOND + 5):
            store.refused.note(refusal(end_reason=EndReason.AUTH_ERROR, http_status=401))
        store.refused.flush()
        assert await store.log.writer.drain(5)
        _, text = await audited(store, as_json=True)
        _, table = await audited(store)
    report = json.loads(text)
    assert (report["requests"], report["refused"]) == (0, ENTRIES_A_SECOND + 5)
    assert report["refused_by_end_reason"] == {"auth_error": ENTRIES_A_SECOND + 5}
    assert ["auth_error", str(ENTRIES_A_SECOND + 5)] in [line.split() for line in table.splitlines()]


@pytest.mark.parametrize("as_json", [False, True])
async def test_conversations_are_counted_where_there_are_any(
    redis_server: RedisServer, *, as_json: bool
) -> None:
    query = AuditQuery(window_ms=DAY_MS, as_json=as_json)
    settings = [
        load_settings({"MIX2API_SHARDS": str(SHARDS), "MIX2API_CONVERSATIONS": word}, None)
        for word in ("true", "false")
    ]
    async with stored(redis_server.url) as store:
        await begin(opened(store))
        await say(opened(store))
        told = [io.StringIO() for _ in settings]
        for out, each in zip(told, settings, strict=True):
            assert await audit(store, query, out, each) == 0
        there, absent = (out.getvalue() for out in told)
        if as_json:
            assert json.loads(there)["conversations"]["turns"] == {"CREATED": 1}
        else:
            assert re.search(r"turns +CREATED +1", there)
        assert "CREATED" not in absent
        redis_server.command("XADD", keys_of(store)["log"], "*", "k", "junk")
        assert await audit(store, query, io.StringIO(), settings[0]) == 1
