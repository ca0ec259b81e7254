"""Inbound authentication (FR24, FR25): who calls, as a keyed fingerprint, and whose sessions a request may share."""

import hashlib
import hmac
import re
import tomllib
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from attrs import frozen

from mix2api.edge.options import EdgeOptions, InboundKey
from mix2api.errors import AuthenticationFailed, ConfigurationError
from mix2api.identity import caller_of
from mix2api.sealing import Seal
from mix2api.settings.choices import InboundAuthMode, SessionKeyMode
from mix2api.vocabulary import Digest

_SHA256: Final = re.compile(r"[0-9a-fA-F]{64}")
_BEARER: Final = b"bearer "


@frozen
class Caller:
    """Who sent a request."""

    fingerprint: Digest
    """Keyed digest of the credential; of the empty string without one."""
    key_id: str | None = None
    """The named key's id, in mode `keys`."""


class Authenticator:
    """Checks credentials by the configured mode, in a time that does not depend on how much of them is right."""

    def __init__(self, options: EdgeOptions, seal: Seal) -> None:
        self._mode = options.auth_mode
        self._seal = seal
        self._token = _sha256(options.bearer_token.encode()) if options.bearer_token else None
        self._keys = tuple((key.key_id, bytes.fromhex(key.sha256)) for key in options.keys)
        self._session_key_mode = options.session_key_mode

    def caller(self, headers: Mapping[bytes, bytes]) -> Caller:
        """The caller, from `Authorization: Bearer`, `x-api-key` or `api-key`.

        Raises:
            AuthenticationFailed: no credential, or none of ours (401). The text does not say which of the known
                keys came near.
        """
        credential = _credential(headers)
        key_id = self._check(credential)
        return Caller(caller_of(self._seal, credential or b""), key_id)

    def isolation(self, caller: Caller, model: str, client: str, session_key: bytes | None) -> Digest:
        """Digest of who may share sessions (FR21): inside the caller's credential in every mode.

        Args:
            caller: who asks.
            model: as asked for.
            client: name of the client, or its own word where that is on no list.
            session_key: value of the session-key header.
        """
        apart: list[str] = [caller.fingerprint, model]
        if self._session_key_mode is SessionKeyMode.AUTH_MODEL_CLIENT:
            apart.append(client)
        if session_key is not None:
            apart.append("key:" + session_key.decode("latin1"))
        # As a JSON list: parts cannot run into one another.
        return self._seal.digest(msgspec.json.encode(apart), "isolation")

    def _check(self, credential: bytes | None) -> str | None:
        if self._mode is InboundAuthMode.NONE:
            return None
        if not credential:
            raise AuthenticationFailed(
                "No API key was given: send it as `Authorization: Bearer <key>`.", code="missing_api_key"
            )
        if self._mode is InboundAuthMode.KEYS:
            return self._named_key(credential)
        if self._token is not None and not hmac.compare_digest(_sha256(credential), self._token):
            raise AuthenticationFailed("The API key is not valid.")
        return None

    def _named_key(self, credential: bytes) -> str:
        digest = _sha256(credential)
        found: str | None = None
        for key_id, sha256 in self._keys:  # All of them, always: the time must not tell which one matched.
            if hmac.compare_digest(digest, sha256):
                found = key_id
        if found is None:
            raise AuthenticationFailed("The API key is not valid.")
        return found


def authorization_of(headers: Mapping[bytes, bytes]) -> bytes | None:
    """The `Authorization` header that the caller's credential is, for a site that is shown it (`pass_through`)."""
    given = headers.get(b"authorization", b"").strip()
    if given:
        return given
    key = _key_header(headers)
    return b"Bearer " + key if key is not None else None


def _credential(headers: Mapping[bytes, bytes]) -> bytes | None:
    authorization = headers.get(b"authorization", b"")
    if authorization[: len(_BEARER)].lower() == _BEARER:
        return authorization[len(_BEARER) :].strip() or None
    return _key_header(headers)


def _key_header(headers: Mapping[bytes, bytes]) -> bytes | None:
    """The key in Anthropic's header, else in Azure's."""
    return headers.get(b"x-api-key", b"").strip() or headers.get(b"api-key", b"").strip() or None


def _sha256(text: bytes) -> bytes:
    return hashlib.sha256(text).digest()


def parse_keys(text: str) -> tuple[InboundKey, ...]:
    """The keys of an `INBOUND_KEYS_FILE`: TOML with `[[keys]]` of `id`, `name` and `sha256`.

    Raises:
        ConfigurationError: not TOML, no keys, an entry that lacks something, or an id that stands twice.
    """
    try:
        entries = tomllib.loads(text).get("keys")
    except tomllib.TOMLDecodeError:
        raise ConfigurationError("INBOUND_KEYS_FILE: not valid TOML") from None
    if not isinstance(entries, list) or not entries:
        raise ConfigurationError("INBOUND_KEYS_FILE: needs at least one [[keys]] entry")
    keys = tuple(_key(number, entry) for number, entry in enumerate(entries, start=1))
    if len({key.key_id for key in keys}) != len(keys):
        raise ConfigurationError("INBOUND_KEYS_FILE: every `id` may stand only once")
    return keys


def _key(number: int, entry: Any) -> InboundKey:
    fields = entry if isinstance(entry, dict) else {}
    key_id, name, sha256 = (fields.get(field) for field in ("id", "name", "sha256"))
    if not isinstance(key_id, str) or not key_id or not isinstance(name, str):
        raise ConfigurationError(f"INBOUND_KEYS_FILE: entry {number} needs the strings `id` and `name`")
    if not isinstance(sha256, str) or not _SHA256.fullmatch(sha256):
        raise ConfigurationError(
            f"INBOUND_KEYS_FILE: entry {number} needs `sha256`, 64 hex digits (of the key, not the key itself)"
        )
    return InboundKey(key_id=key_id, name=name, sha256=sha256.lower())
