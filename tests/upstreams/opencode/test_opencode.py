"""Runs on a runtime for trials: what is left of one that was given up, and what is asked of the runtime meanwhile."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from typing import cast

import trio
import trio.testing
from attrs import define, field
from upstreams.opencode.test_context_server import BRIDGED
from upstreams.opencode.test_feed import feed

from mix2api.demo import Demo, DemoKind, DemoOptions, serve_demo
from mix2api.sessions.runtime_sessions import OpenSession, ToolContext
from mix2api.settings import load_settings
from mix2api.upstreams.http.client import HttpClient, HttpOptions
from mix2api.upstreams.opencode.api import RuntimeApi
from mix2api.upstreams.opencode.contexts import RunContexts
from mix2api.upstreams.opencode.feed import Watch
from mix2api.upstreams.opencode.kind import OPENCODE
from mix2api.upstreams.opencode.memory_sessions import MemoryRuntimeSessions
from mix2api.upstreams.opencode.memory_transcripts import MemoryTranscripts
from mix2api.upstreams.opencode.opencode import OpenCodeUpstream, RuntimeStream
from mix2api.upstreams.opencode.options import OpenCodeOptions
from mix2api.upstreams.opencode.remembering import Bounds, Memory
from mix2api.upstreams.opencode.sweeping import Sweeper
from mix2api.upstreams.port import Text, UpstreamCall
from mix2api.upstreams.surroundings import Remark, Surroundings
from mix2api.vocabulary import RequestId, RunId
from mix2api.wire.turn import Message, Turn


def call(prompt: str) -> UpstreamCall:
    messages = [Message(role="user", content=prompt)]
    return UpstreamCall(
        run_id=RunId("run_1"),
        request_id=RequestId("q"),
        turn=Turn(model="m", messages=messages),
        messages=messages,
        bridged=BRIDGED,
    )


@asynccontextmanager
async def running(surroundings: Surroundings) -> AsyncIterator[tuple[OpenCodeUpstream, Demo]]:
    """The upstream over a runtime of its own."""
    with trio.fail_after(30), closing(HttpClient(HttpOptions())) as client:
        async with trio.open_nursery() as nursery:
            demo: Demo = await nursery.start(serve_demo, DemoOptions(kind=DemoKind.OPENCODE))
            settings = load_settings({"OPENCODE_URL": demo.url}, None)
            upstream = cast("OpenCodeUpstream", OPENCODE.upstream(settings, client, surroundings))
            nursery.start_soon(upstream.keep)
            yield upstream, demo
            nursery.cancel_scope.cancel()


@define(eq=False)
class SlowSessions(MemoryRuntimeSessions):
    """A store that never answers once a session is made."""

    asked: trio.Event = field(factory=trio.Event, init=False)

    async def put(self, opened: OpenSession, context: ToolContext) -> None:  # noqa: ARG002 - the port's
        self.asked.set()
        await trio.sleep_forever()


async def test_a_run_that_is_given_up_while_it_is_recorded_leaves_no_token_and_no_session() -> None:
    store = SlowSessions()
    async with running(Surroundings(sessions=store)) as (upstream, demo):

        async def ask() -> None:
            async with upstream.open(call("hello")):
                raise AssertionError("the store does not answer")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask)
            await store.asked.wait()
            assert upstream.contexts.token(BRIDGED.scope_key) == "planted"
            nursery.cancel_scope.cancel()
        assert upstream.contexts.token(BRIDGED.scope_key) is None
        assert (upstream.contexts.count, await store.open(), demo.runtime.sessions) == (0, [], {})


async def test_a_permission_that_an_event_and_a_look_tell_of_is_answered_once() -> None:
    async with (
        running(Surroundings()) as (upstream, demo),
        upstream.open(call("[[asks]] [[say:on]]")) as stream,
    ):
        while not any(session.asked for session in demo.runtime.sessions.values()):
            await trio.lowlevel.checkpoint()
        for watch in upstream.feed._watches.values():
            watch.tell_lost()
        said = [event for batch in [batch async for batch in stream] for event in batch]
        assert Text("on") in said
        assert len(demo.runtime.replies) == 1


class RestlessApi:
    """The calls of a server whose session is always busy."""

    looks = 0

    async def abort(self, session: str) -> None:
        """Does nothing."""

    async def delete(self, session: str) -> None:
        """Does nothing."""

    async def is_busy(self, session: str) -> bool:  # noqa: ARG002 - the API's
        self.looks += 1
        assert self.looks < 1000, "nobody waits between two looks"
        await trio.lowlevel.checkpoint()
        return True


async def test_an_abort_looks_now_and_then_though_the_stream_of_events_was_lost(
    autojump_clock: trio.testing.MockClock,  # noqa: ARG001 - pytest-trio takes the clock from the arguments
) -> None:
    api, told = RestlessApi(), list[Remark]()
    surroundings = Surroundings(tell=told.append)
    contexts = RunContexts(MemoryRuntimeSessions(), surroundings)
    upstream = OpenCodeUpstream(
        options=OpenCodeOptions(url="http://x.example"),
        api=cast("RuntimeApi", api),
        feed=feed(),
        contexts=contexts,
        sweeper=Sweeper(cast("RuntimeApi", api), contexts, surroundings),
        memory=(memory := Memory(MemoryTranscripts(), Bounds(), surroundings.tell)),
        tell=surroundings.tell,
    )
    opened = contexts.begin(await contexts.announce(RunId("run_1")), "ses_1", None)
    watch = Watch()
    watch.tell_lost()
    await RuntimeStream(upstream, opened, "ses_1", watch, memory.listener(call(""))).release()
    assert [remark.facts for remark in told] == [{"step": "abort", "why": "timeout"}]
