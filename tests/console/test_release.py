"""The console's page of the release, over a real store with the processes of two channels."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import pytest
from msgspec.structs import replace
from redis_server import RedisServer
from release.releases import after, beat, roll_back, start
from release.test_evidence import EVIDENCE
from release_members import BOTH, VERSION, members, settle
from shown_console import Shown, Visitor, shown, words_of
from shown_tables import number_columns
from stored_runs import stored
from structlog.testing import capture_logs

from mix2api.console.ports import ConsolePorts
from mix2api.console.release import BadWord, actions_of, order_of, runs_link
from mix2api.console.tokens import Role
from mix2api.release.guard_beat import Decision
from mix2api.release.release import ReleaseState
from mix2api.store.release_actions import ReleaseAction, ReleaseOrder, obey
from mix2api.store.store import Store

BY = {"who": "ann", "why": "a test"}
SCRIPT = "<script>alert(1)</script>"
FORM = {"action": "step", "why": "a test", "seen": "2", "release": "rel-000000000001"}


@asynccontextmanager
async def released(redis: RedisServer) -> AsyncIterator[tuple[Shown, Store, Store]]:
    """A console over two channels, and a release at 0 %."""
    async with members(redis, *BOTH) as (stable, canary):
        await settle(stable, canary)
        await obey(stable, ReleaseOrder(action=ReleaseAction.START, version=VERSION, without_gate=True, **BY))
        async with shown(stable, ports=ConsolePorts(change_release=partial(obey, stable))) as seen:
            yield seen, stable, canary


async def operating(seen: Shown) -> Visitor:
    operator = seen.another()
    await operator.sign_in(Role.OPERATE)
    return operator


def form_of(page: str, action: str, why: str) -> dict[str, str]:
    """The form of a page, filled in."""
    hidden = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page)
    return {**dict(hidden), "action": action, "why": why}


async def test_both_channels_stand_side_by_side_with_the_guard_and_the_history(
    redis_server: RedisServer,
) -> None:
    async with released(redis_server) as (seen, stable, canary):
        state = await stable.release.read()
        unguarded = words_of(await seen.visitor.page("/release"))
        tests = EVIDENCE.judgement.tests
        await canary.guard.sit(replace(beat(state, Decision.WAIT), tests=tests), 60_000)
        page = await seen.visitor.page("/release")
    words = words_of(page)
    assert "Stage 0 % since" in words
    assert "Candidate 2.0" in words
    assert "Last word ann: a test" in words
    assert "None watches, so no step goes forward." in unguarded
    assert "guard-1 : wait , 30 runs seen" in words
    assert re.search(r"all success \d+/120 12/24", words)
    assert f"channel=canary&amp;client=opencode&amp;since={state.since_ms}&amp;until=2000" in page
    assert "Share of fresh sessions 100 % 0 % Versions 1.9 2.0 Processes 1 1 Shards 8 0" in words
    assert words.index("waived ann a test") < words.index("started 2.0 ann a test"), "the newest first"
    assert '<form method="post" action="/release"' not in page, "a viewer changes nothing"


async def test_an_operator_steps_and_rolls_back_by_the_same_rules_as_the_command(
    redis_server: RedisServer,
) -> None:
    with capture_logs() as lines:
        async with released(redis_server) as (seen, stable, canary):
            operator = await operating(seen)
            form = form_of(await operator.page("/release"), "step", "nothing <b>odd</b>")
            refused = await operator.post("/release", form)
            said = await refused.get_data(as_text=True)
            await canary.guard.sit(beat(await stable.release.read()), 60_000)
            stepped = await operator.post("/release", form)
            stale = await operator.post("/release", form)
            stale_words = words_of(await stale.get_data(as_text=True))
            form = form_of(await operator.page("/release"), "rollback", "it breaks streams")
            back = await operator.post("/release", form)
            again = await operator.post("/release", form)
            told = words_of(await operator.page(again.headers["location"]))
            history = await stable.release.history()
    assert (refused.status_code, stepped.status_code, stale.status_code) == (409, 303, 409)
    assert "Not done: no guard watches the release" in words_of(said)
    assert 'name="why" value="nothing &lt;b&gt;odd&lt;/b&gt;"' in said, "what was typed stays"
    assert "Not done:" in stale_words
    assert (back.status_code, back.headers["location"]) == (303, "/release")
    assert "Nothing changed" in told
    assert [(event.trigger.value, event.who, event.why) for event in history[2:]] == [
        ("stepped", "operate", "nothing <b>odd</b>"),
        ("rolled_back", "operate", "it breaks streams"),
    ]
    changed = [line for line in lines if line["event"] == "console.changed"]
    assert [(line["action"], line["outcome"]) for line in changed] == [
        *(("step", "refused"), ("step", "done"), ("step", "refused")),
        *(("rollback", "done"), ("rollback", "repeat")),
    ]
    assert {(line["admin"], line["what"]) for line in changed} == {("operate", history[0].release)}


async def test_a_change_needs_the_role_the_csrf_token_and_a_reason(redis_server: RedisServer) -> None:
    async with released(redis_server) as (seen, stable, _):
        operator = await operating(seen)
        form = form_of(await operator.page("/release"), "rollback", "a reason")
        viewer = await seen.visitor.post("/release", {**form, "csrf": await seen.visitor.csrf()})
        forged = await operator.post("/release", {**form, "csrf": await seen.visitor.csrf()})
        silent = await operator.post("/release", {**form, "why": "  "})
        odd = await operator.post("/release", {**form, "release": SCRIPT})
        pages = [await answer.get_data(as_text=True) for answer in (silent, odd)]
        history = await stable.release.history()
    assert (viewer.status_code, forged.status_code) == (403, 403)
    assert (silent.status_code, odd.status_code) == (400, 400)
    assert "Say why, in one line of 1 to 500 characters." in words_of(pages[0])
    assert SCRIPT not in pages[1]
    assert len(history) == 2


async def test_a_guard_s_rollback_shows_its_figures_by_cell_its_report_and_the_way_out(
    redis_server: RedisServer,
) -> None:
    async with stored(redis_server.url) as store:
        evidence = replace(EVIDENCE, release="rel-000000000001")
        await store.release.apply(start())
        await store.evidence.keep(evidence)
        await store.release.apply(roll_back(evidence=evidence.id, quarantine=True, who=SCRIPT))
        async with shown(store, ports=ConsolePorts(change_release=partial(obey, store))) as seen:
            operator = await operating(seen)
            page = await operator.page("/release")
            report = await seen.visitor.get("/release/report?id=ev-1")
            told = await report.get_data(as_text=True)
            lifted = await operator.post("/release", form_of(page, "lift", "fixed in 2.1"))
            after_it = words_of(await operator.page("/release"))
    words = words_of(page)
    assert all(heads == cells for heads, cells in number_columns(page))
    assert "Stage quarantined" in words
    assert "opencode/stream/tools success" in words
    assert "Bad turns of all" in words
    assert re.search(r"all success \d+/120 12/24", words)
    assert SCRIPT not in page
    assert '<a href="/release/report?id=ev-1">' in page
    assert told.startswith("<!doctype html>")
    assert "unsafe" not in report.headers["content-security-policy"]
    assert "style-src 'sha256-" in report.headers["content-security-policy"]
    assert lifted.status_code == 303
    assert "Stage rolled_back" in after_it


async def test_a_report_that_is_not_kept_is_said_so_and_its_name_is_text(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        await store.release.apply(start())
        await store.release.apply(roll_back(evidence="ev-9", quarantine=True))
        async with shown(store) as seen:
            page = words_of(await seen.visitor.page("/release"))
            gone = await seen.visitor.get("/release/report?id=ev-9")
            odd = await seen.visitor.get(f"/release/report?id={SCRIPT.replace('/', '%2F')}")
            shown_odd = await odd.get_data(as_text=True)
    assert "No evidence ev-9 is kept." in page
    assert (gone.status_code, odd.status_code) == (404, 404)
    assert SCRIPT not in shown_odd


async def test_without_a_release_the_page_says_how_to_begin_one(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store, shown(store) as seen:
        operator = await operating(seen)
        page = await operator.page("/release")
        answer = await operator.post("/release", {**FORM, "csrf": await operator.csrf()})
        refused = words_of(await answer.get_data(as_text=True))
    assert "No release is recorded. mix2api release start begins one." in words_of(page)
    assert 'action="/release"' not in page
    assert (answer.status_code, "may not change releases" in refused) == (409, True)


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ("action", "promote"),
        ("action", "start"),
        ("why", "two\nlines"),
        ("why", "x" * 501),
        ("seen", "-1"),
        ("seen", ""),
        ("release", "rel-1"),
    ],
)
def test_a_field_that_is_not_allowed_is_named(field: str, said: str) -> None:
    with pytest.raises(BadWord, match=f"^{field}$"):
        order_of({**FORM, field: said}, "ann")


def test_a_form_is_an_order_of_the_admin() -> None:
    assert order_of(FORM, "ann") == ReleaseOrder(
        action=ReleaseAction.STEP, who="ann", why="a test", seen=2, release="rel-000000000001"
    )


def test_figures_lead_to_the_runs_of_their_cell_as_far_as_a_list_has_them() -> None:
    links = {test.scope: runs_link(test, "canary", 1, 2) for test in EVIDENCE.judgement.tests}
    assert links == {
        "all": "/runs?channel=canary&since=1&until=2",
        "opencode/stream/tools": "/runs?channel=canary&client=opencode&since=1&until=2",
        "all by edge": None,
        "opencode/stream/tools by edge": None,
    }


def test_only_words_that_the_stage_allows_are_offered() -> None:
    at_0 = after(ReleaseState(), start())
    assert actions_of(ReleaseState()) == []
    assert actions_of(at_0) == [ReleaseAction.ROLLBACK, ReleaseAction.STEP], "Enter presses the first"
    assert actions_of(after(at_0, roll_back())) == []
    assert actions_of(after(at_0, roll_back(quarantine=True))) == [ReleaseAction.LIFT]
