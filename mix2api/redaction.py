"""What may not be told, and how it is masked: secret field names, secret-looking text, exceptions. Pure, no I/O.

`mix2api.logs` runs every log line through this, the actors every upstream error text that goes to a client, and
`mix2api.settings` what it shows. Masking errs on the side of too much: a masked word costs a look at the event log, a
token in a log costs the token.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from functools import lru_cache
from pathlib import Path, PurePath
from types import FrameType, TracebackType
from typing import Final
from urllib.parse import urlsplit

from attrs import frozen

MASK: Final = "[redacted]"
TEXT_LIMIT: Final = 500
"""Characters of foreign text that may be told at most (ADR 1)."""
BODY_LIMIT: Final = 4000
"""Characters of a body that a debugging line tells: the first messages of a request."""
SCAN_MARGIN: Final = 4096
"""Characters beyond the limit that are still searched, so that a secret that is cut by the limit is seen as one."""
_DEPTH: Final = 6
"""Levels of nesting in a log field that are followed; deeper ones are masked whole."""

_SECRET_NAMES: Final = frozenset(
    {
        "authorization",
        "proxy_authorization",
        "cookie",
        "set_cookie",
        "token",
        "secret",
        "password",
        "passwd",
        "api_key",
        "apikey",
        "access_key",
        "private_key",
        "secret_key",
        "passphrase",
        "credential",
        "credentials",
        "session_id",
        "sessionid",
        "exchange_id",
        "exchangeid",
        "upstream_session",
        "upstream_exchange",
        "x_session_id",
        "x_session_key",
        "x_session_affinity",
        "x_api_key",
    }
)
_SECRET_ENDINGS: Final = (
    *("_token", "_secret", "_password", "_api_key", "_cookie", "_authorization"),
    *("_access_key", "_private_key", "_secret_key", "_passphrase"),
)

_SUSPECT: Final = (
    *("bearer", "basic", "eyj", "sk-", "sk_", "pk-", "pk_", "rk-", "rk_", "://"),
    *("key", "token", "secret", "passw", "passp", "cookie", "authoriz", "session", "exchange"),
    *("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "npm_", "hf_"),
    *("xox", "aiza", "ya29.", "akia", "asia"),
)
"""What every pattern below needs, in lower case: a search that clears almost every text at a tenth of a pattern's cost."""

_HONEST_ENGLISH: Final = (
    r"(?!(?:tokens?|auth|authentication|authorization|credentials?|keys?|scheme|realm|is|was|are|and|or|not|must"
    r"|required|missing|invalid|expired)(?:[\s,;:!?]|\.?(?:\s|$)))"
)
"""English that follows `bearer` in honest error messages (`bearer token required`)."""

_BETWEEN: Final = r"(\\*[\"']?\s*[:=]\s*\\*[\"']?)"
"""Between a name and its value. Backslashes: JSON in a string of JSON, as the arguments of tool calls are."""

_MASKED_NAMES: Final = (
    r"api[-_]?key|access[-_]?key(?:[-_]?id)?|private[-_]?key|secret[-_]?key|token|secret|password|passwd|passphrase"
    r"|session[-_]?(?:id|key)|exchange[-_]?id"
)
"""Ends of the names whose values are masked."""

_PATTERNS: Final[tuple[tuple[re.Pattern[str], str], ...]] = (
    (re.compile(r"://[^/\s@\"']+@"), f"://{MASK}@"),
    (
        re.compile(rf"(?i)\b((?:proxy-)?authorization|(?:set-)?cookie){_BETWEEN}[^\"'\r\n]+"),
        rf"\1\2{MASK}",
    ),
    (re.compile(rf"(?i)\b(bearer|basic)\s+{_HONEST_ENGLISH}[^\s\"',;]+"), rf"\1 {MASK}"),
    # Behind an underscore, too: callers put keys into ids and names (`call_sk-…`).
    (re.compile(r"(?<![A-Za-z0-9])eyJ[\w-]{8,}(?:\.[\w-]*){0,4}"), MASK),
    (re.compile(r"(?i)(?<![a-z0-9])[spr]k[-_][\w-]{8,}"), MASK),
    # The forms by which GitHub, GitLab, npm, Hugging Face, Slack, Google and AWS let scanners find their tokens. Agents send them
    # with the output of their tools (`env`, `cat .env`).
    (
        re.compile(
            r"(?<![A-Za-z0-9])(?:gh[pousr]_|github_pat_|glpat-|npm_|hf_|xox[a-z]-|AIza|ya29\.)[\w-]{16,}"
        ),
        MASK,
    ),
    (re.compile(r"(?<![A-Za-z0-9])A(?:KI|SI)A[A-Z0-9]{16}"), MASK),
    # A key in PEM, as far as it goes: the limit may have cut its end.
    (
        re.compile(
            r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY-----|\Z)"
        ),
        MASK,
    ),
    (
        re.compile(
            # From a word's beginning only: from each letter of a long word the search would take its square.
            rf"(?i)(?<![\w-])([\w-]*(?:{_MASKED_NAMES}))(\\*[\"']?\s*[:=]\s*)"
            # A value in quotes goes to its closing quote: a passphrase has spaces.
            r"(?:(\\*[\"'])(?!\[redacted\])[^\"'\\\r\n]+|(?!\[redacted\])[^\s\"'\\,;&})\]][^\s\"',;&})\]]*)"
        ),
        rf"\1\2\3{MASK}",
    ),
)


@lru_cache(maxsize=1024)
def is_secret_field(name: str) -> bool:
    """True if a field of that name is masked whatever it holds. Case and `-`/`_` do not matter."""
    plain = name.lower().replace("-", "_")
    return plain in _SECRET_NAMES or plain.endswith(_SECRET_ENDINGS)


def _is_suspect(text: str) -> bool:
    lower = text.lower()
    for sign in _SUSPECT:  # noqa: SIM110 - any() over a generator costs three times as much
        if sign in lower:
            return True
    return False


def is_clean(texts: str) -> bool:
    """Whether `redact_text` would leave every part of these texts as it is. A False may be wrong, a True never is."""
    return len(texts) <= TEXT_LIMIT and not _is_suspect(texts)


def redact_text(text: str, limit: int = TEXT_LIMIT, *, known: Iterable[str] = ()) -> str:
    """Foreign text without what looks like a credential, at most `limit` characters.

    Args:
        text: of any length; only the beginning that can be told is searched.
        limit: characters that may be told; a cut text ends in `…`.
        known: exact secrets of this run (upstream session ids) that no pattern could recognise.
    """
    told = text[: limit + SCAN_MARGIN]
    for secret in known:
        if secret:
            told = told.replace(secret, MASK)
    if _is_suspect(told):
        for pattern, put in _PATTERNS:
            told = pattern.sub(put, told)
    return told if len(told) <= limit else told[: limit - 1] + "…"


def redact_body(body: bytes) -> list[str]:
    """The beginning of a body as a debugging line may tell it: pieces of text, redacted as one before they are cut."""
    told = redact_text(body[: 4 * BODY_LIMIT].decode("utf-8", "replace"), BODY_LIMIT)
    return [told[start : start + TEXT_LIMIT] for start in range(0, len(told), TEXT_LIMIT)]


def redact_fields(fields: Mapping[str, object]) -> dict[str, object]:
    """The fields of a log line as they may be told (`redact_value`), with one search for all plain texts together."""
    texts_are_clean = is_clean("\n".join([value for value in fields.values() if isinstance(value, str)]))
    return {
        name: value
        if value is None
        or ((type(value) is int or (texts_are_clean and type(value) is str)) and not is_secret_field(name))
        else redact_value(name, value)
        for name, value in fields.items()
    }


def redact_value(name: str, value: object, depth: int = _DEPTH) -> object:
    """A log field's value as it may be told: scalars, containers of them, and nothing's `repr`."""
    if value is None or value is True or value is False:
        return value
    if is_secret_field(name):
        return MASK
    match value:
        case Enum():
            return redact_value(name, value.value, depth)
        case int() | float():
            return value
        case str():
            return redact_text(value)
        case PurePath():
            return redact_text(str(value))
        case bytes() | bytearray() | memoryview():
            return f"<{len(value)} bytes>"
        case _:
            return _redact_container(name, value, depth)


def _redact_container(name: str, value: object, depth: int) -> object:
    if depth == 0:
        return MASK
    match value:
        case Mapping():
            return {str(key): redact_value(str(key), item, depth - 1) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [redact_value(name, item, depth - 1) for item in value]
        case _:
            # A foreign object's repr may quote content (a parse error, a request): its class is all that is told.
            return f"<{type(value).__name__}>"


_SCHEMES: Final = frozenset({"http", "https", "redis", "rediss", "unix"})


def redact_url(url: str) -> str:
    """A URL as scheme, host, port and path: without user, password, query and fragment."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return MASK
    if parts.scheme not in _SCHEMES or "://" not in url:
        return MASK  # `user:password@host` is a URL with the scheme `user` to the parser
    host = f"[{parts.hostname}]" if parts.hostname and ":" in parts.hostname else parts.hostname or ""
    user = f"{MASK}@" if "@" in parts.netloc else ""
    query = f"?{MASK}" if parts.query else ""
    return f"{parts.scheme}://{user}{host}{port}{parts.path}{query}"


@frozen
class FaultPlace:
    """All that may be told of an exception: what it is and where it came from, never its text."""

    error: str
    """Class names, the leaves of a group joined by `+`."""
    at: str
    """Our own frames as `file.py:line`, outermost first, joined by `>`; `none` if no frame is ours."""


_PACKAGE: Final = Path(__file__).resolve().parent
_FRAMES: Final = 4
"""Innermost frames of ours that are told: enough to find the place, short enough for one line."""
_LEAVES: Final = 5
"""Exceptions of a group that are told."""


def place_of(fault: BaseException) -> FaultPlace:
    """Class and place of an exception; of a group: those of its first leaves."""
    leaves = list(leaves_of(fault))[:_LEAVES]
    places = [place for leaf in (fault, *leaves[:1]) if (place := _own_frames(leaf.__traceback__))]
    return FaultPlace(
        error="+".join(type(leaf).__name__ for leaf in leaves), at=places[-1] if places else "none"
    )


def leaves_of(fault: BaseException) -> Iterator[BaseException]:
    """The exceptions that a group holds, at any depth; one that is no group is its own leaf."""
    if isinstance(fault, BaseExceptionGroup):
        for inner in fault.exceptions:
            yield from leaves_of(inner)
    else:
        yield fault


def place_of_frame(frame: FrameType | None) -> str:
    """Where a thread is: our own frames as in `FaultPlace.at`, from the innermost one outward."""
    places: list[str] = []
    while frame is not None and len(places) < _FRAMES:
        path = Path(frame.f_code.co_filename)
        if path.is_relative_to(_PACKAGE):
            places.append(f"{path.relative_to(_PACKAGE.parent)}:{frame.f_lineno}")
        frame = frame.f_back
    return ">".join(reversed(places)) or "none"


def _own_frames(trace: TracebackType | None) -> str:
    places: list[str] = []
    while trace is not None:
        path = Path(trace.tb_frame.f_code.co_filename)
        if path.is_relative_to(_PACKAGE):
            places.append(f"{path.relative_to(_PACKAGE.parent)}:{trace.tb_lineno}")
        trace = trace.tb_next
    return ">".join(places[-_FRAMES:])
