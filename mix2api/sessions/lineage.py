"""Lineage: keyed chain digests over a normalised history. Equal digest, equal history, under one secret and one realm.

A session waits at the digest of all that its upstream session holds; a request continues it if the digest of its own
history, up to and including the last assistant message, is the same.
"""

from collections.abc import Callable
from typing import Final

from attrs import frozen

from mix2api.sessions.canonical import assistant_piece, pieces
from mix2api.vocabulary import Digest
from mix2api.wire.turn import Message

Digester = Callable[[bytes], Digest]
"""A keyed digest (`mix2api.sealing.Seal.digester`)."""

_SEPARATOR: Final = b"\0"


@frozen(kw_only=True)
class Lineage:
    """Where a request's history stands."""

    realm: Digest
    at: Digest | None
    """The digest at its last assistant message; None if it has none, or ends with one (prefill): then it is fresh."""
    head: Digest
    """The digest of the whole request: what an answer will be chained to."""
    textless: Digest
    """The same with the text beside tool calls left out throughout."""
    has_history: bool
    """Whether there is an assistant message or a tool result."""


def lineage_of(messages: list[Message], realm: Digest, digester: Digester) -> Lineage:
    """Digests a request's history, one pass."""
    head = textless = digester(realm.encode())
    at: Digest | None = None
    has_history = False
    last_role = ""
    for piece in pieces(messages):
        same = head == textless and piece.full == piece.textless
        head = _chained(head, piece.full, digester)
        textless = head if same else _chained(textless, piece.textless, digester)
        last_role = piece.role
        has_history = has_history or piece.role in {"assistant", "result"}
        if piece.role == "assistant":
            at = head
    return Lineage(
        realm=realm,
        at=None if last_role == "assistant" else at,
        head=head,
        textless=textless,
        has_history=has_history,
    )


def answered(lineage: Lineage, answer: Message, digester: Digester) -> tuple[Digest, ...]:
    """Where a session waits after the answer: one digest, two if the answer has text beside tool calls.

    Returns:
        Nothing for an empty answer: clients drop such a message, and what they send next cannot be foretold.
    """
    piece = assistant_piece([answer])
    if piece is None:
        return ()
    return tuple(
        dict.fromkeys(
            (
                _chained(lineage.head, piece.full, digester),
                _chained(lineage.textless, piece.textless, digester),
            )
        )
    )


def _chained(before: Digest, piece: bytes, digester: Digester) -> Digest:
    return digester(before.encode() + _SEPARATOR + piece)
