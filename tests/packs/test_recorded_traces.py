"""Traces with content, answered again by this build."""

from typing import Any

import h11
import pytest
import trio
from msgspec.structs import replace
from packs.test_recorded_answers import behind
from projections.test_traces import trace as traced
from redis_server import RedisServer

from mix2api.packs.recorded_site import RecordedSite, SiteAnswer, recorded_site
from mix2api.packs.recorded_traces import can_be_played, compare_traces
from mix2api.projections.traced_content import Said, TracedContent
from mix2api.projections.traces import Trace
from mix2api.upstreams.http.client import HttpClient
from mix2api.vocabulary import EndReason

ASKED = (Said("system", "You help."), Said("user", "the secret recipe"), Said("tool", "42"))
CALL = Said("call get_weather", '{"days":  2, "city": "Bern"}')


def trace(*answered: Said, asked: tuple[Said, ...] = ASKED, **fields: Any) -> Trace:
    content = TracedContent(asked=asked, left_out=0, answered=answered)
    known: dict[str, Any] = {"end_reason": EndReason.STOP, "stream": True, "content": content}
    return traced(**(known | fields))


TEXT = Said("assistant", "two cups <b> 世界\n of…")
SPOKEN = trace(Said("reasoning", "first this"), TEXT, run_id="run_1")
CALLED = trace(CALL, CALL, end_reason=EndReason.TOOL_CALLS, stream=False, run_id="run_2")


@pytest.mark.parametrize(
    "unplayable",
    [
        replace(SPOKEN, content=None),
        replace(SPOKEN, end_reason=EndReason.TIMEOUT),
        trace(TEXT, asked=(Said("tool", "42"), Said("user", ""))),
        trace(),
        trace(Said("call f", '{"a": "b…')),
        trace(Said("call f", "[1]")),
        trace(CALL, Said("calls", "and 3 more")),
    ],
)
def test_a_trace_without_a_whole_answer_or_a_request_is_not_played(unplayable: Trace) -> None:
    assert can_be_played(SPOKEN)
    assert can_be_played(CALLED)
    assert not can_be_played(unplayable)


class Altering(RecordedSite):
    """Says something else than was recorded: the client of a faulty candidate sees such answers."""

    async def _next(self, asked: h11.Request, body: bytes, client: HttpClient) -> SiteAnswer:
        answer = await super()._next(asked, body, client)
        altered = answer.body.replace("cups", "jugs").replace('"stop"', '"length"').replace("Bern", "Bonn")
        return replace(answer, body=altered.replace("first this", "first"))


async def test_this_build_gives_what_the_client_was_given(redis_server: RedisServer) -> None:
    length = trace(TEXT, end_reason=EndReason.LENGTH, stream=False, run_id="run_3")
    filtered = replace(SPOKEN, end_reason=EndReason.CONTENT_FILTER, stream=False)
    async with recorded_site() as site, behind(redis_server, site) as target:
        assert await compare_traces(target, site, [SPOKEN, CALLED, length, filtered]) == []
        assert site.answers == [], "each trace asks the site once"


async def test_what_a_client_would_see_otherwise_is_told_by_place_and_length_and_never_quoted(
    redis_server: RedisServer, nursery: trio.Nursery
) -> None:
    site = Altering()
    await nursery.start(site.serve)
    async with behind(redis_server, site) as target:
        found = await compare_traces(target, site, [SPOKEN, CALLED])
    assert [(one.key, one.session) for one in found] == [
        ("trace.text", "run_1"),
        ("trace.reasoning", "run_1"),
        ("trace.finishes", "run_1"),
        ("trace.calls", "run_2"),
    ]
    text, reasoning, *_ = found
    assert (text.recorded, text.derived) == ("20 characters, the same up to 4", "20 characters")
    assert (reasoning.recorded, reasoning.derived) == ("10 characters, the same up to 5", "5 characters")
    assert not any(word in repr(found) for word in ("recipe", "cups", "jugs", "first", "Bern"))
