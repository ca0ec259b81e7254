"""What the site says in one turn, and how it enters the session's context. No I/O."""

import msgspec

from mix2api.demo.answers import Call
from mix2api.demo.contexts import Kept, SiteSession
from mix2api.demo.directives import Directives
from mix2api.demo.identities import Ids
from mix2api.demo.site import Site
from mix2api.demo.words import Word


class Transcript:
    """What the site says in one turn, added to the session's context exactly once, as far as it was said."""

    def __init__(self, site: Site, session: SiteSession, words: Directives) -> None:
        self._site = site
        self._session = session
        self._words = words
        self._said: list[str] = []
        self._calls: list[Call] = []
        self._kept = False
        self.ids = Ids(session.id, site.mint("ex"))
        session.exchanges.append(self.ids.exchange)

    def add(self, said: str, called: Call | None) -> None:
        """A piece of text, or a call, was said."""
        if said:
            self._said.append(said)
        if called is not None:
            self._calls.append(called)

    def keep(self) -> None:
        """Puts what was said into the context, and does what the directives want done after the answer."""
        if self._kept:
            return
        self._kept = True
        if self._said or self._calls:
            self._session.keep([self._message()])
        if self._words.text(Word.FORGET) == "after":
            self._site.sessions.pop(self._session.id, None)
        if self._words.text(Word.SWAP) == "after":
            self._session.swap_next = True

    def _message(self) -> Kept:
        message: dict[str, object] = {"role": "assistant", "content": "".join(self._said)}
        if self._calls:
            message["tool_calls"] = [
                {
                    "id": call.id,
                    "type": "function",
                    "function": {"name": call.name, "arguments": call.arguments},
                }
                for call in self._calls
            ]
        return Kept.of(msgspec.json.encode(message))
