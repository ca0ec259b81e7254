"""Site sessions that belong to an account: the account's id stands before the site's own id. Pure.

The whole is sealed in the log like every site id. So each session names its owner, and no other account is ever asked to
continue it.
"""

from typing import Final

from msgspec.structs import replace

from mix2api.upstreams.port import IdsSeen, Started, UpstreamEvent

_BORDER: Final = "|"
"""Account ids cannot have it."""


def owner_of(session: str) -> tuple[str | None, str]:
    """The account that has a session, and the site's own id of it; None: the session is of a time without accounts."""
    account, border, own = session.partition(_BORDER)
    return (account, own) if border else (None, session)


def owned(batch: list[UpstreamEvent], account: str) -> list[UpstreamEvent]:
    """The events, with the account before every session id."""
    return [
        replace(event, session=f"{account}{_BORDER}{event.session}")
        if isinstance(event, Started | IdsSeen) and event.session is not None
        else event
        for event in batch
    ]
