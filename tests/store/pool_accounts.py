"""Accounts of a pool over a real server, for the tests of the store."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import store_parts as parts
from redis_server import RedisServer

from mix2api.accounts.port import Asking, Chosen, Offered, Roster, Unfit
from mix2api.clock import SystemClock
from mix2api.store.accounts import RedisAccounts
from mix2api.vocabulary import Digest

FOUR: Final = [Offered(name, 1, 0) for name in "abcd"]
TTL_S: Final = 3600


def asking(key: str = "k1") -> Asking:
    return Asking(api_key=Digest(key), model="mix/test")


@asynccontextmanager
async def running_accounts(server: RedisServer, pool: str = "openai") -> AsyncIterator[RedisAccounts]:
    async with parts.running_store(server.url) as store:
        yield store.accounts(pool, TTL_S, SystemClock())


async def chosen(
    accounts: RedisAccounts, key: str, offered: list[Offered] | None = None, **apart: Unfit
) -> Chosen:
    roster = Roster(tuple(FOUR if offered is None else offered))
    choice = await accounts.choose(asking(key), roster, apart)
    assert isinstance(choice, Chosen)
    return choice
