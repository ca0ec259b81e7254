"""Lineage: keyed chain digests over a normalised history. Equal digest, equal history, under one secret and one realm.

A session waits at the digest of all that its upstream session holds; a request continues it if the digest of its own
history, up to and including the last assistant message, is the same. Texts beside tool calls have a chain of their
own: who drops them all is at the digest without them, so a session waits at two digests at most, never at 2^n.
"""

from collections.abc import Callable
from typing import Final

from attrs import frozen

from mix2api.sessions.canonical import Piece, answer_piece, leading_instructions, pieces
from mix2api.steps import Steps, at_once
from mix2api.vocabulary import Digest
from mix2api.wire.turn import Message

Digester = Callable[[bytes], Digest]
"""A keyed digest (`mix2api.sealing.Seal.digester`)."""

_PIECE: Final = b"\0"
_BESIDE: Final = b"\1"
_BOTH: Final = b"\2"
_WORD: Final = b"\3"
"""What a digest is of: digests before it are of one length, so that nothing else can read the same."""
_STEP_WORK: Final = 256
"""Pieces of one step, at about 8 µs each."""
_WORK_BYTES: Final = 128
"""Bytes of a piece that are as much work as a piece without any: arguments are read value by value."""
_LONG_BYTES: Final = 1_000_000
"""An answer from here on is normalised in one step and digested in another: each takes about 2 ms a megabyte."""
_NOTHING: Final = Digest("")
_HISTORY: Final = frozenset({"assistant", "result"})


@frozen(kw_only=True)
class Lineage:
    """Where a request's history stands."""

    realm: Digest
    at: Digest | None
    """The digest at its last assistant message; None if it has none, or ends with one (prefill): then it is fresh."""
    head: Digest
    """The digest of the whole request without texts beside tool calls: what an answer will be chained to."""
    beside: Digest = _NOTHING
    """The digest of those texts and their places; empty if there are none."""
    has_history: bool
    """Whether there is an assistant message or a tool result."""
    prefill: bool = False
    """Whether the last message is the assistant's: the answer is to go on from it."""


def lineage_of(messages: list[Message], realm: Digest, digester: Digester) -> Lineage:
    """Digests a request's history, one pass."""
    history = messages[len(leading_instructions(messages)) :]
    return at_once(lineage_steps(history, realm, digester))


def lineage_steps(history: list[Message], realm: Digest, digester: Digester) -> Steps[Lineage]:
    """The same in steps of a few milliseconds (`mix2api.steps`), of what stands behind the leading instructions."""
    work = 0
    head, beside = digester(realm.encode()), _NOTHING
    at: tuple[Digest, Digest] | None = None
    has_history = False
    last_role = ""
    for piece in pieces(history):
        work += 1 + len(piece.body) // _WORK_BYTES
        if work > _STEP_WORK:
            yield
            work = 0
        head, beside = _chained(head, beside, piece, digester)
        last_role = piece.role
        has_history = has_history or last_role in _HISTORY
        if last_role == "assistant":
            at = head, beside
    return Lineage(
        realm=realm,
        at=None if at is None or last_role == "assistant" else _whole(*at, digester),
        head=head,
        beside=beside,
        has_history=has_history,
        prefill=last_role == "assistant",
    )


def answered_steps(
    lineage: Lineage, answer: Message, digester: Digester, word: str | None = None
) -> Steps[tuple[Digest, ...]]:
    """Where a session waits after the answer, in two steps for a long one: a digest, two if text stands beside tool calls.

    Args:
        lineage: of the request.
        answer: as the client has it.
        digester: makes the digests.
        word: the session waits only for whoever says this as well (`kept_for`); None: for everybody with that history.

    Returns:
        Nothing for an empty answer: clients drop such a message, and what they send next cannot be foretold.
    """
    piece = answer_piece([answer])
    if piece is None:
        return ()
    if len(piece.body) + len(piece.beside) >= _LONG_BYTES:
        yield
    head, beside = _chained(lineage.head, lineage.beside, piece, digester)
    waits_at = dict.fromkeys((_whole(head, beside, digester), head))
    return tuple(waits_at) if word is None else tuple([kept_for(word, at, digester) for at in waits_at])


def kept_for(word: str, at: Digest, digester: Digester) -> Digest:
    """The digest at which a session waits for that history from whoever names the session by that word as well.

    A session that went on by a name or an id holds what the request did not carry. The history of that request alone
    must not lead there: somebody else may have the same one.
    """
    return digester(b"%b%b%b" % (at.encode(), _WORD, word.encode()))


def _chained(head: Digest, beside: Digest, piece: Piece, digester: Digester) -> tuple[Digest, Digest]:
    head = digester(head.encode() + _PIECE + piece.body)
    if piece.beside:
        beside = digester(b"%b%b%b%b%b" % (head.encode(), _BESIDE, beside.encode(), _BESIDE, piece.beside))
    return head, beside


def _whole(head: Digest, beside: Digest, digester: Digester) -> Digest:
    return digester(head.encode() + _BOTH + beside.encode()) if beside else head
