"""Where a request says whose run it is in a runtime: five headers, and the body's word for its session."""

from collections.abc import Mapping

from mix2api.sessions.bridged import Asked
from mix2api.wire.turn import Turn


def asked_of(given: Mapping[bytes, bytes], turn: Turn) -> Asked:
    """The ids that a request says. For its session a header wins over the body.

    Args:
        given: header name in lower case -> value.
        turn: of its body.
    """
    named = _said(given, b"x-session-id", b"x-session_id")
    return ids_in(given, named or turn.session or "")


def ids_in(given: Mapping[bytes, bytes], client_session: str) -> Asked:
    """The ids that headers say, beside the client session's.

    Args:
        given: header name in lower case -> value.
        client_session: as it was said elsewhere.
    """
    return Asked(
        client_session=client_session,
        trace=_said(given, b"x-trace-id"),
        project=_said(given, b"x-project-id"),
        user=_said(given, b"x-user-id"),
        access_token=_said(given, b"x-access-token"),
    )


def _said(given: Mapping[bytes, bytes], *names: bytes) -> str:
    return next((given[name].decode("latin1") for name in names if given.get(name)), "")
