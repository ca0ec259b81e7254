"""What both forms of the vault promise: one right at a time, fenced, and everybody hears what became of it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import store_parts as parts
import trio
from redis_server import RedisServer

from mix2api.store.memory_vault import MemoryVault
from mix2api.vault import Claim, Granted, Held, Kept, Paused, Vault
from mix2api.vocabulary import Digest

NAME = Digest("c" * 32)
OTHER = Digest("d" * 32)
LIFE_MS = 60_000


@pytest.fixture(params=["memory", "redis"])
async def vaults(
    request: pytest.FixtureRequest, redis_server: RedisServer
) -> AsyncIterator[tuple[Vault, Vault]]:
    """The same vault as two processes see it."""
    if request.param == "memory":
        vault = MemoryVault()
        yield vault, vault
        return
    async with two_stores(redis_server) as both:
        yield both


@asynccontextmanager
async def two_stores(redis_server: RedisServer) -> AsyncIterator[tuple[Vault, Vault]]:
    async with parts.running_store(redis_server.url) as one, parts.running_store(redis_server.url) as two:
        yield one.vault, two.vault


async def granted(vault: Vault, spent: str | None = None, life_ms: int = LIFE_MS) -> Granted:
    claim = await vault.claim(NAME, spent, life_ms)
    assert isinstance(claim, Granted), claim
    return claim


async def kept(vault: Vault, spent: str | None = None) -> Kept:
    claim = await vault.claim(NAME, spent, LIFE_MS)
    assert isinstance(claim, Kept), claim
    return claim


async def held(vault: Vault, spent: str | None = None) -> Held:
    claim = await vault.claim(NAME, spent, LIFE_MS)
    assert isinstance(claim, Held), claim
    return claim


async def test_the_first_to_claim_may_fetch_and_others_wait(vaults: tuple[Vault, Vault]) -> None:
    one, two = vaults
    assert (await granted(one)).failures == 0
    assert 0 < (await held(two)).left_ms <= LIFE_MS


async def test_what_is_published_is_everybody_s_until_it_is_spent(vaults: tuple[Vault, Vault]) -> None:
    one, two = vaults
    right = await granted(one)
    assert await one.publish(NAME, right.generation, b"value", LIFE_MS)
    found = await kept(two)
    assert found == Kept(right.generation, b"value")
    again = await granted(two, spent=found.generation)
    assert again.generation != found.generation
    assert (await kept(one)).payload == b"value", "to those who know nothing of its end"


async def test_a_value_lives_no_longer_than_it_is_said_to(vaults: tuple[Vault, Vault]) -> None:
    one, two = vaults
    right = await granted(one)
    assert await one.publish(NAME, right.generation, b"value", 1)
    with trio.fail_after(5):
        claim: Claim = Kept("", b"")
        while isinstance(claim, Kept):
            claim = await two.claim(NAME, None, LIFE_MS)
    assert isinstance(claim, Granted)


async def test_a_right_runs_out_and_who_had_it_is_fenced(vaults: tuple[Vault, Vault]) -> None:
    one, two = vaults
    old = await granted(one, life_ms=1)
    claim: Claim = Held(1, "")
    with trio.fail_after(5):
        while isinstance(claim, Held):
            claim = await two.claim(NAME, None, LIFE_MS)
    assert isinstance(claim, Granted)
    assert not await one.publish(NAME, old.generation, b"old", LIFE_MS)
    await one.fail(NAME, old.generation, "status", LIFE_MS)
    await one.release(NAME, old.generation)
    assert await two.publish(NAME, claim.generation, b"new", LIFE_MS)
    assert (await kept(one)).payload == b"new"


async def test_a_right_that_ran_out_still_publishes_if_nobody_came_after(vaults: tuple[Vault, Vault]) -> None:
    one, two = vaults
    right = await granted(one, life_ms=1)
    assert await one.publish(NAME, right.generation, b"late", LIFE_MS)
    assert (await kept(two)).payload == b"late"


async def test_a_failure_pauses_everybody_and_is_counted(vaults: tuple[Vault, Vault]) -> None:
    one, two = vaults
    right = await granted(one)
    await one.fail(NAME, right.generation, "status", LIFE_MS)
    claim = await two.claim(NAME, None, LIFE_MS)
    assert isinstance(claim, Paused)
    assert (claim.why, 0 < claim.left_ms <= LIFE_MS) == ("status", True)


async def test_failures_are_counted_until_one_fetch_succeeds(vaults: tuple[Vault, Vault]) -> None:
    one, _ = vaults
    counts = []
    for _ in range(3):
        right = await granted_after_pause(one)
        counts.append(right.failures)
        await one.fail(NAME, right.generation, "status", 1)
    right = await granted_after_pause(one)
    await one.publish(NAME, right.generation, b"value", LIFE_MS)
    counts.append((await granted(one, spent=right.generation)).failures)
    assert counts == [0, 1, 2, 0]


async def granted_after_pause(vault: Vault) -> Granted:
    claim: Claim = Paused(1, "")
    with trio.fail_after(5):
        while isinstance(claim, Paused):
            claim = await vault.claim(NAME, None, LIFE_MS)
    assert isinstance(claim, Granted)
    return claim


async def test_a_value_is_had_even_in_a_pause(vaults: tuple[Vault, Vault]) -> None:
    one, two = vaults
    first = await granted(one)
    await one.publish(NAME, first.generation, b"value", LIFE_MS)
    second = await granted(one, spent=first.generation)
    await one.fail(NAME, second.generation, "status", LIFE_MS)
    assert (await kept(two)).payload == b"value"


async def test_a_right_given_back_unused_is_had_at_once(vaults: tuple[Vault, Vault]) -> None:
    one, two = vaults
    right = await granted(one)
    await one.release(NAME, right.generation)
    assert (await granted(two)).failures == 0


@pytest.mark.parametrize("ending", ["publish", "fail", "release"])
async def test_who_waits_wakes_when_something_is_said(vaults: tuple[Vault, Vault], ending: str) -> None:
    one, two = vaults
    right = await granted(one)
    waiting = await held(two)
    woken = trio.Event()

    async def wait() -> None:
        while isinstance(await two.claim(NAME, None, LIFE_MS), Held):
            await two.wait_news(NAME, waiting)
        woken.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        if ending == "publish":
            await one.publish(NAME, right.generation, b"value", LIFE_MS)
        elif ending == "fail":
            await one.fail(NAME, right.generation, "status", LIFE_MS)
        else:
            await one.release(NAME, right.generation)
        with trio.fail_after(10):
            await woken.wait()


async def test_news_between_claim_and_wait_are_not_missed(vaults: tuple[Vault, Vault]) -> None:
    one, two = vaults
    right = await granted(one)
    waiting = await held(two)
    await one.publish(NAME, right.generation, b"value", LIFE_MS)
    with trio.fail_after(0.9):  # less than the second after which it returns without news
        await two.wait_news(NAME, waiting)


async def test_credentials_are_apart(vaults: tuple[Vault, Vault]) -> None:
    one, two = vaults
    await granted(one)
    assert isinstance(await two.claim(OTHER, None, LIFE_MS), Granted)
