"""The managed credential: one login for all who wait, renewal ahead and after a refusal, pauses after failures."""

import math

import pytest
import trio
from attrs import define
from trio.testing import wait_all_tasks_blocked
from upstreams.credentials.parts import NAME, Parts, ScriptedLogin, kept_credential

from mix2api.errors import StoreUnavailable
from mix2api.store.memory_vault import MemoryVault
from mix2api.upstreams.credentials.login import LoginFailed, LoginWord
from mix2api.upstreams.credentials.managed import LoginReport, ManagedCredential
from mix2api.upstreams.credentials.token import Token, TokenRecord, encode_record
from mix2api.upstreams.port import UpstreamFault
from mix2api.vault import Claim, Granted, Held
from mix2api.vocabulary import Detail, Digest, EndReason

HOUR_MS = 3_600_000
REFUSED = LoginFailed(LoginWord.STATUS, status=403)


async def renewed(parts: Parts) -> Token:
    """The token after a refusal of the one that was accepted so far."""
    token = await parts.credential.token()
    parts.credential.accepted(token)
    assert parts.credential.refused(token)
    return await parts.credential.token()


async def no_token(credential: ManagedCredential) -> UpstreamFault:
    with pytest.raises(UpstreamFault) as caught:
        await credential.token()
    return caught.value


async def test_a_token_is_fetched_once_and_kept() -> None:
    async with kept_credential() as parts:
        tokens = {(await parts.credential.token()).value for _ in range(3)}
        assert (tokens, parts.login.count) == ({"t1"}, 1)
        assert parts.reports == [LoginReport(generation="memory:1", lives_s=3600)]


async def test_all_who_wait_get_the_token_of_one_login() -> None:
    values = []
    async with kept_credential() as parts:

        async def ask() -> None:
            values.append((await parts.credential.token()).value)

        async with trio.open_nursery() as nursery:
            for _ in range(100):
                nursery.start_soon(ask)
        assert (set(values), len(values), parts.login.count) == ({"t1"}, 100, 1)


async def test_a_caller_that_goes_away_takes_no_login_with_it() -> None:
    login = ScriptedLogin(gate=trio.Event())
    async with kept_credential(login=login) as parts:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(parts.credential.token)
            await login.asked.wait()
            nursery.cancel_scope.cancel()
        assert login.gate is not None
        login.gate.set()
        assert (await parts.credential.token()).value == "t1"
        assert login.count == 1


async def test_a_refused_token_is_given_to_nobody_any_more_and_renewed_once() -> None:
    async with kept_credential() as parts:
        old = await parts.credential.token()
        parts.credential.accepted(old)
        assert all(parts.credential.refused(old) for _ in range(100))
        assert (await parts.credential.token()).value == "t2"
        assert parts.credential.refused(old), "late news of the old one say nothing of the new one"
        assert (await parts.credential.token()).value == "t2"
        assert parts.login.count == 2


async def test_each_step_of_a_token_is_told() -> None:
    vault = MemoryVault()
    told: list[tuple[str, str, int | None]] = []
    async with kept_credential(vault) as parts:
        parts.credential.on_step = lambda report: told.append(
            (report.step.value, report.generation, report.left_s)
        )
        await renewed(parts)
        async with kept_credential(vault) as other:
            other.credential.on_step = parts.credential.on_step
            await other.credential.token()
    assert told == [
        *(("logged_in", "memory:1", 3600), ("used", "memory:1", 3600), ("accepted", "memory:1", 3600)),
        *(("refused", "memory:1", 3600), ("renewed", "memory:1", 3600)),
        *(("logged_in", "memory:2", 3600), ("used", "memory:2", 3600)),
        *(("shared", "memory:2", 3600), ("used", "memory:2", 3600)),
    ]


async def test_a_token_in_use_is_renewed_ahead_of_its_expiry() -> None:
    async with kept_credential() as parts:
        await parts.credential.token()
        parts.clock.turned_ms = HOUR_MS - 60_000
        await wait_all_tasks_blocked()
        await parts.credential.token()  # stirs the keeper, who sees that it is time
        while parts.login.count < 2:
            await trio.lowlevel.checkpoint()
        assert (await parts.credential.token()).value == "t2"


async def test_a_token_that_nobody_uses_is_not_renewed(
    autojump_clock: trio.testing.MockClock,  # noqa: ARG001  # pytest-trio sets it as the clock
) -> None:
    async with kept_credential(limit_s=math.inf) as parts:
        await parts.credential.token()
        parts.clock.turned_ms = HOUR_MS - 60_000
        await trio.sleep(7200)
        # Used once after it was made, so renewed once; the second was never used.
        assert parts.login.count == 2


async def test_a_stale_token_is_waited_for(
    autojump_clock: trio.testing.MockClock,  # noqa: ARG001  # pytest-trio sets it as the clock
) -> None:
    async with kept_credential() as parts:
        assert (await parts.credential.token()).value == "t1"
        parts.clock.turned_ms = HOUR_MS - 59_999
        assert (await parts.credential.token()).value == "t2"


async def test_a_stale_token_is_used_while_no_newer_one_can_be_had() -> None:
    async with kept_credential() as parts:
        await parts.credential.token()
        parts.clock.turned_ms = HOUR_MS - 30_000
        parts.login.failures = [REFUSED]
        assert (await parts.credential.token()).value == "t1"
        parts.clock.turned_ms = HOUR_MS - 29_900
        assert (await parts.credential.token()).value == "t1"
        assert parts.login.count == 2


async def test_a_token_without_expiry_is_used_until_it_is_refused() -> None:
    async with kept_credential(login=ScriptedLogin(life_ms=None)) as parts:
        await parts.credential.token()
        parts.clock.turned_ms = 1000 * HOUR_MS
        assert (await parts.credential.token()).value == "t1"
        assert (await renewed(parts)).value == "t2"


async def test_a_failed_login_is_an_auth_error_for_all_and_pauses() -> None:
    async with kept_credential(failures=[REFUSED]) as parts:
        for _ in range(3):
            fault = await no_token(parts.credential)
            assert (fault.end_reason, fault.detail) == (EndReason.UPSTREAM_AUTH_ERROR, Detail.LOGIN)
            assert fault.message == "no token could be fetched"
            assert (fault.retry_after_s, fault.taken) == (1, False)
        assert parts.login.count == 1
        expected = LoginReport(generation="memory:1", why=LoginWord.STATUS, status=403, pause_ms=500)
        assert parts.reports == [expected]


async def test_after_the_pause_it_is_tried_again(
    autojump_clock: trio.testing.MockClock,  # noqa: ARG001  # pytest-trio sets it as the clock
) -> None:
    async with kept_credential(failures=[REFUSED, REFUSED]) as parts:
        await no_token(parts.credential)
        for seconds in (0.6, 1.1):
            parts.clock.turned_ms += int(seconds * 1000)
            await trio.sleep(seconds)
            if seconds < 1:
                await no_token(parts.credential)
        assert (await parts.credential.token()).value == "t3"
        assert [report.pause_ms for report in parts.reports] == [500, 1000, 0]


async def test_a_process_in_another_s_pause_does_not_log_in() -> None:
    vault = MemoryVault()
    async with (
        kept_credential(vault, failures=[REFUSED]) as one,
        kept_credential(vault) as two,
    ):
        await no_token(one.credential)
        fault = await no_token(two.credential)
        assert fault.message == "no token could be fetched"
        assert two.login.count == 0


async def test_processes_share_a_token_and_its_renewal() -> None:
    vault, login = MemoryVault(), ScriptedLogin()
    async with kept_credential(vault, login) as one, kept_credential(vault, login) as two:
        tokens = [await parts.credential.token() for parts in (one, two)]
        assert [token.value for token in tokens] == ["t1", "t1"]
        for parts, token in zip((one, two), tokens, strict=True):
            parts.credential.accepted(token)
            assert parts.credential.refused(token)
        again = [await parts.credential.token() for parts in (one, two)]
        assert [token.value for token in again] == ["t2", "t2"]
        assert login.count == 2


async def test_a_process_that_stops_in_a_login_lets_the_next_one_at_once() -> None:
    vault, stuck = MemoryVault(), ScriptedLogin(gate=trio.Event())
    async with kept_credential(vault) as other:
        async with trio.open_nursery() as nursery, kept_credential(vault, stuck) as stopping:
            nursery.start_soon(stopping.credential.token)
            await stuck.asked.wait()
            nursery.cancel_scope.cancel()
        with trio.fail_after(5):
            assert (await other.credential.token()).value == "t1"


async def test_new_tokens_that_are_refused_make_logins_seldom() -> None:
    async with kept_credential() as parts:
        for _ in range(4):
            assert parts.credential.refused(await parts.credential.token())
        assert not parts.credential.refused(await parts.credential.token())
        assert (await parts.credential.token()).value == "t5"
        parts.clock.turned_ms = 501
        assert parts.credential.refused(await parts.credential.token())
        parts.clock.turned_ms += 501
        sixth = await parts.credential.token()
        assert not parts.credential.refused(sixth), "the pause has doubled"
        parts.credential.accepted(sixth)
        assert parts.credential.refused(sixth)
        assert (await parts.credential.token()).value == "t7"


async def test_a_token_that_only_a_repeated_call_was_refused_with_is_kept() -> None:
    async with kept_credential() as parts:
        assert parts.credential.refused(await parts.credential.token(), again=True)
        assert (await parts.credential.token()).value == "t1"


@pytest.mark.parametrize(
    "payload", [b"another version's", encode_record(TokenRecord(value="old", issued_ms=0, expires_ms=1))]
)
async def test_what_the_vault_has_and_cannot_be_used_is_replaced(payload: bytes) -> None:
    vault = MemoryVault()
    right = await vault.claim(NAME, None, 1000)
    assert isinstance(right, Granted)
    await vault.publish(NAME, right.generation, payload, HOUR_MS)
    async with kept_credential(vault) as parts:
        assert (await parts.credential.token()).value == "t1"


@define(eq=False)
class AwayVault(MemoryVault):
    """A vault whose store is away, from its first or from its second word on."""

    away_from_claim: bool = True

    async def claim(self, name: Digest, spent: str | None, life_ms: int) -> Claim:
        if self.away_from_claim:
            raise StoreUnavailable
        return await super().claim(name, spent, life_ms)

    async def publish(self, *_: object) -> bool:
        raise StoreUnavailable

    async def release(self, *_: object) -> None:
        raise StoreUnavailable


async def test_without_a_store_no_token_is_fetched() -> None:
    async with kept_credential(AwayVault()) as parts:
        fault = await no_token(parts.credential)
        assert (fault.message, parts.login.count) == ("no token could be fetched", 0)


async def test_a_token_that_cannot_be_shared_is_used_all_the_same() -> None:
    async with kept_credential(AwayVault(away_from_claim=False)) as parts:
        assert (await parts.credential.token()).value == "t1"


async def test_a_right_that_cannot_be_given_back_runs_out_by_itself() -> None:
    stuck = ScriptedLogin(gate=trio.Event())
    vault = AwayVault(away_from_claim=False)
    async with trio.open_nursery() as nursery, kept_credential(vault, stuck) as parts:
        nursery.start_soon(parts.credential.token)
        await stuck.asked.wait()
        nursery.cancel_scope.cancel()
    assert isinstance(await MemoryVault.claim(vault, NAME, None, 1000), Held)


async def test_who_waits_too_long_is_told_so(
    autojump_clock: trio.testing.MockClock,  # noqa: ARG001  # pytest-trio sets it as the clock
) -> None:
    stuck = ScriptedLogin(gate=trio.Event())
    async with kept_credential(login=stuck, login_s=1) as parts:
        assert (await no_token(parts.credential)).message == "no token could be fetched"


async def test_a_right_that_was_taken_over_gives_way_to_the_newer_token() -> None:
    vault, slow = MemoryVault(), ScriptedLogin(gate=trio.Event())
    assert slow.gate is not None
    async with kept_credential(vault, slow, login_s=0.01) as late:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(late.credential.token)
            await slow.asked.wait()
            vault._of(NAME).granted_until = 0.0
            async with kept_credential(vault, ScriptedLogin(count=40)) as other:
                assert (await other.credential.token()).value == "t41"
            slow.gate.set()
        assert (await late.credential.token()).value == "t41"
