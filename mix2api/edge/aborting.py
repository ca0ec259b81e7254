"""`POST /v1/sessions/{id}/abort`: ends the run of a session. The id is one of ours, or a client session's of a runtime."""

from datetime import UTC, datetime
from typing import Any

from mix2api.edge.auth import Authenticator
from mix2api.edge.bridged_words import ids_in
from mix2api.edge.request import EdgeRequest
from mix2api.errors import NotFound
from mix2api.identity import Mint
from mix2api.sealing import Seal
from mix2api.sessions.aborting import AbortAsked, Aborting
from mix2api.sessions.bridged import bridged_of


class AbortEndpoint:
    """The endpoint.

    Args:
        authenticator: tells who calls.
        seal: for digests.
        mint: recognises our ids.
        aborting: ends runs.
        bridges: the upstream is a runtime, so that client sessions have runs.
    """

    def __init__(
        self, authenticator: Authenticator, seal: Seal, mint: Mint, aborting: Aborting, *, bridges: bool
    ) -> None:
        self._authenticator = authenticator
        self._seal = seal
        self._mint = mint
        self._aborting = aborting
        self._bridges = bridges

    async def answer(self, request: EdgeRequest, word: str) -> dict[str, Any] | None:
        """What was ended; None if nothing ran.

        Raises:
            NotFound: the caller has no such session. Another's session is not known to the caller.
            mix2api.errors.StoreUnavailable: it cannot be known.
        """
        caller = self._authenticator.caller(request.given).fingerprint
        session_id = self._mint.issued(word)
        if session_id is not None:
            asked = AbortAsked(caller=caller, session_id=session_id)
        elif self._bridges:
            ids = ids_in(request.given, word)
            bridged = bridged_of(ids, caller, self._seal.digest, self._mint.word)
            asked = AbortAsked(caller=caller, scope_key=bridged.scope_key)
        else:
            raise _unknown()
        outcome = await self._aborting.abort(asked)
        if outcome.run is not None:
            started = datetime.fromtimestamp(outcome.run.started_ms / 1000, UTC)
            return {
                "clientSessionId": outcome.run.client_session_id,
                "sessionId": outcome.run.session_id,
                "startedAt": started.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            }
        if outcome.is_foreign or not await self._has_been(asked):
            raise _unknown()
        return None

    async def _has_been(self, asked: AbortAsked) -> bool:
        """Whether the caller has such a session. One of ours cannot be guessed, and an idle one tells nothing."""
        return asked.scope_key is None or await self._aborting.knows(asked.scope_key)


def _unknown() -> NotFound:
    return NotFound("You have no such session.", code="session_not_found")
