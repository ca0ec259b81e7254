"""Who a bridged request is from, and what its run is called: ids of the caller, and keyed fingerprints of them. Pure.

A bridged request runs in a session of a runtime (ADR 72). The runtime session lives for one run. The client session lives
on, so continuity belongs to the client session's id.
"""

from collections.abc import Callable
from typing import Final

import msgspec
from msgspec import Struct

from mix2api.errors import InvalidRequest
from mix2api.vocabulary import Digest

ID_LIMIT: Final = 256
"""Characters of an id that a caller chooses: four times a UUID with a prefix."""
TOKEN_LIMIT: Final = 8192
"""Characters of an access token: JWTs with many claims stay below it, and so does a header of nginx."""
NEW: Final = "new"
"""The word for a new client session."""


class Bridged(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One bridged request's words. It travels to the worker sealed, as the turn does."""

    client_session: str
    trace: str
    actor_key: Digest
    """Of the caller and the user: two callers with the same user id never meet."""
    project_key: Digest
    scope_key: Digest
    """Of actor, project and client session."""
    project: str = ""
    access_token: str | None = None
    """For the tools of the run. It is never logged, and never kept outside of memory."""

    def __repr__(self) -> str:
        return f"Bridged(scope_key={self.scope_key!r})"


class Asked(Struct, frozen=True, kw_only=True):
    """The ids as the request says them; empty where it says none."""

    client_session: str = ""
    trace: str = ""
    project: str = ""
    user: str = ""
    access_token: str = ""


def bridged_of(
    asked: Asked, caller: Digest, digest: Callable[[bytes, str], Digest], draw: Callable[[str], str]
) -> Bridged:
    """The words of a request.

    Args:
        asked: what it says.
        caller: fingerprint of its credential.
        digest: of bytes, for a purpose; keyed.
        draw: makes a new id with a prefix (`agent`, `trace`).

    Raises:
        InvalidRequest: an id is too long, or has characters that cannot be printed. The error names the header.
    """
    session = _checked(asked.client_session, "x-session-id")
    trace = _checked(asked.trace, "x-trace-id")
    project, user = _checked(asked.project, "x-project-id"), _checked(asked.user, "x-user-id")
    token = _checked(asked.access_token, "x-access-token", TOKEN_LIMIT)
    client_session = draw("agent") if session in {"", NEW} else session
    actor_key = digest(msgspec.json.encode([caller, user]), "actor")
    project_key = digest(msgspec.json.encode([caller, project]), "project")
    return Bridged(
        client_session=client_session,
        trace=trace or draw("trace"),
        actor_key=actor_key,
        project_key=project_key,
        scope_key=digest(msgspec.json.encode([actor_key, project_key, client_session]), "scope"),
        project=project,
        access_token=token or None,
    )


def _checked(said: str, header: str, limit: int = ID_LIMIT) -> str:
    """The word without blanks around it.

    Raises:
        InvalidRequest: see `bridged_of`.
    """
    word = said.strip()
    if len(word) > limit or not word.isprintable():
        raise InvalidRequest(
            f"`{header}` is at most {limit} characters long, and all of them can be printed.", param=header
        )
    return word
