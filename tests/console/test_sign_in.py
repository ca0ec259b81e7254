"""The door: what a cookie is good for, how long, and who has to wait."""

import hashlib

from attrs import define

from mix2api.console.sign_in import TRIES, TRIES_S, Door
from mix2api.console.tokens import AdminToken, Role
from mix2api.edge.auth import Authenticator
from mix2api.edge.options import EdgeOptions
from mix2api.sealing import Seal
from mix2api.settings.choices import InboundAuthMode
from mix2api.vocabulary import ProcessId

SECRET = b"0123456789abcdef0123456789abcdef"
ANN = AdminToken("ann", Role.OPERATE, hashlib.sha256(b"a token").digest())


@define
class HandClock:
    """Time that a test moves."""

    at_ms: int = 1_700_000_000_000

    def now_ms(self) -> int:
        return self.at_ms

    def monotonic_ms(self) -> float:
        return float(self.at_ms)


def door(clock: HandClock, *tokens: AdminToken, secret: bytes = SECRET) -> Door:
    return Door(tokens or (ANN,), Seal(secret), clock, 100)


def test_a_cookie_ends_and_is_renewed_in_the_second_half_of_its_time() -> None:
    clock = HandClock()
    ours = door(clock)
    signed_in = ours.try_token("a token", "here")
    assert signed_in is not None
    assert ours.renewed(signed_in) is None
    clock.at_ms += 60_000
    renewed = ours.renewed(signed_in)
    assert renewed is not None
    assert (renewed.csrf, renewed.ends_ms) == (signed_in.csrf, clock.at_ms + 100_000)
    clock.at_ms += 40_000
    assert ours.admin_of_cookie(signed_in.cookie) is None
    assert ours.admin_of_cookie(renewed.cookie) == renewed


def test_signing_out_ends_renewed_cookies_too() -> None:
    clock = HandClock()
    ours = door(clock)
    signed_in = ours.try_token("a token", "here")
    assert signed_in is not None
    clock.at_ms += 60_000
    renewed = ours.renewed(signed_in)
    assert renewed is not None
    ours.sign_out(signed_in)
    assert ours.admin_of_cookie(renewed.cookie) is None


def test_a_cookie_is_good_for_its_admin_s_token_role_and_deployment_alone() -> None:
    clock = HandClock()
    signed_in = door(clock).try_token("a token", "here")
    assert signed_in is not None
    demoted = AdminToken("ann", Role.VIEW, ANN.sha256)
    changed = AdminToken("ann", Role.OPERATE, hashlib.sha256(b"another").digest())
    gone = AdminToken("bob", Role.OPERATE, ANN.sha256)
    for others in (demoted, changed, gone):
        assert door(clock, others).admin_of_cookie(signed_in.cookie) is None
    assert door(clock, gone).renewed(signed_in) is None
    assert door(clock, secret=b"f" * 32).admin_of_cookie(signed_in.cookie) is None
    for damaged in (None, "", "x", signed_in.cookie[:-1], signed_in.cookie + "0"):
        assert door(clock).admin_of_cookie(damaged) is None


def test_an_address_waits_a_minute_after_its_fifth_wrong_token_and_others_do_not() -> None:
    clock = HandClock()
    ours = door(clock)
    for _ in range(TRIES):
        assert ours.wait_s("there") == 0
        assert ours.try_token("wrong", "there") is None
    assert ours.wait_s("there") == TRIES_S + 1
    assert ours.try_token("a token", "there") is None
    assert ours.try_token("a token", "here") is not None
    clock.at_ms += TRIES_S * 1000
    assert ours.wait_s("there") == 0
    assert ours.try_token("a token", "there") is not None


def test_wrong_tokens_from_ever_new_addresses_are_not_counted_without_bound() -> None:
    ours = door(HandClock())
    for number in range(10_001):
        ours.try_token("wrong", f"address {number}")
    assert len(ours._wrong) == 1


def test_a_csrf_token_belongs_to_one_sign_in() -> None:
    ours = door(HandClock())
    one, other = ours.try_token("a token", "here"), ours.try_token("a token", "here")
    assert one is not None
    assert other is not None
    assert ours.is_csrf(one, one.csrf)
    assert not ours.is_csrf(one, other.csrf)
    assert not ours.is_csrf(one, "\ud800")


def test_a_user_s_cookie_names_the_owner_that_the_api_knows_by_the_same_key() -> None:
    clock = HandClock()
    user = AdminToken("bob", Role.USER, hashlib.sha256(b"sk-of-bob").digest())
    signed_in = door(clock, user).try_token("sk-of-bob", "here")
    assert signed_in is not None
    options = EdgeOptions(process=ProcessId("p_1"), version="1", models=(), auth_mode=InboundAuthMode.BEARER)
    caller = Authenticator(options, Seal(SECRET)).caller({b"authorization": b"Bearer sk-of-bob"})
    assert signed_in.owner == caller.fingerprint
    assert "sk-of-bob" not in signed_in.cookie
    clock.at_ms += 60_000
    renewed = door(clock, user).renewed(signed_in)
    assert renewed is not None
    assert door(clock, user).admin_of_cookie(renewed.cookie) == renewed
    assert renewed.owner == caller.fingerprint


def test_nobody_makes_a_cookie_of_another_owner() -> None:
    clock = HandClock()
    user = AdminToken("bob", Role.USER, hashlib.sha256(b"sk-of-bob").digest())
    ours = door(clock, user, ANN)
    signed_in, admin = ours.try_token("sk-of-bob", "here"), ours.try_token("a token", "here")
    assert signed_in is not None
    assert admin is not None
    assert admin.owner is None
    for owner in ("0" * 32, "-"):
        assert ours.admin_of_cookie(signed_in.cookie.replace(f"~{signed_in.owner}~", f"~{owner}~")) is None
    assert ours.admin_of_cookie(admin.cookie.replace("~-~", f"~{signed_in.owner}~")) is None
