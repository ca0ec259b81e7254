"""The site's state: sessions with their contexts, tokens, counts, the last requests. Knows nothing of sockets.

Ids start with a word drawn at every start, so that a restarted site knows none of the ids it gave before.
"""

import secrets
from collections import deque
from collections.abc import Iterable, Mapping
from itertools import count
from typing import Any, Final

import msgspec
import trio
from attrs import frozen

from mix2api.demo.contexts import SiteSession
from mix2api.demo.directives import NOTHING_ASKED, Directives, find_directives
from mix2api.demo.options import DemoOptions
from mix2api.demo.responses_objects import KeptResponse
from mix2api.demo.runtime import Runtime
from mix2api.demo.stats import Stats
from mix2api.demo.words import Word

_RECEIVED_KEPT: Final = 64
"""Enough for a test to look back, little enough that bodies of megabytes do not pile up."""


@frozen
class Received:
    """A chat request as it came, for tests of what the adapter sends."""

    headers: Mapping[str, str]
    """By lower-case name."""
    body: bytes

    @property
    def json(self) -> Any:
        """The decoded body."""
        return msgspec.json.decode(self.body)


class UnknownSession(LookupError):
    """No session has that id: it never had, was forgotten, or was dropped over the limit."""


class Site:
    """One demo site, from start to end.

    Args:
        options: what it is like.
        start: the word of this start; a new one if none is given.
    """

    def __init__(self, options: DemoOptions, start: str | None = None) -> None:
        self.options = options
        self.stats = Stats()
        self.sessions: dict[str, SiteSession] = {}
        self.responses: dict[str, KeptResponse] = {}
        """Kept responses by id, the oldest first."""
        self.received: deque[Received] = deque(maxlen=_RECEIVED_KEPT)
        self.runtime: Runtime | None = None
        """Of a site of the kind `opencode`; set when it begins to serve."""
        self._tokens: dict[str, float] = {}
        self._spent: set[str] = set()
        self._may_fail = 0
        """Chats that the site's fault may hit, so far."""
        self._start = secrets.token_hex(4) if start is None else start
        self._numbers = count(1)

    def mint(self, what: str) -> str:
        """A fresh id: `<what>_<start>_<number>`."""
        return f"{what}_{self._start}_{next(self._numbers)}"

    def keep_response(self, kept: KeptResponse) -> None:
        """Keeps a response; over the limit the oldest goes."""
        self.responses[kept.response["id"]] = kept
        if len(self.responses) > self.options.max_sessions:
            del self.responses[next(iter(self.responses))]

    def open_session(self) -> SiteSession:
        """A fresh session; over the limit the one unused for longest goes."""
        session = SiteSession(self.mint("sess"))
        self.sessions[session.id] = session
        if len(self.sessions) > self.options.max_sessions:
            del self.sessions[next(iter(self.sessions))]
        return session

    def session(self, id_: str) -> SiteSession:
        """The session of that id.

        Raises:
            UnknownSession: there is none.
        """
        found = self.sessions.get(id_)
        if found is None:
            raise UnknownSession(id_)
        return found

    def continue_session(self, id_: str, words: Directives) -> SiteSession:
        """The session that a continued turn gets, which need not be the one it named.

        Raises:
            UnknownSession: there is none, or the turn asks to have it forgotten first.
        """
        session = self.session(id_)
        if words.text(Word.FORGET) == "now":
            self.forget(id_)
            raise UnknownSession(id_)
        if session.swap_next or words.text(Word.SWAP) == "now":
            session.swap_next = False
            return self.open_session()
        # Dicts keep the order of insertion: the first is the one unused for longest.
        self.sessions[id_] = self.sessions.pop(id_)
        return session

    def forget(self, id_: str) -> None:
        """Drops a session.

        Raises:
            UnknownSession: there is none.
        """
        if self.sessions.pop(id_, None) is None:
            raise UnknownSession(id_)

    def first_sight(self, words: Directives) -> Directives:
        """The directives, or none if they are to be obeyed once and were."""
        if Word.ONCE not in words:
            return words
        key = words.text(Word.ONCE)
        if key in self._spent:
            return NOTHING_ASKED
        self._spent.add(key)
        return words

    def fault_of(self, texts: Iterable[str]) -> Directives:
        """The directives of the site's fault, where it hits this chat.

        Args:
            texts: of the chat's context.
        """
        options = self.options
        if options.fault_every is None or not any(options.fault_where in text for text in texts):
            return NOTHING_ASKED
        self._may_fail += 1
        return NOTHING_ASKED if self._may_fail % options.fault_every else find_directives(options.fault)

    def log_in(self) -> str:
        """A fresh token."""
        self.stats.logins += 1
        token = f"demo-{secrets.token_urlsafe(24)}"
        self._tokens[token] = trio.current_time() + self.options.token_ttl_s
        return token

    def knows(self, token: str) -> bool:
        """Whether a token was given out and has not expired."""
        return trio.current_time() < self._tokens.get(token, 0.0)

    def expire_tokens(self) -> None:
        """Ends all tokens at once."""
        self._tokens.clear()

    def reset(self) -> None:
        """Forgets sessions, tokens, requests, spent keys and counts; ids are not given twice."""
        self.sessions.clear()
        self.responses.clear()
        self.received.clear()
        self._tokens.clear()
        self._spent.clear()
        self._may_fail = 0
        self.stats.reset()
