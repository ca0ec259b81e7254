"""`mix2api release report`, over a real store."""

import argparse
import io
import json
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from redis_server import RedisServer
from release.releases import roll_back, start, step
from release.test_evidence import EVIDENCE
from stored_runs import stored

from mix2api.cli.release_report import ReportQuery, add_arguments, report
from mix2api.errors import ConfigurationError
from mix2api.release.gateway import GatewayNews
from mix2api.store.store import Store


async def told(store: Store, **query: Any) -> tuple[int, str]:
    out = io.StringIO()
    code = await report(store, ReportQuery(**query), out)
    return code, out.getvalue()


async def rolled_back(store: Store) -> None:
    """A release that a guard has taken back, with its evidence kept."""
    state = await store.release.apply(start())
    await store.release.apply(step(state))
    await store.evidence.keep(EVIDENCE)
    await store.release.apply(roll_back(evidence=EVIDENCE.id, quarantine=True))


async def test_without_a_rollback_there_is_nothing_to_report(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        assert await told(store) == (3, "no rollback by a guard is recorded\n")
        assert await told(store, name="ev-9") == (3, "no evidence ev-9 is kept\n")


async def test_the_last_rollback_is_told_with_its_tests_and_the_runs_to_look_at(
    redis_server: RedisServer,
) -> None:
    async with stored(redis_server.url) as store:
        await rolled_back(store)
        code, text = await told(store)
        named = await told(store, name=EVIDENCE.id)
    assert (code, text) == named
    assert code == 0
    lines = text.splitlines()
    assert lines[0] == "ev-1: release rel-0123456789ab of version 2.0"
    assert lines[1] == f"roll_back: {EVIDENCE.judgement.why}"
    assert EVIDENCE.judgement.bad_runs[0].explain in text


async def test_json_is_the_evidence_as_it_is_kept(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        await rolled_back(store)
        code, text = await told(store, as_json=True)
    document = json.loads(text)
    assert (code, document["id"], document["judgement"]["decision"]) == (0, "ev-1", "roll_back")


async def test_what_the_gateway_was_told_of_the_release_is_in_each_form(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    fault = "canary channel 4: HTTP 401: <no>"
    news = GatewayNews(
        number=4, release=EVIDENCE.release, at_ms=1, who="guard 1", stable=100, canary=0, fault=fault
    )
    async with stored(redis_server.url) as store:
        await rolled_back(store)
        await store.gateway.add(replace(news, release="rel-ffffffffffff"))
        await store.gateway.add(news)
        page = tmp_path / "report.html"
        await told(store, html=page)
        assert (await told(store))[1].splitlines()[-1] == news.line
        document = json.loads((await told(store, as_json=True))[1])
    assert [(one["canary"], one["fault"]) for one in document["gateway"]] == [(0, fault)]
    assert page.read_text(encoding="utf-8").count("HTTP 401: &lt;no&gt;") == 1


async def test_the_page_is_written_into_a_file(redis_server: RedisServer, tmp_path: Path) -> None:
    async with stored(redis_server.url) as store:
        await rolled_back(store)
        page = tmp_path / "report.html"
        assert await told(store, html=page) == (0, f"written: {page}\n")
        with pytest.raises(ConfigurationError, match="cannot be written: No such file or directory"):
            await told(store, html=tmp_path / "nowhere" / "report.html")
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_the_arguments_are_an_id_a_form_and_a_file() -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    chosen = parser.parse_args(["ev-1", "--html", "page.html"])
    assert (chosen.name, chosen.html, chosen.json) == ("ev-1", Path("page.html"), False)
