"""The list of one user's conversations, within those of one API key."""

import re
from typing import Any, Final

from attrs import define, field, frozen

from mix2api.console.asking import BadQuery, address
from mix2api.console.conversation import Quoted, quoted
from mix2api.conversations.content import SESSION, SessionWords
from mix2api.conversations.state import Session
from mix2api.sealing import Seal
from mix2api.store.conversation_index import ConversationIndex, user_of
from mix2api.store.conversation_words import words_of
from mix2api.store.conversations import Conversations
from mix2api.store.looked_conversation import Looked, Unreadable
from mix2api.vocabulary import Digest

ROWS: Final = 20
"""Of a page."""
_USER: Final = 256
"""Characters of a `userId`, as the API takes it."""
_MARK: Final = re.compile(r"([0-9]{1,15})_([0-9a-f]{32})")


@frozen(kw_only=True)
class ConversationRow:
    """One conversation."""

    link: str
    title: Quoted | None = field(repr=False)
    """None: what its caller says of it is damaged."""
    session: Session | None
    """None: the conversation cannot be read."""


@frozen(kw_only=True)
class ListAsked:
    """What the address of the list asks for."""

    user_id: str = field(repr=False)
    """Empty: nobody is asked for yet."""
    before: tuple[int, Digest] | None
    """The last row of the page before."""


def list_asked(user_id: str, before: str | None) -> ListAsked:
    """Understands the parameters of an address.

    Raises:
        BadQuery: a value is not allowed.
    """
    if len(user_id) > _USER:
        raise BadQuery("user")
    found = None if before is None else _MARK.fullmatch(before)
    if before is not None and found is None:
        raise BadQuery("before")
    return ListAsked(user_id=user_id, before=None if found is None else (int(found[1]), Digest(found[2])))


@define(eq=False)
class ConversationList:
    """Makes what its template shows.

    Args:
        conversations: of the deployment.
        index: of them.
        seal: for the digests of users.
    """

    _conversations: Conversations
    _index: ConversationIndex
    _seal: Seal

    async def values(self, owner: Digest, asked: ListAsked) -> dict[str, Any]:
        """One page, the newest conversation first: two round trips. One that is damaged costs some more.

        Raises:
            StoreUnavailable: the store does not answer.
        """
        found: list[tuple[int, Digest]] = []
        if asked.user_id:
            user = user_of(self._seal, owner, asked.user_id)
            found = await self._index.of_user(user, ROWS + 1, asked.before)
        keys = [conversation for _, conversation in found[:ROWS]]
        each = await self._conversations.look_at_each(keys, [SESSION])
        rows = [_row(owner, *pair) for pair in zip(keys, each, strict=True)]
        mark = f"{found[ROWS - 1][0]}_{found[ROWS - 1][1]}" if len(found) > ROWS else None
        parameters = {"user": asked.user_id}
        return {
            "user": asked.user_id,
            "rows": [row for row in rows if row is not None],
            "older": None if mark is None else address("/conversations", {**parameters, "before": mark}),
            "newest": None if asked.before is None else address("/conversations", parameters),
        }


def _row(owner: Digest, conversation: Digest, looked: Looked | Unreadable) -> ConversationRow | None:
    """One row; None where the conversation is gone: a list may name what there is not."""
    words = words_of(looked, SESSION, SessionWords)
    title = None if words is None else quoted(words.title or words.session_id)
    session = None
    if isinstance(looked, Looked):
        if not looked.session.version or looked.session.owner != owner:
            return None
        session = looked.session if words is not None else None
    return ConversationRow(link=address("/conversation", {"id": conversation}), title=title, session=session)
