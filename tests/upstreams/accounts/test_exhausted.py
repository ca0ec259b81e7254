"""The answer where no account can serve: when one may, and what keeps each."""

import pytest
from redis_server import RedisServer
from upstreams.accounts.pools import TWO, account, call, running_pool

from mix2api.accounts.state import Evidence
from mix2api.upstreams.port import (
    UpstreamFault,
)


async def test_an_exhausted_pool_says_when_and_why(redis_server: RedisServer) -> None:
    for is_named, word in ((True, "a: disabled, b: limited for "), (False, "1: disabled, 2: limited for ")):
        redis_server.command("FLUSHALL")
        async with running_pool(redis_server, TWO, is_named=is_named) as pool:
            await pool.shared.judge("a", Evidence.DISABLE)
            await pool.shared.judge("b", Evidence.LIMITED)
            with pytest.raises(UpstreamFault, match="rate_limit") as caught:
                await pool.put(call())
            assert word in caught.value.message
            assert caught.value.status == 429
            assert 0 < (caught.value.retry_after_s or 0) <= 60
            assert pool.sites.calls == []


async def test_a_model_that_no_account_may_serve_is_refused(redis_server: RedisServer) -> None:
    async with running_pool(redis_server, [account("a", models=("gpt-*",))]) as pool:
        with pytest.raises(UpstreamFault) as caught:
            await pool.put(call())
        assert "none for this model" in caught.value.message
