"""What an error of a site says, in whichever JSON shape it comes: its words, its codes, the status that it names. Pure.

Frameworks and gateways each have a shape of their own: `{"error": {"message", "code"}}`, `{"detail": …}`, `{"code": 401,
"msg": …}`, `{"statusCode", "message"}`, and texts that hold one of these as JSON. Sites send them with an error status, but
also under 200, and inside a stream.
"""

from collections.abc import Iterable
from typing import Any, Final

import msgspec
from attrs import evolve, frozen

from mix2api.upstreams.meanings import meaning_of
from mix2api.upstreams.port import Failed, UpstreamFault
from mix2api.vocabulary import Detail, EndReason

MESSAGE_LIMIT: Final = 500
"""Characters of the site's own words that a client may see (ADR 1, `docs/limits.md`)."""
_TEXTS: Final = (
    *("error", "message", "detail", "msg", "errortext", "errormessage", "errormsg", "errmsg", "errors"),
    *("errordescription", "statusmsg", "statusmessage", "title", "reason", "baseresp"),
)
"""Keys under which sites write their sentence, the likeliest first, as `_plain` writes keys."""
_WRAPPERS: Final = ("error", "detail", "message", "msg", "errortext", "errormessage", "errors", "baseresp")
"""Keys under which another error may stand, with codes of its own."""
_CODES: Final = ("code", "type", "status", "statuscode", "errorcode", "errcode", "errno")
_OUTER_CODES: Final = tuple(key for key in _CODES if key != "type")
"""Of an object that may be no error: its `type` says what it is, not how it went."""
_STATUSES: Final = range(400, 600)
_SUCCESSES: Final = frozenset({"", "0", "200", "201", "ok", "success", "true", "none", "succeeded"})
_CODE_CHARS: Final = 100
_DEPTH: Final = 6
"""Levels of wrapping that are looked through. A gateway's error around a framework's around a model's has three, and each
of them may be a text that holds JSON."""
_LISTED: Final = 8
"""Entries of a list of errors that are looked at."""
_UNAUTHORISED: Final = frozenset({401, 403})
_NOT_TAKEN: Final = frozenset({429, 503})
"""Refused before any work, by their definition (RFC 6585, 4; RFC 9110, 15.6.4)."""


@frozen
class SiteError:
    """An error in the site's own words."""

    message: str
    """Empty if it has none."""
    status: int | None = None
    """The HTTP status that the body names (400 to 599), whatever the answer's own is."""
    codes: str = ""
    """Its code words, for their meaning."""


def words_of(said: Any) -> SiteError:
    """What a JSON value says that is known to be an error; it may say nothing."""
    codes = list(_codes(said, _DEPTH))
    status = next((number for code in codes if (number := _status(code)) is not None), None)
    return SiteError(_sentence(said, _DEPTH), status, " ".join(codes))


def error_of(said: Any) -> SiteError | None:
    """The error that a JSON object is; None where it is none: no word of an error, or a code that means success."""
    if not isinstance(said, dict):
        return None
    error = words_of(said)
    if _has(said.get("error")):
        return error
    fields = _plain(said)
    codes = [str(fields[key]).lower() for key in _OUTER_CODES if isinstance(fields.get(key), str | int)]
    failing = any(code not in _SUCCESSES for code in codes) or said.get("success") is False
    has_words = bool(error.message) and (failing or not codes)
    return error if has_words or error.status is not None else None


def _has(value: Any) -> bool:
    """Whether an `error` field says that there is one."""
    return value is not None and value is not False and value not in ("", 0)


def error_in_text(text: str) -> SiteError:
    """The error that a text is, or that the JSON in it tells of."""
    inner = _json_in(text)
    if inner is None:
        return SiteError(text)
    said = words_of(inner)
    return said if said.message else evolve(said, message=text)


def failed(error: SiteError) -> Failed:
    """The error as an event of the answer that it stands in."""
    meaning = meaning_of(f"{error.message} {error.codes}", error.status)
    return Failed(error.message, meaning or Detail.ERROR_FRAME, error.status)


def refusal(failed: Failed, status: int, *, started: bool, retry_after_s: int | None = None) -> UpstreamFault:
    """The error as the fault that it is under this status.

    Args:
        failed: what the site said.
        status: of the answer, or the one that its body names.
        started: the site had taken the turn before.
        retry_after_s: what the site asked for.
    """
    unauthorised = status in _UNAUTHORISED
    has_meaning = failed.detail is not Detail.ERROR_FRAME and not unauthorised
    return UpstreamFault(
        EndReason.UPSTREAM_AUTH_ERROR if unauthorised else EndReason.UPSTREAM_ERROR,
        failed.detail if has_meaning else Detail.STATUS,
        failed.message[:MESSAGE_LIMIT],
        status=status,
        retry_after_s=retry_after_s,
        taken=started or not (unauthorised or status in _NOT_TAKEN),
    )


def _sentence(said: Any, depth: int) -> str:
    """The first text under the keys that sites use, however it is wrapped."""
    if isinstance(said, str):
        inner = _json_in(said) if depth else None
        return (_sentence(inner, depth - 1) if inner is not None else "") or said
    if not depth or not isinstance(said, dict | list):
        return ""
    fields = _plain(said) if isinstance(said, dict) else {}
    values: Iterable[Any] = said[:_LISTED] if isinstance(said, list) else map(fields.get, _TEXTS)
    return next((text for value in values if (text := _sentence(value, depth - 1))), "")


def _codes(said: Any, depth: int) -> Iterable[str]:
    """Codes of an error, the outermost first."""
    if isinstance(said, str):
        said = _json_in(said)
    if isinstance(said, dict):
        fields = _plain(said)
        found = (fields.get(key) for key in _CODES)
        yield from (str(code)[:_CODE_CHARS] for code in found if isinstance(code, str | int))
        said = [fields.get(key) for key in _WRAPPERS]
    if isinstance(said, list) and depth:
        for value in said[:_LISTED]:
            yield from _codes(value, depth - 1)


def _plain(said: dict[str, Any]) -> dict[str, Any]:
    """The fields under keys without capitals and underscores: sites write `errMsg`, `err_msg` and `ErrMsg`."""
    return {key.lower().replace("_", ""): value for key, value in said.items()}


def _status(code: str) -> int | None:
    """The HTTP status that a code is."""
    return int(code) if len(code) == 3 and code.isdecimal() and int(code) in _STATUSES else None  # noqa: PLR2004


def _json_in(text: str) -> Any:
    """The object or list that a text holds as JSON; None if it holds none."""
    if text[:1] not in {"{", "["}:
        return None
    try:
        return msgspec.json.decode(text)
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        return None
