"""The console's pages over a real store, and its door."""

import re

import pytest
from console_runs import ended
from redis_server import RedisServer
from refusal_entries import refusal
from shown_console import COOKIE, TOKENS, shown, words_of
from stored_runs import stored

from mix2api.console.app import HEADERS
from mix2api.console.door_views import FORM_BYTES
from mix2api.console.tokens import Role
from mix2api.vocabulary import EndReason

SCRIPT = "<script>alert(1)</script>"


async def test_the_overview_counts_what_ended_and_links_to_it(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        await ended(store, "good")
        await ended(store, "slow", EndReason.TIMEOUT)
        async with shown(store) as seen:
            page = await seen.visitor.page("/")
            link = re.search(r'href="(/runs[^"]*reason=timeout[^"]*)"', page)
            assert link is not None
            listed = words_of(await seen.visitor.page(link[1].replace("&amp;", "&")))
    words = words_of(page)
    assert "1 Failed runs 2 All runs" in words
    assert "opencode 50.00% breach 1/2" in words
    assert "timeout: 1" in words
    assert "stop: 1" in words
    assert "timeout/idle" in listed
    assert "1 runs" in listed


async def test_a_run_is_found_by_any_of_its_ids_and_by_a_part_of_one(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        run = await ended(store, "job-4711-a", EndReason.TIMEOUT)
        await ended(store, "job-4711-b")
        async with shown(store) as seen:
            both = words_of(await seen.visitor.page("/runs?word=4711"))
            one = await seen.visitor.get("/runs?word=job-4711-a")
            by_run = await seen.visitor.get(f"/runs?word={run}")
            page = words_of(await seen.visitor.page(one.headers["location"]))
    assert "2 runs" in both
    assert one.headers["location"] == "/run?id=job-4711-a"
    assert by_run.headers["location"] == f"/run?id={run}"
    assert "Happened timeout/idle Whose doing the site's Do Ask the site's operator" in page
    assert "waiting for the first piece" in page
    assert "Recomputed from the events: timeout/idle: as recorded" in page
    assert f"mix2api replay {run}" in page


async def test_a_refused_request_is_listed_and_explained(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        store.refused.note(refusal(request_id="bad"))
        assert await store.log.writer.drain(5)
        async with shown(store) as seen:
            listed = words_of(await seen.visitor.page("/runs"))
            page = words_of(await seen.visitor.page("/run?id=bad"))
            unknown = await seen.visitor.get("/run?id=nobody")
    assert "invalid_request refused before a run began" in listed
    assert "Whose doing the client's" in page
    assert "POST /v1/chat/completions: invalid_value (messages[0].role)" in page
    assert "has no events" in page
    assert unknown.status_code == 404


async def test_older_runs_are_a_page_away_and_new_ones_move_nothing(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        for number in range(52):
            await ended(store, f"req-{number:02d}")
        async with shown(store) as seen:
            first = await seen.visitor.page("/runs")
            older = re.search(r'rel="next" href="([^"]+)"', first)
            assert older is not None
            await ended(store, "req-new")
            await seen.console.following.look()
            second = await seen.visitor.page(older[1].replace("&amp;", "&"))
    ids = re.compile(r">(req-[^<]+)</a>")
    assert len(ids.findall(first)) == 50
    assert sorted(ids.findall(first) + ids.findall(second)) == [f"req-{number:02d}" for number in range(52)]


async def test_nobody_sees_a_page_without_a_sign_in(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store, shown(store) as seen:
        stranger = seen.another()
        for path in ("/", "/runs", "/run?id=x", "/nowhere"):
            answer = await stranger.get(path)
            assert answer.status_code == 401, path
            assert "Admin token" in await answer.get_data(as_text=True)
        cookie = seen.visitor.cookies[COOKIE]
        stranger.cookies = {COOKIE: cookie[:-1] + ("1" if cookie.endswith("0") else "0")}
        forged = await stranger.get("/")
        stranger.cookies = {COOKIE: seen.visitor.cookies[COOKIE].replace("view~", "operate~")}
        raised = await stranger.get("/")
        assert (forged.status_code, raised.status_code) == (401, 401)


async def test_a_sign_in_leads_back_to_the_page_and_to_no_other_host(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store, shown(store) as seen:
        for target, led in (
            ("/runs?reason=failed", "/runs?reason=failed"),
            ("//elsewhere.example", "/"),
            ("/\\elsewhere.example", "/"),
            ("https://elsewhere.example", "/"),
        ):
            answer = await seen.another().post("/sign-in", {"token": TOKENS[Role.VIEW], "target": target})
            assert answer.headers["location"] == led
        cookie = answer.headers["set-cookie"]
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))


async def test_after_five_wrong_tokens_an_address_has_to_wait(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store, shown(store) as seen:
        stranger = seen.another()
        wrong = [(await stranger.post("/sign-in", {"token": "guess"})).status_code for _ in range(6)]
        right = await stranger.post("/sign-in", {"token": TOKENS[Role.OPERATE]})
    assert wrong == [403] * 5 + [429]
    assert right.status_code == 429
    assert 1 <= int(right.headers["retry-after"]) <= 61


async def test_a_stranger_s_form_that_is_too_large_is_not_read(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store, shown(store) as seen:
        form = {"token": TOKENS[Role.VIEW], "target": "/", "more": "x" * FORM_BYTES}
        refused = await seen.another().post("/sign-in", form)
        long = await seen.another().post_long("/sign-in", form)
    assert (refused.status_code, long.status_code) == (413, 413)


async def test_another_site_s_page_can_neither_sign_in_nor_out(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store, shown(store) as seen:
        planted = await seen.another().post(
            "/sign-in", {"token": TOKENS[Role.VIEW]}, sec_fetch_site="cross-site"
        )
        without = await seen.visitor.post("/sign-out", {})
        stolen = seen.another()
        await stolen.sign_in(Role.OPERATE)
        with_another_s = await seen.visitor.post("/sign-out", {"csrf": await stolen.csrf()})
        still = await seen.visitor.get("/")
        out = await seen.visitor.post("/sign-out", {"csrf": await seen.visitor.csrf()})
    assert (planted.status_code, without.status_code, with_another_s.status_code) == (403, 403, 403)
    assert (still.status_code, out.status_code) == (200, 303)


async def test_a_cookie_that_was_signed_out_is_good_for_nothing(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store, shown(store) as seen:
        kept = dict(seen.visitor.cookies)
        await seen.visitor.post("/sign-out", {"csrf": await seen.visitor.csrf()})
        assert seen.visitor.cookies == {}
        seen.visitor.cookies = kept
        assert (await seen.visitor.get("/")).status_code == 401


async def test_a_link_from_another_site_s_page_finds_the_reader_signed_in(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store, shown(store) as seen:
        page = await seen.another().page("/run?id=x", sec_fetch_site="cross-site")
    assert '<meta http-equiv="refresh" content="0">' in page


async def test_every_answer_forbids_foreign_content(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store, shown(store) as seen:
        for path in ("/", "/runs?range=never", "/nowhere", "/assets/console.js", "/assets/none"):
            answer = await seen.visitor.get(path)
            assert {name: answer.headers[name] for name in HEADERS if name != "cache-control"} == {
                name: value for name, value in HEADERS.items() if name != "cache-control"
            }
        pages = [await seen.visitor.page(path) for path in ("/", "/runs")]
    assert "unsafe" not in HEADERS["content-security-policy"]
    for page in pages:
        assert re.findall(r'(?:href|src|action)="(?![/#])[^"]*"', page) == []
        assert "style=" not in page
        assert re.search(r"\son\w+=", page) is None


@pytest.mark.parametrize("path", ["/run?id={}", "/runs?client={}", "/runs?model={}", "/nowhere/{}"])
async def test_a_script_in_an_address_is_text(redis_server: RedisServer, path: str) -> None:
    async with stored(redis_server.url) as store, shown(store) as seen:
        answer = await seen.visitor.get(path.format(SCRIPT.replace("/", "%2F")))
        page = await answer.get_data(as_text=True)
    assert "<script>alert" not in page


async def test_a_script_in_a_client_s_or_model_s_name_or_in_an_error_is_text(
    redis_server: RedisServer,
) -> None:
    async with stored(redis_server.url) as store:
        await ended(store, "odd", EndReason.ADAPTER_ERROR, client=SCRIPT, model=SCRIPT)
        async with shown(store) as seen:
            pages = [await seen.visitor.page(path) for path in ("/", "/runs", "/run?id=odd")]
    assert all("&lt;script&gt;" in page for page in pages)
    assert not any("<script>alert" in page for page in pages)


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("range=never", "range"),
        ("since=x", "since"),
        ("until=99999999999999", "until"),
        ("since=5&until=4", "since"),
        ("reason=x", "reason"),
        ("channel=x", "channel"),
        ("word=%3Cx", "word"),
        ("after=x", "after"),
    ],
)
async def test_a_value_that_is_not_allowed_is_named(redis_server: RedisServer, query: str, name: str) -> None:
    async with stored(redis_server.url) as store, shown(store) as seen:
        answer = await seen.visitor.get(f"/runs?{query}")
        words = words_of(await answer.get_data(as_text=True))
    assert answer.status_code == 400
    assert f"a value that is not allowed: {name}" in words


async def test_the_reader_s_language_is_kept(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store, shown(store) as seen:
        accepted = await seen.visitor.page("/", accept_language="zh-CN,zh;q=0.9")
        answer = await seen.visitor.get("/language?to=zh&target=/runs")
        chosen = await seen.visitor.page(answer.headers["location"], accept_language="en")
    assert '<html lang="zh">' in accepted
    assert "概览" in accepted
    assert "搜索" in chosen


async def test_a_fault_of_ours_is_a_page_without_its_words_and_a_line_with_its_place(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def broken(*_: object) -> None:
        raise ValueError("a secret word")

    monkeypatch.setattr("mix2api.console.overview.Overview.values", broken)
    async with stored(redis_server.url) as store, shown(store) as seen:
        answer = await seen.visitor.get("/")
        page = await answer.get_data(as_text=True)
    logged = capsys.readouterr().out
    assert answer.status_code == 500
    assert "The console failed here" in page
    assert "secret word" not in page + logged
    assert "console.failed" in logged
    assert "ValueError" in logged


async def test_an_overview_takes_few_round_trips_and_scans_nothing(redis_server: RedisServer) -> None:
    async def reads() -> int:
        (told,) = await store.links[0].execute(("INFO", "stats"))
        found = re.search(rb"total_reads_processed:(\d+)", told)
        assert found is not None
        return int(found[1])

    async with stored(redis_server.url) as store, shown(store) as seen:
        await ended(store, "good")
        await store.links[0].execute(("CONFIG", "RESETSTAT"))
        before = await reads()
        await seen.visitor.page("/?range=24h")
        taken = await reads() - before - 1
        (told,) = await store.links[0].execute(("INFO", "commandstats"))
        commands = set(re.findall(rb"cmdstat_(\w+):", told))
    assert 1 <= taken <= 5
    assert commands <= {b"info", b"config", b"smembers", b"get", b"time", b"pttl", b"hmget"}
