"""Which session a request continues: the order of the rules, as a pure function of what the request says.

History beats names, because a client that sends its history cannot be given somebody else's. Hints are no names: a
client sends the same one with title requests, sub-agents and its main run at once.
"""

from enum import StrEnum
from typing import Protocol, assert_never

from attrs import frozen

from mix2api.events import audit_entry
from mix2api.sessions.lineage import Lineage
from mix2api.vocabulary import Digest, SessionId


class Reuse(StrEnum):
    """`MIX2API_SESSION_REUSE`."""

    LINEAGE = "lineage"
    KEY = "key"


class Reason(StrEnum):
    """Why a session was made or continued, as it stands in `request` and in the answer's header. Closed."""

    NO_HISTORY = "no_history"
    ASKED_NEW = "asked_new"
    NO_MATCH = "no_match"
    """There is a history, and no session waits at it, or none could: it has no answer in it."""
    COMPACTED = audit_entry.COMPACTED
    """The history begins with a summary, because its client has compacted it (`mix2api.sessions.compaction`)."""
    PREFILL = "prefill"
    """The last message is the assistant's."""
    NEW_NAME = "new_name"
    LINEAGE = "lineage"
    NAMED = "named"
    KEY = "key"
    EXPIRED = "expired"
    FOREIGN = "foreign"
    """The named session belongs to another isolation key."""
    RETIRED = "retired"
    MOVED_ON = "moved_on"
    """It no longer waits where the index said."""
    SCHEMA_FALLBACK = "schema_fallback"
    UPSTREAM_LOST = "upstream_lost"
    PREVIOUS_RESPONSE = "previous_response"
    """The request named the response that it goes on from."""
    STATELESS = "stateless"
    """The upstream keeps no conversation: every request is put whole."""
    WORKER_LOST = "worker_lost"
    """The process that ran the turn died before the client saw anything: it runs once more."""
    ROLLED_OVER = audit_entry.ROLLED_OVER
    """The session that the request would have continued is too full for it."""


@frozen(kw_only=True)
class SessionWords:
    """What the request says of its session."""

    new: bool = False
    """One of the places says `new`."""
    issued: SessionId | None = None
    """A session id of ours, recognised by form and MAC."""
    name: Digest | None = None
    """Digest of isolation key and the name in the body."""
    key: Digest | None = None
    """Digest of the isolation key, where the caller set the session-key header or `key` reuse is configured."""


@frozen
class MakeFresh:
    """No session is looked for; `bind` is the name that the fresh one takes over."""

    reason: Reason
    bind: Digest | None = None


@frozen
class TakeWaiting:
    """The session that waits at this digest; if there is none, a fresh one with reason `no_match` or `compacted`."""

    at: Digest
    bind: Digest | None = None
    words: tuple[str, ...] = ()
    """What the request calls its session. Before it gets a fresh one: the one that waits for who says this with this
    history (`mix2api.sessions.lineage.kept_for`)."""


@frozen
class ContinueIssued:
    """The session with this id of ours."""

    session_id: SessionId


@frozen
class ContinueNamed:
    """The session bound to this name; the name is claimed for a fresh one if there is none."""

    name: Digest
    reason: Reason


Plan = MakeFresh | TakeWaiting | ContinueIssued | ContinueNamed


class UnreadableIndex(ValueError):
    """What the index holds there leads to no session of ours. It has been taken out: the request goes on fresh."""


class SessionIndex(Protocol):
    """Where sessions are looked up. An index: it may be wrong or empty, the session's own log is the truth."""

    async def take(self, *places: Digest) -> tuple[Digest, SessionId] | None:
        """Takes a session that waits at the first of these digests at which one does, and says at which.

        Raises:
            UnreadableIndex: damage.
            mix2api.errors.StoreUnavailable: the store does not answer.
        """
        ...

    async def put_back(self, at: Digest, session_id: SessionId) -> None:
        """Puts a session back where it was taken, because its turn never began.

        Raises:
            mix2api.errors.StoreUnavailable: the store does not answer; the session's next turn is fresh.
        """
        ...

    async def claim(self, name: Digest, session_id: SessionId) -> SessionId:
        """The session bound to a name; if there is none, the name is bound to this one.

        Raises:
            UnreadableIndex: damage.
            mix2api.errors.StoreUnavailable: the store does not answer.
        """
        ...


def plan(words: SessionWords, lineage: Lineage, reuse: Reuse, *, compacted: bool = False) -> Plan:
    """What is to be done for a request.

    Args:
        words: what it says of its session.
        lineage: where its history stands.
        reuse: what the operator set.
        compacted: a summary stands in place of the history that the session of this realm holds. It must not go to that
            session, whatever its name.
    """
    by_key = reuse is Reuse.KEY and words.key is not None
    # Where the key decides, no name is ever looked up.
    name = words.key if by_key else words.name or words.key
    if words.new:
        return MakeFresh(Reason.ASKED_NEW, name)
    if lineage.prefill:
        return MakeFresh(Reason.PREFILL, name)
    if by_key and name is not None:
        return ContinueNamed(name, Reason.KEY)
    if lineage.has_history:
        if lineage.at is None:
            return MakeFresh(Reason.NO_MATCH, name)
        return TakeWaiting(lineage.at, name, tuple(word for word in (name, words.issued) if word is not None))
    if compacted:
        return MakeFresh(Reason.COMPACTED, name)
    return _by_words(words, name)


def _by_words(words: SessionWords, name: Digest | None) -> Plan:
    """Of a request without a history: what it says is all there is."""
    if words.issued is not None:
        return ContinueIssued(words.issued)
    if name is not None:
        return ContinueNamed(name, Reason.NAMED)
    return MakeFresh(Reason.NO_HISTORY)


def name_of(planned: Plan) -> Digest | None:
    """The name that is to lead to whichever session runs the turn."""
    match planned:
        case MakeFresh(bind=name) | TakeWaiting(bind=name) | ContinueNamed(name=name):
            return name
        case ContinueIssued():
            return None
        case _:
            assert_never(planned)
