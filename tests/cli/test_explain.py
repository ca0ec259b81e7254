"""`mix2api explain`, over a real store."""

import io
import json

from redis_server import RedisServer
from refusal_entries import refusal
from session_scripts import accept, chunk, conclude, good_run
from stored_runs import append_raw, new_session, store_script, stored

from mix2api.cli.explain import ExplainQuery, explain
from mix2api.clock import SystemClock
from mix2api.events.edge_times import EdgeTimes
from mix2api.events.log import GivenEnding
from mix2api.identity import Mint
from mix2api.store.store import Store
from mix2api.vocabulary import ChunkKind, Detail, EndReason, Receipt, RequestId, RunId

CLOCK = SystemClock()
TIMES = EdgeTimes(body=1, understood=2, found=3, submitted=4, accepted=16, ended=2000, over=2001)


def new_run(store: Store) -> RunId:
    return Mint(store.seal, CLOCK).run_id()


async def explained(store: Store, word: str, *, as_json: bool = False) -> tuple[int, str]:
    out = io.StringIO()
    code = await explain(store, ExplainQuery(word=word, as_json=as_json), out, CLOCK)
    return code, out.getvalue()


async def timed_out(store: Store, request_id: str, **fields: object) -> RunId:
    """A run that the site let wait for two seconds."""
    run, session = new_run(store), new_session(store)
    script = [
        accept(run, request_id=RequestId(request_id), **fields),
        chunk(ChunkKind.OPEN, run, 12),
        chunk(
            ChunkKind.ERROR, run, 1980, cause=EndReason.TIMEOUT, detail=Detail.IDLE.value, upstream_status=200
        ),
        conclude(run, 1981),
    ]
    await store_script(store, session, script)
    given = GivenEnding(session, run, RequestId(request_id), Receipt.ERROR_WRITTEN, EndReason.TIMEOUT, TIMES)
    store.log.receipt(given)
    assert await store.log.writer.drain(5)
    return run


async def test_a_page_says_what_happened_whose_doing_it_was_and_what_to_do(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        run = await timed_out(
            store, "slow", messages_withheld=2, withheld_by={"old_chain": 2}, summary="model"
        )
        code, text = await explained(store, "slow")
        by_run_code, by_run = await explained(store, run)
    lines = {line[:12].strip(): line[13:] for line in text.splitlines()}
    assert (code, by_run_code) == (0, 0)
    assert by_run == text
    assert lines["happened"] == "timeout/idle"
    assert lines["whose doing"] == "the site's"
    assert lines["client saw"] == "this very ending, whole"
    assert lines["cut"] == (
        "2 messages, 0 tools: limits or a budget that an operator set (trimmed: old_chain 2; summary: model)"
    )
    assert lines["do"].startswith("Ask the site's operator")
    rows = [line.split() for line in text.splitlines()]
    assert ["+16", "1968", "site", "waiting", "for", "the", "first", "piece"] in rows
    assert ["2001", "wall", "time"] in rows
    assert "session" in text
    assert "fresh, because no_history" in text
    assert "HTTP 200" in text


async def test_the_json_form_has_all_of_it_and_adds_up(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        await timed_out(store, "slow")
        _, text = await explained(store, "slow", as_json=True)
    page = json.loads(text)
    ledger = page["ledger"]
    assert (page["end_reason"], page["fault"], page["runs"][0]["site"]["status"]) == (
        "timeout",
        "upstream",
        200,
    )
    assert sum(ledger["by_owner"].values()) == ledger["wall_ms"] == 2001
    assert ledger["short_ms"] + sum(gap["ms"] for gap in ledger["gaps"]) == 2001


async def test_a_refused_request_is_explained_too(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        store.refused.note(refusal(request_id="bad"))
        store.refused.note(
            refusal(request_id="left", code=None, param=None, end_reason=EndReason.CLIENT_ABORT)
        )
        assert await store.log.writer.drain(5)
        code, text = await explained(store, "bad")
        _, left = await explained(store, "left")
    assert code == 0
    assert "happened     invalid_request\nwhose doing  the client's\n" in text
    assert "refused      POST /v1/chat/completions: invalid_value at messages[0].role" in text
    assert "POST /v1/chat/completions: given up" in left


async def test_of_a_run_and_a_refusal_with_one_id_the_later_is_explained(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        run = new_run(store)
        await store_script(store, new_session(store), good_run(run, request_id=RequestId("both")))
        store.refused.note(refusal(request_id="both", at_ms=1_600_000_000_000))
        assert await store.log.writer.drain(5)
        _, first = await explained(store, "both")
        store.refused.note(refusal(request_id="both", at_ms=1_700_000_001_000))
        assert await store.log.writer.drain(5)
        _, second = await explained(store, "both")
    assert "happened     stop" in first
    assert "refused too  1 requests with this id" in first
    assert "happened     invalid_request" in second


async def test_an_open_run_and_damage_are_told(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        run, session = new_run(store), new_session(store)
        await store_script(store, session, [accept(run, worker=store.process)])
        await append_raw(store, session, "end", "99", b"{}")
        code, text = await explained(store, "req-1")
    assert code == 0
    assert "happened     open" in text
    assert "site       was not called" in text
    assert "1 entries of the log cannot be read" in text
    assert "the edge's own times are missing" in text


async def test_many_gaps_are_shown_the_longest_first_and_the_rest_as_a_sum(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        run = new_run(store)
        pieces = [
            chunk(ChunkKind.TEXT, run, 300 * n, first_frame=n, last_frame=n, frames=1) for n in range(1, 61)
        ]
        script = [accept(run), chunk(ChunkKind.OPEN, run, 0), *pieces, conclude(run, 18_000)]
        await store_script(store, new_session(store), script[:-1])
        _, text = await explained(store, "req-1")
        _, document = await explained(store, "req-1", as_json=True)
    assert "20 shorter gaps" in text
    assert len(json.loads(document)["ledger"]["gaps"]) == 60


async def test_earlier_requests_with_the_same_id_are_named(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        first = await timed_out(store, "again")
        await timed_out(store, "again")
        _, text = await explained(store, "again")
    assert f"1 runs had this request id: `mix2api explain {first}`" in text


async def test_what_is_not_known_gives_3(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        for word in ("nobody", "run_018bcfe568000123", new_session(store)):
            code, text = await explained(store, word)
            assert (code, "nothing is known" in text) == (3, True)
