"""Places of busy accounts: calls are lent to another account, wait in line, or are refused in time."""

from typing import Final

import pytest
import trio
import trio.testing
from redis_server import RedisServer
from upstreams.accounts.pools import account, call, running_pool

from mix2api.upstreams.port import Started, UpstreamFault
from mix2api.vocabulary import Detail, EndReason

ONE_EACH: Final = [account("a", max_concurrency=1), account("b", max_concurrency=1)]


async def test_a_busy_account_lends_its_key_and_a_busy_pool_refuses_after_the_deadline(
    redis_server: RedisServer,
) -> None:
    async with running_pool(redis_server, ONE_EACH, wait_s=0) as pool:
        bound = await pool.served()
        async with pool.upstream.open(call()):
            lent = await pool.served()
            assert lent != bound
            async with pool.upstream.open(call("k2")):
                with pytest.raises(UpstreamFault) as caught:
                    await pool.put(call())
        assert (caught.value.end_reason, caught.value.detail) == (EndReason.OVERLOADED, Detail.DEADLINE)
        assert caught.value.retry_after_s == 1
        assert not caught.value.taken


async def test_a_call_waits_in_the_line_of_its_key_s_account_where_all_are_busy(
    redis_server: RedisServer,
) -> None:
    async with running_pool(redis_server, ONE_EACH) as pool:
        bound = await pool.served()
        served: list[str] = []

        async def ask() -> None:
            served.append(await pool.served())

        async with (
            trio.open_nursery() as nursery,
            pool.upstream.open(call()),
            pool.upstream.open(call("k2")),
        ):
            assert sorted(pool.sites.asked[-2:]) == ["a", "b"]
            nursery.start_soon(ask)
            await trio.testing.wait_all_tasks_blocked(0.05)
            assert served == []
        assert served == [bound]


async def test_a_session_s_account_is_waited_for_and_the_session_is_not_given_up(
    redis_server: RedisServer,
) -> None:
    async with running_pool(redis_server, ONE_EACH, wait_s=0) as pool:
        (started,) = [event for event in await pool.put(call()) if isinstance(event, Started)]
        async with pool.upstream.open(call()):
            with pytest.raises(UpstreamFault) as caught:
                await pool.put(call(session=started.session))
        assert caught.value.detail is Detail.DEADLINE
        await pool.put(call(session=started.session))
