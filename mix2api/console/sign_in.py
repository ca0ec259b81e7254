"""The console's door: a signed cookie after a right token, a CSRF token for every change, and a limit on wrong tokens.

The cookie holds the admin's id, a random number and its end, and a MAC over them. The MAC is keyed by the deployment's secret and
covers the hash of the admin's token, so that a token that is changed or removed takes its cookies with it. A user's cookie also
holds the fingerprint of the user's API key, which the token was: the file has no more of the key than its hash. The CSRF token is a
MAC over the cookie: it cannot be made without the secret, and belongs to one sign-in. Signing out ends the cookie's number in
this process.
"""

import hmac
import re
from typing import Final

from attrs import define, field, frozen

from mix2api.clock import Clock
from mix2api.console.tokens import AdminToken, Role, admin_of
from mix2api.identity import caller_of
from mix2api.randomness import Randomness
from mix2api.sealing import Seal
from mix2api.vocabulary import Digest

COOKIE: Final = "mix2api_console"
_FORM: Final = re.compile(r"([a-z0-9_.-]{1,64})~([0-9a-f]{32})~([0-9]{1,15})~([0-9a-f]{32}|-)~([0-9a-f]{64})")
_NO_OWNER: Final = "-"
"""In the cookie of an admin, in place of a fingerprint."""
_MAC_BYTES: Final = 32
TRIES: Final = 5
"""Wrong tokens from one address within `TRIES_S`. A person mistypes now and then; a token has 256 random bits."""
TRIES_S: Final = 60
_ADDRESSES: Final = 10_000
"""Addresses whose wrong tokens are counted. When there are more, the counts begin anew."""


@frozen
class SignedIn:
    """An admin or a user who has proved to be one."""

    admin: str
    role: Role
    cookie: str = field(repr=False)
    csrf: str = field(repr=False)
    ends_ms: int
    owner: Digest | None = None
    """Of a user: whose conversations are shown. None for an admin."""

    @property
    def may_operate(self) -> bool:
        """Whether this admin may change anything."""
        return self.role is Role.OPERATE


@define(eq=False)
class Door:
    """Lets admins in.

    Args:
        tokens: of the admins.
        seal: the deployment's.
        clock: the process's.
        session_s: how long a cookie is good for.
        randomness: of the process.
    """

    _tokens: tuple[AdminToken, ...]
    _seal: Seal
    _clock: Clock
    _session_s: int
    _randomness: Randomness = field(factory=Randomness)
    _ended: dict[str, int] = field(factory=dict, init=False)
    """Numbers of cookies that were signed out -> when they would end by themselves."""
    _wrong: dict[str, list[int]] = field(factory=dict, init=False)
    """Address -> when it gave wrong tokens."""

    @property
    def session_s(self) -> int:
        """How long a cookie is good for."""
        return self._session_s

    def wait_s(self, address: str) -> int:
        """How long an address has to wait before its next try, in seconds. 0: not at all."""
        now_ms = self._clock.now_ms()
        recent = [at for at in self._wrong.get(address, ()) if now_ms - at < TRIES_S * 1000]
        return 0 if len(recent) < TRIES else 1 + (recent[-TRIES] + TRIES_S * 1000 - now_ms) // 1000

    def try_token(self, token: str, address: str) -> SignedIn | None:
        """A new sign-in. None: the token is nobody's, or the address has to wait (`wait_s`)."""
        if self.wait_s(address):
            return None
        found = admin_of(token, self._tokens)
        if found is None:
            if address not in self._wrong and len(self._wrong) >= _ADDRESSES:
                self._wrong.clear()
            self._wrong[address] = [*self._wrong.get(address, ())[-TRIES:], self._clock.now_ms()]
            return None
        self._wrong.pop(address, None)
        owner = None
        if found.role is Role.USER:
            owner = caller_of(self._seal, token.encode("utf-8", "surrogatepass"))
        return self._signed(found, self._randomness.take(16).hex(), owner)

    def admin_of_cookie(self, cookie: str | None) -> SignedIn | None:
        """The admin whose cookie this is. None: it is nobody's, or has ended."""
        form = None if cookie is None else _FORM.fullmatch(cookie)
        if form is None or cookie is None:
            return None
        admin, number, ends, owner, mac = form.groups()
        found = next((each for each in self._tokens if each.admin == admin), None)
        if found is None or not hmac.compare_digest(mac, self._mac(found, number, ends, owner)):
            return None
        if int(ends) <= self._clock.now_ms() or number in self._ended:
            return None
        whose = None if owner == _NO_OWNER else Digest(owner)
        return SignedIn(admin, found.role, cookie, self._csrf(cookie), int(ends), whose)

    def renewed(self, signed_in: SignedIn) -> SignedIn | None:
        """The same sign-in with a later end, once half of its time is over. None: that is not yet needed."""
        if (signed_in.ends_ms - self._clock.now_ms()) * 2 > self._session_s * 1000:
            return None
        found = next((each for each in self._tokens if each.admin == signed_in.admin), None)
        return None if found is None else self._signed(found, _number_of(signed_in), signed_in.owner)

    def is_csrf(self, signed_in: SignedIn, given: str) -> bool:
        """Whether a form came from a page of this sign-in."""
        return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), signed_in.csrf.encode())

    def sign_out(self, signed_in: SignedIn) -> None:
        """Ends a sign-in, its renewed cookies included."""
        now_ms = self._clock.now_ms()
        self._ended = {number: ends_ms for number, ends_ms in self._ended.items() if ends_ms > now_ms}
        self._ended[_number_of(signed_in)] = now_ms + self._session_s * 1000

    def _signed(self, found: AdminToken, number: str, owner: Digest | None) -> SignedIn:
        ends_ms = self._clock.now_ms() + self._session_s * 1000
        whose = owner or _NO_OWNER
        mac = self._mac(found, number, str(ends_ms), whose)
        cookie = f"{found.admin}~{number}~{ends_ms}~{whose}~{mac}"
        return SignedIn(found.admin, found.role, cookie, self._csrf(cookie), ends_ms, owner)

    def _mac(self, found: AdminToken, number: str, ends: str, owner: str) -> str:
        said = f"console-cookie {found.admin} {found.role} {found.sha256.hex()} {number} {ends} {owner}"
        return self._seal.mac(said.encode(), _MAC_BYTES)

    def _csrf(self, cookie: str) -> str:
        return self._seal.mac(b"console-csrf " + _stem(cookie).encode(), _MAC_BYTES)


def _stem(cookie: str) -> str:
    """Of a cookie what stays when it is renewed: a form that is open in another tab stays good."""
    return "~".join(cookie.split("~")[:2])


def _number_of(signed_in: SignedIn) -> str:
    return signed_in.cookie.split("~")[1]
