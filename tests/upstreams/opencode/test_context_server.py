"""The contexts of runs over HTTP: for who brings the bearer, and of sessions that there are."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import pytest
import trio

from mix2api.sessions.bridged import Bridged
from mix2api.upstreams.opencode.context_server import ContextServer
from mix2api.upstreams.opencode.contexts import RunContexts
from mix2api.upstreams.opencode.memory_sessions import MemoryRuntimeSessions
from mix2api.upstreams.surroundings import Surroundings
from mix2api.vocabulary import Digest, RunId

BRIDGED = Bridged(
    client_session="c",
    trace="t",
    actor_key=Digest("a"),
    project_key=Digest("p"),
    scope_key=Digest("s"),
    project="house",
    access_token="planted",
)


@asynccontextmanager
async def served() -> AsyncIterator[tuple[RunContexts, int]]:
    contexts = RunContexts(MemoryRuntimeSessions(), Surroundings())
    with trio.fail_after(30):
        async with trio.open_nursery() as nursery:
            port = await nursery.start(ContextServer(contexts, "word", 0).serve)
            yield contexts, port
            nursery.cancel_scope.cancel()


async def asked(port: int, target: str, *, bearer: str = "word", method: str = "GET") -> tuple[int, bytes]:
    """Status and body of one request."""
    async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
        head = f"{method} {target} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {bearer}\r\n\r\n"
        await stream.send_all(head.encode())
        answer = b"".join([piece async for piece in stream])
    return int(answer[9:12]), answer.partition(b"\r\n\r\n")[2]


async def test_a_tool_is_told_the_context_of_its_run_and_the_token() -> None:
    async with served() as (contexts, port):
        opened = await contexts.announce(RunId("run_1"))
        opened = contexts.begin(opened, "ses_1", BRIDGED)
        status, body = await asked(port, "/internal/tool-context/ses_1")
        assert status == 200
        assert msgspec.json.decode(body) == {
            "actorKey": "a",
            "projectKey": "p",
            "projectId": "house",
            "clientSessionId": "c",
            "runtimeSessionId": "ses_1",
            "scopeKey": "s",
            "traceId": "t",
            "allowLearningWrite": True,
            "learningMode": "interactive",
            "sensitiveContext": {"accessToken": "planted"},
        }
        contexts.forget(opened)
        await contexts.close(opened, removed=True)
        assert await asked(port, "/internal/tool-context/ses_1") == (404, b"")


@pytest.mark.parametrize(
    ("target", "bearer", "method", "status"),
    [
        ("/internal/tool-context/ses_1", "other", "GET", 401),
        ("/internal/tool-context/ses_2", "word", "GET", 404),
        ("/internal/tool-context/ses_1", "word", "POST", 405),
        ("/elsewhere", "word", "GET", 404),
        ("/internal/tool-context/ses_1 HTTP/1.1\r\n\0", "word", "GET", 400),
    ],
)
async def test_who_has_no_right_or_no_session_is_told_nothing(
    target: str, bearer: str, method: str, status: int
) -> None:
    async with served() as (contexts, port):
        contexts.begin(await contexts.announce(RunId("run_1")), "ses_1", BRIDGED)
        assert await asked(port, target, bearer=bearer, method=method) == (status, b"")
