"""Sessions and responses stay with the account that made them, and are never put to another one."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
from attrs import evolve
from redis_server import RedisServer
from upstreams.accounts.pools import TWO, Pool, account, call, fault, running_pool

from mix2api.accounts.state import Evidence, Status
from mix2api.upstreams.port import Failed, Opened, Started, Text, UpstreamFault
from mix2api.upstreams.scripted import Raise, Script
from mix2api.vocabulary import Detail


@pytest.mark.parametrize(
    ("seen", "detail"), [(Evidence.DISABLE, Detail.OWNER_GONE), (Evidence.LIMITED, Detail.RATE_LIMIT)]
)
async def test_an_owner_is_hard_and_no_other_account_is_asked(
    seen: Evidence, detail: Detail, redis_server: RedisServer
) -> None:
    owned = call()
    owned = evolve(owned, turn=msgspec.structs.replace(owned.turn, owner="a"))
    async with running_pool(redis_server, TWO) as pool:
        for _ in range(3):
            await pool.put(owned)
        pool.sites.scripts["a"] = [Raise(fault())]
        with pytest.raises(UpstreamFault, match="status"):
            await pool.put(owned)
        assert set(pool.sites.asked) == {"a"}
        await pool.shared.judge("a", seen)
        with pytest.raises(UpstreamFault) as caught:
            await pool.put(owned)
        assert caught.value.detail is detail
        gone = evolve(owned, turn=msgspec.structs.replace(owned.turn, owner="gone"))
        with pytest.raises(UpstreamFault, match="owner_gone"):
            await pool.put(gone)
        assert set(pool.sites.asked) == {"a"}


async def test_a_session_is_continued_by_the_account_that_has_it_and_by_no_other(
    redis_server: RedisServer,
) -> None:
    async with running_pool(redis_server, TWO) as pool:
        events = await pool.put(call())
        (started,) = [event for event in events if isinstance(event, Started)]
        owner, own = (started.session or "").split("|")
        assert own == "s"
        await pool.put(call("another key", session=started.session))
        assert pool.sites.asked == [owner, owner]
        assert pool.sites.calls[1].session == "s"
        await pool.shared.drain(owner)
        await pool.put(call("another key", session=started.session))
        await pool.shared.judge(owner, Evidence.DISABLE)
        for session in (started.session, "gone|s", "s of a time before"):
            with pytest.raises(UpstreamFault, match="session_lost"):
                await pool.put(call(session=session))
        assert pool.sites.asked == [owner] * 3


async def test_an_owner_that_fails_gives_its_session_up(redis_server: RedisServer) -> None:
    async with running_pool(redis_server, TWO) as pool:
        pool.sites.scripts["a"] = [Raise(fault())]
        with pytest.raises(UpstreamFault, match="session_lost"):
            await pool.put(call(session="a|s"))
        assert pool.sites.asked == ["a"]


@asynccontextmanager
async def renewing_pool(server: RedisServer, folder: Path, refusal: Script) -> AsyncIterator[Pool]:
    """A pool of one account whose credential is refused in this way, and is another one since."""
    secret = folder / "secret"
    secret.write_text("sk-old\n")
    async with running_pool(server, [account("a", credential=f"file:{secret}")]) as pool:
        pool.sites.scripts["Bearer sk-old"] = refusal
        secret.write_text("sk-new\n")
        yield pool


async def test_a_session_s_turn_goes_again_with_a_renewed_credential_if_it_was_not_taken(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    refusal = [Raise(fault(Detail.STATUS, 401, taken=False))]
    async with renewing_pool(redis_server, tmp_path, refusal) as pool:
        assert Text("hi") in await pool.put(call(session="a|s"))
        assert [put.session for put in pool.sites.calls] == ["s", "s"]


async def test_a_session_is_given_up_if_its_owner_took_the_turn_before_it_refused_the_credential(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    refusal: Script = [[Opened(200), Started("s", "x")], [Failed("token expired")]]
    async with renewing_pool(redis_server, tmp_path, refusal) as pool:
        with pytest.raises(UpstreamFault, match="session_lost"):
            await pool.put(call(session="a|s"))
        assert len(pool.sites.calls) == 1
        assert (await pool.shared.states(["a"]))["a"].status is Status.VALID
