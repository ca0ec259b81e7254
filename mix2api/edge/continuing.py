"""Finds the session that a request continues: its words, its history, and one look into the index.

The rules are `mix2api.sessions.resolution`; here they meet headers and the index. What the index says is confirmed by
the session's actor.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import partial
from typing import Final, assert_never

import msgspec
import trio
from attrs import evolve, frozen

from mix2api.edge.seen_realms import NEVER, REALMS, Seen, SeenRealms
from mix2api.errors import PreviousResponseNotFound, StoreUnavailable
from mix2api.identity import Mint
from mix2api.sealing import Seal
from mix2api.sessions.bridged import Bridged
from mix2api.sessions.canonical import instructions_form, tools_form
from mix2api.sessions.lineage import Lineage, kept_for, lineage_steps
from mix2api.sessions.prepared_turn import PreparedTurn
from mix2api.sessions.resolution import (
    ContinueIssued,
    ContinueNamed,
    MakeFresh,
    Reason,
    Reuse,
    SessionIndex,
    SessionWords,
    TakeWaiting,
    UnreadableIndex,
    name_of,
    plan,
)
from mix2api.sessions.sites import Sites
from mix2api.stepping import in_turn
from mix2api.vocabulary import Digest, SessionId, Shard
from mix2api.wire.responses_answer import named_by
from mix2api.wire.turn import ChosenBase, Turn

_SESSION_HEADERS: Final = (b"x-session-id", b"x-session_id")
_HINTS: Final = (b"x-session-affinity", b"x-claude-code-session-id", b"session-id", b"thread-id")
"""Markers of a client's whole working session, sub-agents and title requests included: they only keep apart."""
SESSION_HEADERS: Final = (*_SESSION_HEADERS, *_HINTS)
"""All headers in which a client tells of its session, but for the one that `SESSION_KEY_HEADER` names."""
_NEW: Final = "new"


@frozen(kw_only=True)
class Found:
    """Which session a turn is to run in, and why."""

    session_id: SessionId | None = None
    """None: a fresh one that the worker draws."""
    claimed: bool = False
    """It is to be made under this id."""
    reason: Reason
    taken: Digest | None = None
    bind: Digest | None = None
    lineage: Lineage | None = None
    """None: the upstream keeps no session."""
    isolation: Digest


class Continuing:
    """Resolves requests to sessions.

    Args:
        index: where sessions are looked up.
        seal: for digests.
        mint: recognises our ids and makes the one that a new name is bound to.
        reuse: `MIX2API_SESSION_REUSE`.
        sites: the upstream of each model.
        draw_shard: a shard for a session that is made under a name.
        seen: the realms of late, in which a compacted history is told from a foreign one.
        on_schema_fallback: told where the index could not be read, which is a miss and never an error.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - the parts of one process, handed down once
        self,
        index: SessionIndex,
        seal: Seal,
        mint: Mint,
        reuse: Reuse,
        sites: Sites,
        draw_shard: Callable[[], Shard],
        on_schema_fallback: Callable[[], None] = lambda: None,
        *,
        seen: SeenRealms | None = None,
    ) -> None:
        self._index = index
        self._seal = seal
        self._mint = mint
        self._reuse = reuse
        self._sites = sites
        self._draw_shard = draw_shard
        self._on_schema_fallback = on_schema_fallback
        self._seen = seen or SeenRealms()
        self._digester = seal.digester("lineage")

    async def find(
        self,
        prepared: PreparedTurn,
        headers: Mapping[bytes, bytes],
        isolation: Digest,
        *,
        keyed: bool,
        bridged: Bridged | None = None,
        patience: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> Found:
        """The session for a turn: at most one round trip to the index, and none for a turn without a history.

        Args:
            prepared: what was asked.
            headers: the request's, names in lower case.
            isolation: digest of who may share sessions.
            keyed: whether the caller set the session-key header.
            bridged: whose run it is in a runtime; its client session is its name then, and its history decides nothing.
            patience: makes the block that waits for the index; it may be left early, without an exception.

        Raises:
            mix2api.errors.StoreUnavailable: the index does not answer.
        """
        turn = prepared.turn
        if bridged is not None:
            return await self._bridged(prepared, bridged, patience)
        isolation = self._kept_apart(isolation, headers, turn.base)
        if turn.previous_response is not None:
            session_id = self._left_by(turn.previous_response, turn.model)
            lineage = await self._lineage(prepared, self._realm(prepared, isolation)[0])
            return Found(
                session_id=session_id,
                reason=Reason.PREVIOUS_RESPONSE,
                lineage=lineage,
                isolation=isolation,
            )
        if (self._sites.only or self._sites.of(turn.model)).passes_through:
            return Found(reason=Reason.STATELESS, isolation=isolation)
        realm, uninstructed = self._realm(prepared, isolation)
        lineage = await self._lineage(prepared, realm)
        before = self._note(uninstructed)
        history = turn.messages[prepared.leading :]
        compacted = partial(self._seen.is_compacted, uninstructed, before, history)
        words = self._words(turn, headers, isolation, keyed=keyed)
        planned = plan(words, lineage, self._reuse, compacted=not lineage.has_history and compacted())
        made = partial(Found, lineage=lineage, isolation=isolation)
        if isinstance(planned, MakeFresh):
            return made(reason=planned.reason, bind=planned.bind)
        if isinstance(planned, ContinueIssued):
            return made(session_id=planned.session_id, reason=Reason.NAMED)
        found = await self._found(planned, made, patience)
        if found.reason is Reason.NO_MATCH and compacted():
            return evolve(found, reason=Reason.COMPACTED)
        return found

    async def _found(
        self,
        planned: TakeWaiting | ContinueNamed,
        made: Callable[..., Found],
        patience: Callable[[], AbstractContextManager[object]],
    ) -> Found:
        try:
            with patience():
                return await self._look_up(planned, made)
        except UnreadableIndex:
            self._on_schema_fallback()
            return made(reason=Reason.SCHEMA_FALLBACK, bind=name_of(planned))
        raise StoreUnavailable

    async def _bridged(
        self,
        prepared: PreparedTurn,
        bridged: Bridged,
        patience: Callable[[], AbstractContextManager[object]],
    ) -> Found:
        """The session of a client session, and of the realm: title requests come under the same id, and run beside it."""
        realm, _ = self._realm(prepared, bridged.scope_key)
        planned = ContinueNamed(self._name(realm, "bridged"), Reason.NAMED)
        return await self._found(planned, partial(Found, isolation=bridged.scope_key), patience)

    def _note(self, realm: int) -> Seen:
        """Notes a turn of a realm, and gives the one before it."""
        turns = self._seen.turns
        before = turns.pop(realm, NEVER)
        turns[realm] = Seen(trio.current_time(), before.summary)
        if len(turns) > REALMS:
            del turns[next(iter(turns))]
        return before

    async def _lineage(self, prepared: PreparedTurn, realm: Digest) -> Lineage:
        history = prepared.turn.messages[prepared.leading :]
        return await in_turn(lineage_steps(history, realm, self._digester))

    def _left_by(self, response_id: str, model: str) -> SessionId:
        """The session that a response left.

        Raises:
            PreviousResponseNotFound: it is none of ours, or the upstream keeps no session.
        """
        named = None if self._sites.passes_through(model) else named_by(response_id)
        session_id = None if named is None else self._mint.issued(named[0])
        if session_id is None:
            raise PreviousResponseNotFound(
                "The previous response is not known here: send the whole history as `input`.",
                param="previous_response_id",
            )
        return session_id

    async def _look_up(self, planned: TakeWaiting | ContinueNamed, made: Callable[..., Found]) -> Found:
        match planned:
            case TakeWaiting():
                return await self._take(planned, made)
            case ContinueNamed(name, reason):
                drawn = self._mint.session_id(self._draw_shard())
                session_id = await self._index.claim(name, drawn)
                if session_id == drawn:
                    return made(session_id=drawn, claimed=True, reason=Reason.NEW_NAME, bind=name)
                return made(session_id=session_id, reason=reason, bind=name)
            case _:
                assert_never(planned)

    async def _take(self, planned: TakeWaiting, made: Callable[..., Found]) -> Found:
        made = partial(made, bind=planned.bind)
        kept = (kept_for(word, planned.at, self._digester) for word in planned.words)
        taken = await self._index.take(planned.at, *kept)
        if taken is None:
            return made(reason=Reason.NO_MATCH)
        at, session_id = taken
        reason = Reason.LINEAGE if at == planned.at else Reason.NAMED
        return made(session_id=session_id, reason=reason, taken=at)

    async def put_back(self, at: Digest, session_id: SessionId) -> None:
        """For a turn that never began: the session that was taken for it waits again. Never fails."""
        with suppress(StoreUnavailable):
            await self._index.put_back(at, session_id)

    def _kept_apart(
        self, isolation: Digest, headers: Mapping[bytes, bytes], base: ChosenBase | None
    ) -> Digest:
        """The isolation key with the client's hints in it, and with the upstream that it chose: names stay within that, too."""
        hints = [headers[name].decode("latin1") for name in _HINTS if headers.get(name)]
        said = _named_by(headers)
        if said and said != _NEW and self._mint.issued(said) is None:
            hints.append(said)
        if not hints and base is None:
            return isolation
        apart = [isolation, sorted(set(hints)), *([] if base is None else [base.url])]
        return self._seal.digest(msgspec.json.encode(apart), "isolation")

    def _words(
        self, turn: Turn, headers: Mapping[bytes, bytes], isolation: Digest, *, keyed: bool
    ) -> SessionWords:
        said = _named_by(headers)
        body = turn.session or ""
        name = body if body and body != _NEW and self._mint.issued(body) is None else None
        by_key = keyed or self._reuse is Reuse.KEY
        return SessionWords(
            new=_NEW in {said, body},
            issued=self._mint.issued(said) or self._mint.issued(body),
            name=None if name is None else self._name(isolation, "name:" + name),
            key=self._name(isolation, "key") if by_key else None,
        )

    def _name(self, isolation: Digest, name: str) -> Digest:
        return self._seal.digest(msgspec.json.encode([isolation, name]), "name")

    def _realm(self, prepared: PreparedTurn, isolation: Digest) -> tuple[Digest, int]:
        """Digest of all that must be equal for an upstream session to serve a request, and a hash of it without instructions.

        Codex moves its instructions behind the summary when it compacts: such a history is of another realm.
        """
        turn = prepared.turn
        parts = (
            isolation.encode(),
            (self._sites.only or self._sites.of(turn.model)).digest.encode(),
            turn.model.encode("utf-8", "surrogatepass"),
            (turn.persona_id or "").encode("utf-8", "surrogatepass"),
            self._digester(instructions_form(turn.messages[: prepared.leading])).encode(),
            self._digester(tools_form(turn.tools)).encode(),
        )
        realm = self._seal.digest(b"".join(len(part).to_bytes(4, "big") + part for part in parts), "realm")
        return realm, hash((*parts[:4], parts[5]))


def _named_by(headers: Mapping[bytes, bytes]) -> str:
    """The session's name, where a header says one; empty where none does."""
    return next((headers[name].decode("latin1") for name in _SESSION_HEADERS if headers.get(name)), "")
