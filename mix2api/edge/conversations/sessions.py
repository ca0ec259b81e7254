"""`/api/sessions`: conversations are begun, read, listed and deleted."""

import re
from typing import Final

from attrs import frozen

from mix2api.conversations.content import (
    SESSION,
    SESSION_ID_PATTERN,
    TITLE_CHARS,
    USER_CHARS,
    SessionWords,
)
from mix2api.conversations.events import UnreadableConversation
from mix2api.conversations.views import View, session_view, unreadable_session_view
from mix2api.edge.conversations.desk import Desk
from mix2api.edge.conversations.routing import Answer, Asked, Route, unknown
from mix2api.errors import Conflict, InvalidRequest
from mix2api.identity import Mint
from mix2api.store.conversation_words import session_words, words_of
from mix2api.store.looked_conversation import Unreadable
from mix2api.store.workflows import Workflows
from mix2api.vocabulary import Digest
from mix2api.wire.object_fields import wrong

META_BYTES: Final = 65_536
"""Of `metaInfo` as JSON: every list of sessions shows it."""
_SESSION_FORM: Final = "1 to 128 characters of A-Z a-z 0-9 . _ : -"
_CREATION_MS: Final = 60_000
"""After its note in the user's list, a session may not stand yet: its creation takes two commands, each with a shorter limit."""
_CURSOR: Final = re.compile(r"([0-9]{1,15})_([0-9a-f]{32})")
_CREATE: Final = ("userId", "title", "metaInfo", "sessionId", "ifExists")
_RETURN: Final = "return"
_IF_EXISTS: Final = (_RETURN, "refuse")


@frozen
class SessionRoutes:
    """The handlers."""

    _desk: Desk
    _mint: Mint
    _workflows: Workflows

    def routes(self) -> tuple[Route, ...]:
        """The routes."""
        return (
            Route("POST", "/api/sessions", self.create),
            Route("GET", "/api/sessions", self.listing),
            Route("GET", "/api/sessions/{sessionId}", self.read),
            Route("DELETE", "/api/sessions/{sessionId}", self.delete),
        )

    async def create(self, asked: Asked) -> Answer:
        """Begins a conversation.

        Raises:
            InvalidRequest: a field is missing or wrong.
            Conflict: the caller has a session of that id already.
        """
        body, desk = asked.body, self._desk
        body.check_names(_CREATE)
        user_id = body.needed_text("userId", USER_CHARS)
        chosen = body.text("sessionId", 128)
        if chosen is not None and re.fullmatch(SESSION_ID_PATTERN, chosen) is None:
            raise wrong("sessionId", _SESSION_FORM)
        if_exists = body.choice("ifExists", _IF_EXISTS)
        words = SessionWords(
            session_id=chosen or self._mint.word("conversation"),
            user_id=user_id,
            title=body.text("title", TITLE_CHARS),
            meta_info=body.object("metaInfo", META_BYTES),
        )
        after, is_new = await desk.begin(asked.caller, words)
        if is_new:
            return Answer(session_view(after.session, words))
        if if_exists != _RETURN:
            raise Conflict("You have a session of that id.", param="sessionId", code="session_exists")
        conversation = desk.conversation(asked.caller, words.session_id)
        looked = await desk.store.look(conversation, fields=[SESSION])
        return Answer(session_view(looked.session, session_words(looked)))

    async def read(self, asked: Asked) -> Answer:
        """One session.

        Raises:
            NotFound: the caller has no such session.
        """
        _, looked = await self._desk.session(asked, fields=[SESSION])
        return Answer(session_view(looked.session, session_words(looked)))

    async def listing(self, asked: Asked) -> Answer:
        """The sessions of one user of the caller's, the newest first. Those that cannot be read stand in a list of their own.

        Raises:
            InvalidRequest: `userId` is missing, or a parameter is wrong.
        """
        user_id, desk = asked.query.get("userId"), self._desk
        if not user_id:
            raise InvalidRequest(
                "Missing required parameter 'userId'.", param="userId", code="missing_required_parameter"
            )
        limit, user = asked.page_size(), desk.user(asked.caller, user_id)
        found = await desk.index.of_user(user, limit + 1, _cursor(asked.query.get("cursor")))
        shown: list[View] = []
        unreadable: list[View] = []
        gone: list[Digest] = []
        settled_ms = desk.clock.now_ms() - _CREATION_MS
        each = await desk.store.look_at_each([conversation for _, conversation in found[:limit]], [SESSION])
        for (noted_ms, conversation), looked in zip(found, each, strict=False):
            words = words_of(looked, SESSION, SessionWords)
            if isinstance(looked, Unreadable) or (looked.session.version and words is None):
                unreadable.append(unreadable_session_view(noted_ms, words))
            elif words is not None and looked.session.version:
                shown.append(session_view(looked.session, words))
            elif noted_ms < settled_ms:
                gone.append(conversation)
        await desk.index.drop(user, gone)
        cursor = f"{found[limit - 1][0]}_{found[limit - 1][1]}" if len(found) > limit else None
        return Answer({"sessions": shown, "unreadable": unreadable, "nextCursor": cursor})

    async def delete(self, asked: Asked) -> Answer:
        """Removes a session with everything in it. Turns that run are cancelled first. Drafts that were edited stay.

        Raises:
            NotFound: the caller has no such session.
        """
        desk = self._desk
        conversation = desk.conversation(asked.caller, asked.path["sessionId"])
        try:
            is_deleted = await desk.delete(asked.caller, conversation, self._workflows)
        except UnreadableConversation:
            # What cannot be read any more can be deleted all the same: the key is made of caller and id.
            await desk.discard(conversation)
        else:
            if not is_deleted:
                raise unknown("session", "sessionId")
        return Answer({"sessionId": asked.path["sessionId"], "deleted": True})


def _cursor(said: str | None) -> tuple[int, Digest] | None:
    if said is None:
        return None
    found = _CURSOR.fullmatch(said)
    if found is None:
        raise wrong("cursor", "the `nextCursor` of an earlier page")
    return int(found[1]), Digest(found[2])
