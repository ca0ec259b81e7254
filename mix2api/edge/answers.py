"""Whole JSON answers, and the head of every answer as bytes."""

from collections.abc import Iterable
from typing import Final
from wsgiref.handlers import format_date_time

from mix2api.errors import ClientVisibleError, MethodNotAllowed
from mix2api.sessions.client_words import LONGEST_RETRY_S

Headers = list[tuple[str, str]]
"""Names in lower case, and values."""
JSON: Final = ("content-type", "application/json")
CONTINUE: Final = b"HTTP/1.1 100 \r\n\r\n"
LAST_CHUNK: Final = b"0\r\n\r\n"


def head_bytes(status: int, headers: Iterable[tuple[str, str]], now_s: float) -> bytes:
    """The head of an answer, with its `date`.

    Args:
        status: of HTTP.
        headers: all others, the framing of the body among them.
        now_s: Unix time in seconds.

    Raises:
        ValueError: a value has a line end in it, or is not Latin-1.
    """
    lines = [f"HTTP/1.1 {status} ", *[f"{name}: {value}" for name, value in headers]]
    lines.append(f"date: {format_date_time(now_s)}")
    head = "\r\n".join(lines)
    if head.count("\r") != len(lines) - 1 or head.count("\n") != len(lines) - 1:
        raise ValueError("a line end within a header")
    return head.encode("latin-1") + b"\r\n\r\n"


def retry_after(seconds: int | None) -> Headers:
    """The header `Retry-After`, whoever asks for the pause: at most `LONGEST_RETRY_S`. None: no header."""
    return [] if seconds is None else [("retry-after", str(min(seconds, LONGEST_RETRY_S)))]


def error_headers(error: ClientVisibleError) -> Headers:
    """`Retry-After`, `WWW-Authenticate` and `Allow` where they belong."""
    headers = retry_after(error.retry_after_s)
    if error.status == 401:  # noqa: PLR2004  # RFC 9110, 15.5.2: a 401 names the scheme
        headers.append(("www-authenticate", "Bearer"))
    if isinstance(error, MethodNotAllowed) and error.allowed:
        headers.append(("allow", ", ".join(error.allowed)))
    return headers
