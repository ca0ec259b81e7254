"""Ten faults, each induced for real, and what `mix2api explain` says of it."""

import io
import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio
from redis_server import RedisServer
from whole_system import Shape, WholeSystem, until, whole_system

from mix2api.cli.explain import ExplainQuery, explain
from mix2api.clock import SystemClock

FAULTS = {
    "answers": ("hello", "stop", None, "nobody"),
    "refuses": ("[[status:500]]", "upstream_error", "status", "upstream"),
    "rejects": ("[[status:401]]", "upstream_auth_error", "status", "upstream"),
    "breaks": ("[[cut]]", "upstream_error", "truncated", "upstream"),
    "says": ("[[error_mid]]", "upstream_error", "error_frame", "upstream"),
    "waits": ("[[silence:60000]]", "timeout", "idle", "upstream"),
    "aborts": ("[[abort]]", "upstream_error", "aborted", "upstream"),
    "babbles": ("[[bad_json]]", "upstream_error", "protocol", "upstream"),
    "sleeps": ("[[silent]]", "timeout", "idle", "upstream"),
    "filters": ("[[content_filter]]", "content_filter", None, "nobody"),
}
"""Word -> prompt, and the ending that it leads to."""


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[RedisServer]:
    """For a test that takes the store away."""
    server = RedisServer(tmp_path)
    server.start()
    yield server
    server.stop()


async def page_of(system: WholeSystem, request_id: str) -> dict[str, Any]:
    """The page, once the receipt is there."""
    page: dict[str, Any] = {}

    async def told() -> bool:
        out = io.StringIO()
        query = ExplainQuery(word=request_id, as_json=True)
        if await explain(system.store, query, out, SystemClock()):
            return False
        page.update(json.loads(out.getvalue()))
        return bool(page["ledger"]["is_whole"])

    await until(told)
    return page


@pytest.mark.parametrize("shape", Shape)
async def test_each_fault_is_named_right_from_the_page_alone(shape: Shape, redis_server: RedisServer) -> None:
    async with whole_system(shape, redis_server.url, UPSTREAM_TIMEOUT_MS="600") as system:
        async with trio.open_nursery() as nursery:
            for word, (prompt, *_) in FAULTS.items():
                ask = partial(system.client.ask, prompt, stream=True, headers={"x-request-id": word})
                nursery.start_soon(ask)
        for word, (_, end_reason, detail, fault) in FAULTS.items():
            page = await page_of(system, word)
            assert (page["end_reason"], page["detail"], page["fault"]) == (end_reason, detail, fault), page
            ledger = page["ledger"]
            assert sum(ledger["by_owner"].values()) == ledger["wall_ms"]
            assert ledger["short_ms"] + sum(gap["ms"] for gap in ledger["gaps"]) == ledger["wall_ms"]
        waits = await page_of(system, "waits")
        assert any(gap["owner"] == "site" and gap["ms"] >= 500 for gap in waits["ledger"]["gaps"])


async def test_refused_requests_are_named_right_too(redis_server: RedisServer) -> None:
    settings = {"INBOUND_AUTH_MODE": "bearer", "INBOUND_BEARER_TOKEN": "the one right key"}
    async with whole_system(Shape.SERVE, redis_server.url, **settings) as system:
        key = {"authorization": "Bearer the one right key"}
        await system.client.ask("hello", headers={"x-request-id": "keyless"})
        await system.client.ask("hello", headers={"x-request-id": "badly", **key}, max_tokens=-1)
        keyless, badly = await page_of(system, "keyless"), await page_of(system, "badly")
    assert (keyless["end_reason"], keyless["http_status"], keyless["fault"]) == ("auth_error", 401, "client")
    assert (badly["end_reason"], badly["refusal"]["param"]) == ("invalid_request", "max_tokens")


async def test_a_turn_that_ran_again_is_one_request_with_two_runs(redis_server: RedisServer) -> None:
    async with whole_system(Shape.SERVE, redis_server.url) as system:
        first = await system.client.ask("hello", stream=True)
        (lost,) = system.demo.sessions
        system.demo.site.forget(lost)
        history = [
            {"role": "user", "content": "hello"},
            {"role": "assistant", "content": first.text()},
            {"role": "user", "content": "and again"},
        ]
        await system.client.ask("", messages=history, stream=True, headers={"x-request-id": "twice"})
        page = await page_of(system, "twice")
    assert [run["end_reason"] for run in page["runs"]] == ["upstream_error", "stop"]
    assert page["runs"][1]["reason"] == "upstream_lost"
    assert (page["end_reason"], page["fault"]) == ("stop", "nobody")


async def printed(system: WholeSystem, request_id: str) -> dict[str, str]:
    """The lines of the page that name the culprit, as an operator reads them."""
    await page_of(system, request_id)
    out = io.StringIO()
    assert await explain(system.store, ExplainQuery(word=request_id), out, SystemClock()) == 0
    lines = [line.partition("  ") for line in out.getvalue().splitlines()]
    return {name: told.strip() for name, _, told in reversed(lines)}


KEY = {"authorization": "Bearer the one right key"}
STOPWATCH = {
    "gone": ("client_abort/hung_up", "the client's"),
    "cut": ("upstream_error/truncated", "the site's"),
    "limited": ("upstream_error/status", "the site's"),
    "silent": ("timeout/idle", "the site's"),
    "crowded": ("overloaded/queue", "mix2api's"),
    "badly": ("invalid_request", "the client's"),
    "large": ("budget_rejected", "the client's"),
    "keyless": ("auth_error", "the client's"),
    "outage": ("unavailable", "mix2api's"),
}
"""Request id -> what happened, and whose doing it was. The tenth, a lost worker, is in `tests/processes/test_deaths.py`."""


async def induce_all(system: WholeSystem, own_server: RedisServer) -> None:
    def named(word: str) -> dict[str, str]:
        return {"x-request-id": word, **KEY}

    for word, prompt in (("cut", "[[cut]]"), ("limited", "[[429:7]]"), ("silent", "[[silence:60000]]")):
        await system.client.ask(prompt, headers=named(word), stream=True)
    await system.client.ask("hello", headers=named("badly"), max_tokens=-1)
    await system.client.ask("too much " * 3000, headers=named("large"))
    await system.client.ask("hello", headers={"x-request-id": "keyless"})
    async with system.client.asking("[[chunks:900]][[pace:50]]", headers=named("gone"), stream=True) as asked:
        await asked.head()
        await system.client.ask("hello", headers=named("crowded"))
        await asked.hang_up()
    await system.ended_run_of("gone")
    own_server.pause()
    assert (await system.client.ask("hello", headers=named("outage"))).status == 503
    own_server.resume()


async def test_nine_culprits_are_named_right_on_the_printed_page(own_server: RedisServer) -> None:
    settings = {
        "INBOUND_AUTH_MODE": "bearer",
        "INBOUND_BEARER_TOKEN": "the one right key",
        "UPSTREAM_TIMEOUT_MS": "600",
        "MIX2API_MAX_CONCURRENCY": "1",
        "MIX2API_QUEUE_MAX": "0",
        "MODEL_PROFILE_JSON": '{"*": {"context_window": 2000, "max_input_tokens": 2000, "max_new_tokens": 100}}',
    }
    async with whole_system(Shape.SERVE, own_server.url, **settings) as system:
        await induce_all(system, own_server)
        pages = {word: await printed(system, word) for word in STOPWATCH}
    named = {word: (page["happened"], page["whose doing"]) for word, page in pages.items()}
    assert named == STOPWATCH
    assert all(page["look at"] and page["do"] for page in pages.values())
