"""Drafts in the console: shown, edited by several people, and published by their owner."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from html import unescape

import msgspec
from attrs import evolve, frozen
from quart import Response
from redis_server import RedisServer
from shown_console import Shown, Visitor, words_of
from stored_runs import SHARDS, stored
from structlog.testing import capture_logs
from talked_conversations import KEYS, csrf_of, looking, signed_in

from mix2api.clock import SystemClock
from mix2api.conversations.graph import Graph, Node, NodeType
from mix2api.conversations.planner import SourceType
from mix2api.conversations.workflows import DefinitionStatus, Settled, edited
from mix2api.identity import caller_of
from mix2api.store.store import Store
from mix2api.store.workflows import Workflows
from mix2api.vocabulary import Digest

SCRIPT = "<script>alert(1)</script>"
GRAPH = Graph((Node(id="a", type=NodeType.WORKER, input=SCRIPT),))


@frozen
class Kept:
    """A draft of ann's, which she and somebody with her key look at."""

    seen: Shown
    ann: Visitor
    workflows: Workflows
    owner: Digest
    draft_id: str

    @property
    def path(self) -> str:
        return f"/draft?id={self.draft_id}"

    async def form(self, visitor: Visitor | None = None, **changed: str) -> dict[str, str]:
        """The page's form, as a browser would send it after these changes."""
        page = await (visitor or self.ann).page(self.path)
        fields = dict(re.findall(r'<input (?:type="hidden" )?name="(\w+)" value="([^"]*)"', page))
        graph = re.search(r"<textarea[^>]*>\n(.*?)</textarea>", page, re.DOTALL)
        assert graph is not None
        sent = {name: unescape(said) for name, said in (fields | {"graph": graph[1]}).items()}
        return {**sent, "graph": sent["graph"].replace("\n", "\r\n"), **changed}

    async def edit(self, **changed: str) -> Response:
        return await self.ann.post("/draft", await self.form(**changed))

    async def stands(self) -> tuple[int, str, str | None, Graph]:
        found = await self.workflows.draft(self.owner, self.draft_id, SystemClock().now_ms())
        assert found is not None
        return found[0].version, found[0].key, found[0].pattern, found[1]


@asynccontextmanager
async def kept(store: Store) -> AsyncIterator[Kept]:
    workflows, owner = store.workflows(SHARDS, 0), caller_of(store.seal, KEYS["ann"].encode())
    draft = await workflows.keep_draft(owner, GRAPH, SourceType.AUTO_MISS_ROOT, SystemClock().now_ms())
    assert draft is not None
    async with looking(store) as (seen, ann):
        yield Kept(seen, ann, workflows, owner, draft.draft_id)


def nodes(*inputs: str) -> str:
    """The text of a graph of such nodes."""
    listed = [{"id": f"n{number}", "type": "WORKER", "input": said} for number, said in enumerate(inputs)]
    return msgspec.json.format(msgspec.json.encode({"nodes": listed}), indent=1).decode()


async def test_an_owner_edits_a_draft_and_its_words_are_text(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store, kept(store) as draft:
        with capture_logs() as told:
            saved = await draft.edit(key="mine", pattern=f"{SCRIPT}*", score="0.25")
        page = await draft.ann.page(saved.headers["location"])
        after = await draft.stands()
        bob = await signed_in(draft.seen, "bob")
        refused = [(await each.get(draft.path)).status_code for each in (bob, draft.seen.visitor)]
        missing = [
            (await draft.ann.get(path)).status_code for path in ("/draft?id=x", "/draft", f"{draft.path}_2")
        ]
    assert after == (2, "mine", f"{SCRIPT}*", GRAPH)
    assert "Saved." in words_of(page)
    assert "Version 2," in words_of(page)
    assert page.count("&lt;script&gt;alert") == 2
    assert "<script>alert" not in page
    assert (refused, missing) == ([404, 403], [404, 404, 404])
    assert ("edit", draft.draft_id, "done") in [
        (one.get("action"), one.get("what"), one.get("outcome")) for one in told
    ]
    assert "script" not in str(told)


async def test_faults_are_told_with_their_lines_and_the_text_stays(redis_server: RedisServer) -> None:
    wrong = nodes("fine", "{{nodes.nobody.output}}").replace('"n0",', '"n0", "agentKey": "nobody",')
    async with stored(redis_server.url) as store, kept(store) as draft:
        reference = await draft.edit(graph=wrong, key="Not a name", pattern="x" * 501, score="2")
        told = await reference.get_data(as_text=True)
        form = await draft.form(graph=wrong)
        chinese = await draft.ann.post("/draft", form, accept_language="zh")
        in_chinese = words_of(await chinese.get_data(as_text=True))
        broken = await (await draft.edit(graph='{\r\n"nodes": [}')).get_data(as_text=True)
        form = await draft.form(graph="[" + "1," * 100_001 + "1]")
        many = await draft.ann.post_long("/draft", form)
        versions = [
            (await draft.ann.post("/draft", await draft.form(version=said))).status_code
            for said in ("", "0", "x")
        ]
        before = await draft.stands()
        await draft.edit(pattern="hello*")
        emptied = words_of(await (await draft.edit(pattern="")).get_data(as_text=True))
    words = words_of(told)
    assert reference.status_code == 400
    assert "Line 4: nodes[0].agentKey: must be one of" in words
    assert "nodes[0].agentKey: 必须是已配置的智能体之一" in in_chinese
    assert 'data-line="4"' in told
    for why in ("Name: 1 to 64 characters", "Pattern: at most 500", "Score: a number from 0.001 to 1"):
        assert why in words
    assert 'value="Not a name"' in told
    assert "{{nodes.nobody.output}}" in told
    assert "Line 2:" in words_of(broken)
    assert many.status_code == 400
    assert versions == [400, 400, 400]
    assert before[0] == 1
    assert "it cannot be taken away" in emptied


async def test_of_two_people_who_edit_the_second_sees_both_side_by_side(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store, kept(store) as draft:
        second = draft.seen.another()
        await second.post("/sign-in", {"token": KEYS["ann"], "target": "/"})
        theirs = await draft.form(second, key="second", graph=nodes("from the second", "a new one"))
        await draft.edit(key="first", pattern="first*", graph=nodes("from the first"))
        conflict = await second.post("/draft", theirs)
        page = await conflict.get_data(as_text=True)
        untouched = await draft.stands()
        version = re.search(r'name="version" value="(\d+)"', page)
        assert version is not None
        again = await second.post("/draft", {**theirs, "version": version[1], "pattern": "second*"})
        after = await draft.stands()
    words = words_of(page)
    assert conflict.status_code == 409
    assert "yours was made from version 1, and version 2 stands" in words
    assert "Name second first" in words
    assert "Messages that it is for not there first*" in words
    assert re.search(
        r"nodes: n0 .*from the second.*from the first.* nodes: n1 .*a new one.* not there", words
    )
    assert "Save mine in place of version 2" in words
    assert untouched[:2] == (2, "first")
    assert again.status_code == 303
    assert after[:2] == (3, "second")


async def test_a_version_that_was_looked_at_is_published_and_no_other(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store, kept(store) as draft:
        early = words_of(await draft.ann.page(draft.path))
        form = await draft.form()
        needs = await draft.ann.post("/draft/publish", form)
        await draft.edit(pattern="hello*")
        stale = await draft.ann.post("/draft/publish", form)
        told = words_of(await stale.get_data(as_text=True))
        done = await draft.ann.post("/draft/publish", await draft.form())
        page = words_of(await draft.ann.page(done.headers["location"]))
        definitions = await draft.workflows.definitions(draft.owner, SystemClock().now_ms())
        bob = await signed_in(draft.seen, "bob")
        another = await bob.post("/draft/publish", {**form, "csrf": await csrf_of(bob)})
    assert "Fill in the pattern, and save" in early
    assert needs.status_code == 400
    assert stale.status_code == 409
    assert "Version 2 stands by now" in told
    assert "Published." in page
    assert another.status_code == 404
    (definition,) = definitions
    assert (definition.pattern, definition.status) == ("hello*", DefinitionStatus.ACTIVE)
    assert definition.definition_id in page


async def test_a_graph_whose_agent_is_gone_is_not_published_and_the_page_says_where(
    redis_server: RedisServer,
) -> None:
    async with stored(redis_server.url) as store, kept(store) as draft:
        await draft.edit(pattern="hello*")
        now_ms = SystemClock().now_ms()
        found = await draft.workflows.draft(draft.owner, draft.draft_id, now_ms)
        assert found is not None
        gone = Graph((evolve(GRAPH.nodes[0], agent_key="gone"),))
        after = edited(found[0], Settled(), now_ms)
        assert await draft.workflows.change_draft(draft.owner, after, gone, now_ms)
        refused = await draft.ann.post("/draft/publish", await draft.form())
        told = words_of(await refused.get_data(as_text=True))
        definitions = await draft.workflows.definitions(draft.owner, now_ms)
    assert refused.status_code == 400
    assert "nodes[0].agentKey: must be one of the configured agents: assistant" in told
    assert definitions == []
