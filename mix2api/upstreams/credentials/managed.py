"""The managed credential of a process: the token in use, and its single flight within and over processes.

Callers ask and wait; one background task (`keep`) claims, logs in and tells. So no caller that goes away takes a login
with it, and a login is shared by all who wait for it, here and (through the vault) elsewhere.
"""

import math
from collections.abc import Callable
from secrets import SystemRandom
from typing import Final, assert_never

import trio
from attrs import frozen

from mix2api.clock import Clock
from mix2api.errors import StoreUnavailable
from mix2api.upstreams.credentials.backoff import pause_ms
from mix2api.upstreams.credentials.login import Login, LoginFailed, LoginWord
from mix2api.upstreams.credentials.token import (
    Token,
    TokenRecord,
    TokenReport,
    TokenStep,
    decode_record,
    encode_record,
    token_of,
)
from mix2api.upstreams.port import UpstreamFault
from mix2api.vault import Granted, Held, Kept, Paused, Vault
from mix2api.vocabulary import Detail, Digest, EndReason

_DRAW: Final = SystemRandom().random
_MARGIN_S: Final = 2.0
"""A right outlasts the login's own limit by this, for the store's replies."""
_ROUNDS: Final = 3
"""A caller waits for another process's login, for its right to run out, and for our own login at most."""
_UNKNOWN_LIFE_MS: Final = 86_400_000
"""How long a token without expiry rests in the vault; in use it is until it is refused."""
_TOLERATED: Final = 3
"""New tokens that may be refused in a row before logins pause: two calls' worth, since sites do expire tokens by hand."""
_FAREWELL_S: Final = 0.5
_STORE_PAUSE_MS: Final = 1000


@frozen(kw_only=True)
class LoginReport:
    """What became of one login of this process, for the log."""

    generation: str
    why: LoginWord | None = None
    """None: there is a token."""
    status: int | None = None
    """Of an endpoint that refused."""
    lives_s: int | None = None
    """None where it is not known, or there is no token."""
    pause_ms: int = 0


@frozen(kw_only=True)
class ManagedOptions:
    """What a deployment chooses."""

    name: Digest
    """Of the credential: equal for the same account at the same endpoint."""
    login_s: float = 10.0
    """`UPSTREAM_TOKEN_TIMEOUT_MS`: the longest that a login may take."""
    skew_ms: int = 60_000
    """`UPSTREAM_TOKEN_EXPIRY_SKEW_MS`."""


class ManagedCredential:
    """The credential of one account.

    Args:
        options: see there.
        login: how a token is fetched.
        vault: what the processes share.
        clock: wall time for expiry, monotonic time for pauses.
        on_login: told of every login of this process.
        draw: uniform in 0 to 1.
    """

    def __init__(
        self,
        options: ManagedOptions,
        login: Login,
        vault: Vault,
        clock: Clock,
        on_login: Callable[[LoginReport], None],
        draw: Callable[[], float] = _DRAW,
    ) -> None:
        self._options = options
        self._login = login
        self._vault = vault
        self._clock = clock
        self._on_login = on_login
        self._draw = draw
        self.on_step: Callable[[TokenReport], None] | None = None
        """Told of each step of a token (`LOG_TOKEN_INFO`). None: nobody asks."""
        self._token: Token | None = None
        self._spent: str | None = None
        """The generation that a site has refused."""
        self._accepted: str | None = None
        """The generation that a site has taken."""
        self._refusals = 0
        """New tokens refused in a row."""
        self._distrusted_until_ms = -math.inf
        self._failure: LoginFailed | None = None
        self._paused_until_ms = -math.inf
        self._used = False
        self._wanted = False
        self._stirred = trio.Event()
        self._changed = trio.Event()

    async def token(self) -> Token:
        """The token to use, at once if there is a fresh one.

        Raises:
            UpstreamFault: `upstream_auth_error/login`: none can be had now.
        """
        with trio.move_on_after(_ROUNDS * (self._options.login_s + _MARGIN_S)):
            while (found := self._usable()) is None:
                self._check_pause()
                self._want()
                await self._changed.wait()
            if not self._used:
                self._used = True
                self._step(TokenStep.USED, found)
                self._stirred.set()
            return found
        raise _no_token()

    def accepted(self, token: Token) -> None:
        """A site took a token."""
        if self._token is not None and token.generation == self._token.generation:
            if self._accepted != token.generation:
                self._step(TokenStep.ACCEPTED, token)
            self._accepted = token.generation
            self._refusals = 0
            self._distrusted_until_ms = -math.inf

    def refused(self, token: Token, *, again: bool = False) -> bool:
        """A site refused a token.

        Args:
            token: what it was.
            again: the call had been refused with another one before. Then this one is kept: it is new, and the reason may be
                the call itself.

        Returns:
            Whether it is worth while to try with another one. It is not where new tokens are refused, too: then the account
            itself is no good, and logins are made ever more seldom.
        """
        generation = token.generation
        self._step(TokenStep.REFUSED, token)
        if self._token is None or generation != self._token.generation or generation == self._spent:
            return True
        if generation != self._accepted and not self._tolerates():
            return False
        if not again:
            self._spent = generation
            self._want()
        return True

    def _tolerates(self) -> bool:
        """Counts the refusal of a new token. False: a pause after too many of them is not over."""
        now_ms = self._clock.monotonic_ms()
        if now_ms < self._distrusted_until_ms:
            return False
        self._refusals += 1
        beyond = self._refusals - _TOLERATED
        if beyond > 0:
            self._distrusted_until_ms = now_ms + pause_ms(beyond - 1, self._draw())
        return True

    async def keep(self) -> None:
        """Renews what is used before it expires, and fetches what callers wait for; until cancelled."""
        while True:
            with trio.move_on_after(self._ahead_s()):
                await self._stirred.wait()
            self._stirred = trio.Event()
            if self._wanted or self._ahead_s() <= 0:
                await self._renew()

    def _step(self, step: TokenStep, token: Token) -> None:
        if self.on_step is not None:
            expires_ms = token.expires_ms
            left_s = None if expires_ms is None else (expires_ms - self._clock.now_ms()) // 1000
            self.on_step(TokenReport(step=step, generation=token.generation, left_s=left_s))

    def _want(self) -> None:
        self._wanted = True
        self._stirred.set()

    def _usable(self) -> Token | None:
        token, now_ms = self._token, self._clock.now_ms()
        if token is None or token.generation == self._spent or not token.is_alive(now_ms):
            return None
        return token if token.is_fresh(now_ms) or self._pause_left_ms() > 0 else None

    def _pause_left_ms(self) -> float:
        return self._paused_until_ms - self._clock.monotonic_ms()

    def _check_pause(self) -> None:
        left_ms = self._pause_left_ms()
        if self._failure is not None and left_ms > 0:
            raise _no_token(left_ms)

    def _ahead_s(self) -> float:
        """Seconds until the token in use is to be renewed; for ever, if nobody uses it."""
        token = self._token
        if token is None or token.renew_ms is None or not self._used:
            return math.inf
        return max(0.0, token.renew_ms - self._clock.now_ms(), self._pause_left_ms()) / 1000

    async def _renew(self) -> None:
        known = None if self._token is None else self._token.generation
        if self._token is not None:
            self._step(TokenStep.RENEWED, self._token)
        try:
            self._token = await self._obtained(known)
            self._used = False
            self._failure = None
            self._paused_until_ms = -math.inf
        except LoginFailed as failed:
            self._failure = failed
            self._paused_until_ms = self._clock.monotonic_ms() + failed.pause_ms
        except StoreUnavailable:
            self._failure = LoginFailed(LoginWord.STORE)
            self._paused_until_ms = self._clock.monotonic_ms() + _STORE_PAUSE_MS
        self._wanted = False
        self._changed.set()
        self._changed = trio.Event()

    async def _obtained(self, known: str | None) -> Token:
        """The newest token: another process's, or one of a login of ours."""
        name = self._options.name
        life_ms = int((self._options.login_s + _MARGIN_S) * 1000)
        while True:
            claim = await self._vault.claim(name, known, life_ms)
            match claim:
                case Kept():
                    token = self._shared(claim)
                    if token is not None:
                        self._step(TokenStep.SHARED, token)
                        return token
                    known = claim.generation
                case Granted():
                    token = await self._logged_in(claim)
                    if token is not None:
                        self._step(TokenStep.LOGGED_IN, token)
                        return token
                case Held():
                    await self._vault.wait_news(name, claim)
                case Paused():
                    raise LoginFailed(_word(claim.why), pause_ms=claim.left_ms)
                case _:
                    assert_never(claim)

    def _shared(self, kept: Kept) -> Token | None:
        """What the vault has; None if it is unreadable or stale."""
        record = decode_record(kept.payload)
        if record is None:
            return None
        token = token_of(record, kept.generation, self._options.skew_ms, self._draw())
        return token if token.is_fresh(self._clock.now_ms()) else None

    async def _logged_in(self, right: Granted) -> Token | None:
        """A new token; None if our right was taken over meanwhile."""
        try:
            grant = await self._login.fetch()
        except LoginFailed as failed:
            raise await self._failed(right, failed) from None
        except BaseException:
            with trio.move_on_after(_FAREWELL_S, shield=True):
                await self._give_up(right)
            raise
        now_ms = self._clock.now_ms()
        record = TokenRecord(value=grant.token, issued_ms=now_ms, expires_ms=grant.expires_ms)
        life_ms = _UNKNOWN_LIFE_MS if grant.expires_ms is None else max(1, grant.expires_ms - now_ms)
        lives_s = None if grant.expires_ms is None else life_ms // 1000
        self._on_login(LoginReport(generation=right.generation, lives_s=lives_s))
        try:
            published = await self._vault.publish(
                self._options.name, right.generation, encode_record(record), life_ms
            )
        except StoreUnavailable:
            published = True  # the token is good all the same; the others fetch their own
        if not published:
            return None
        return token_of(record, right.generation, self._options.skew_ms, self._draw())

    async def _failed(self, right: Granted, failed: LoginFailed) -> LoginFailed:
        pause = pause_ms(right.failures, self._draw())
        report = LoginReport(
            generation=right.generation, why=failed.why, status=failed.status, pause_ms=pause
        )
        self._on_login(report)
        await self._vault.fail(self._options.name, right.generation, failed.why.value, pause)
        return LoginFailed(failed.why, status=failed.status, pause_ms=pause)

    async def _give_up(self, right: Granted) -> None:
        try:
            await self._vault.release(self._options.name, right.generation)
        except StoreUnavailable:
            return  # it runs out by itself


def _word(why: str) -> LoginWord:
    """Another process's word; that of a newer version counts as the widest of ours."""
    return LoginWord(why) if why in set(LoginWord) else LoginWord.ANSWER


def _no_token(left_ms: float = 0.0) -> UpstreamFault:
    """Why there is none is an operator's business: the report of the login says it, a client is only told that it is so."""
    return UpstreamFault(
        EndReason.UPSTREAM_AUTH_ERROR,
        Detail.LOGIN,
        "no token could be fetched",
        retry_after_s=max(1, math.ceil(left_ms / 1000)),
        taken=False,
    )
