"""Contexts of runs: what tools may know while a run lasts, and whose token is whose."""

from attrs import define

from mix2api.errors import StoreUnavailable
from mix2api.sessions.bridged import Bridged
from mix2api.sessions.runtime_sessions import OpenSession, ToolContext
from mix2api.upstreams.opencode.contexts import RunContexts
from mix2api.upstreams.opencode.memory_sessions import MemoryRuntimeSessions
from mix2api.upstreams.surroundings import Remark, Surroundings
from mix2api.vocabulary import Digest, RunId

SCOPE = Digest("s")


def bridged(token: str | None) -> Bridged:
    keys = {"actor_key": Digest("a"), "project_key": Digest("p"), "scope_key": SCOPE}
    return Bridged(client_session="c", trace="t", access_token=token, **keys)


async def begun(contexts: RunContexts, number: int, token: str | None) -> OpenSession:
    opened = await contexts.announce(RunId(f"run_{number}"))
    opened = contexts.begin(opened, f"ses_{number}", bridged(token))
    await contexts.record(opened)
    return opened


async def test_a_late_release_of_an_older_run_leaves_the_newer_run_s_token_alone() -> None:
    contexts = RunContexts(MemoryRuntimeSessions(), Surroundings())
    older, newer = await begun(contexts, 1, "old"), await begun(contexts, 2, "new")
    assert contexts.token(SCOPE) == "new"
    contexts.forget(older)
    contexts.forget(older)
    assert contexts.token(SCOPE) == "new"
    contexts.forget(newer)
    assert contexts.token(SCOPE) is None


async def test_an_early_release_of_a_newer_run_gives_the_older_run_s_token_back() -> None:
    contexts = RunContexts(MemoryRuntimeSessions(), Surroundings())
    await begun(contexts, 1, "main")
    title = await begun(contexts, 2, "title")
    contexts.forget(title)
    assert contexts.token(SCOPE) == "main"


async def test_an_entry_stays_until_its_session_is_removed() -> None:
    contexts = RunContexts(MemoryRuntimeSessions(), Surroundings())
    left, done = await begun(contexts, 1, None), await begun(contexts, 2, None)
    assert contexts.count == 2
    await contexts.close(left, removed=False)
    await contexts.close(done, removed=True)
    assert await contexts.store.open() == [left]
    assert not contexts.is_active(left.run_id)


@define(eq=False)
class AwaySessions(MemoryRuntimeSessions):
    """A store that is away."""

    async def announce(self, opened: OpenSession) -> None:  # noqa: ARG002 - the port's
        raise StoreUnavailable

    async def put(self, opened: OpenSession, context: ToolContext) -> None:  # noqa: ARG002 - the port's
        raise StoreUnavailable


async def test_a_store_that_is_away_costs_no_run_and_is_told() -> None:
    told: list[Remark] = []
    contexts = RunContexts(AwaySessions(), Surroundings(tell=told.append))
    await begun(contexts, 1, "token")
    context = await contexts.context("ses_1")
    assert context is not None
    assert context.client_session_id == "c"
    assert [(each.event, each.facts["step"]) for each in told] == [
        ("runtime.unrecorded", "announce"),
        ("runtime.unrecorded", "put"),
    ]
