"""`mix2api sessions retire`: by the process that owns the session, or by the command where none does."""

import io
from typing import Any

import pytest
from redis_server import RedisServer
from session_scripts import accept, good_run
from stored_runs import append_raw, new_session, store_script, stored
from whole_system import Shape, WholeSystem, whole_system

from mix2api.cli.retiring import retire_session
from mix2api.clock import SystemClock
from mix2api.identity import Mint, shard_of
from mix2api.sessions.evolve import fold
from mix2api.sessions.state import Stage
from mix2api.store.store import Store
from mix2api.vocabulary import RunId, SessionId

CLOCK = SystemClock()


def new_run(store: Store) -> RunId:
    return Mint(store.seal, CLOCK).run_id()


async def retiring(store: Store, word: str, **options: Any) -> tuple[int, str]:
    out = io.StringIO()
    return await retire_session(store, word, out, CLOCK, **options), out.getvalue()


async def stage(store: Store, session: SessionId) -> Stage:
    return fold(recorded.event for recorded in (await store.log.history(session)).recorded).stage


async def free(store: Store) -> None:
    """Nobody serves any more."""
    await store.leases.release()
    await store.heartbeat.stop()


async def test_where_nobody_owns_the_session_the_command_retires_it(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        session, run = new_session(store), new_run(store)
        await store_script(store, session, good_run(run))
        await free(store)
        assert await retiring(store, run) == (0, f"{session}: retired: it will not be continued\n")
        assert await stage(store, session) is Stage.RETIRED
        assert await store.post.lease_owner(shard_of(session)) is None
        assert await retiring(store, session) == (0, f"{session}: it was retired already\n")


async def test_what_cannot_be_retired_is_said(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        running, unreadable, unknown = (new_session(store) for _ in range(3))
        await store_script(store, running, [accept(new_run(store))])
        await append_raw(store, unreadable, "end", "99", b"{}")
        await free(store)
        codes = [(await retiring(store, session))[0] for session in (running, unreadable, unknown)]
        assert codes == [1, 0, 3]
        assert await retiring(store, "nobody") == (3, "no session is known by 'nobody'\n")


async def test_an_owner_that_does_not_answer_is_not_waited_for_for_ever(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as owner, stored(redis_server.url) as other:
        session = new_session(owner)
        await store_script(owner, session, good_run(new_run(owner)))
        code, said = await retiring(other, session, limit_s=0)
        assert (code, "not yet confirmed" in said) == (1, True)


@pytest.mark.parametrize("shape", Shape)
async def test_the_owner_retires_a_session_that_it_serves(redis_server: RedisServer, shape: Shape) -> None:
    async with whole_system(shape, redis_server.url) as system:
        session = await chat(system, "one")
        assert await chat(system, "two", session) == session
        code, _ = await retiring(system.store, session)
        assert code == 0
        assert await stage(system.store, SessionId(session)) is Stage.RETIRED
        assert await chat(system, "three", session) != session
        code, said = await retiring(system.store, session)
        assert (code, said) == (0, f"{session}: it was retired already\n")


async def chat(system: WholeSystem, text: str, session: str = "new") -> str:
    """A turn of that session; gives the session that took it."""
    answer = await system.client.ask(text, headers={"x-session-id": session})
    assert answer.status == 200
    return answer.headers["x-session-id"]
