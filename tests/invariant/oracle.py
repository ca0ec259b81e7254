"""The oracle: compares what the site holds of each session with what the one user who owns it typed and got.

It knows users and their sayings, and the site's contexts. It never calls the adapter: not its normal form, not its digests.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from attrs import define, field
from invariant.exchanges import NOTHING, Exchange, told
from invariant.sayings import Saying, Written, fingerprint

from mix2api.demo import Demo, SiteSession

_SHOWN: Final = 200


class CrossTalk(AssertionError):
    """A session of the site holds what it must not hold."""


@define(eq=False)
class Oracle:
    """What is known of one crowd's conversations.

    Args:
        demo: the site.
    """

    demo: Demo
    _forms: dict[Saying, set[tuple[str, ...]]] = field(factory=dict)
    _seen: dict[str, int] = field(factory=dict)
    """How much of each session has been judged."""
    _over: set[str] = field(factory=set)
    """Sessions that nobody may continue."""
    _trimmed: set[str] = field(factory=set)
    """Sessions that began with a part of a history."""

    def learn(self, saying: Saying, written: Iterable[Written]) -> None:
        """Somebody wrote the saying down like this."""
        self._forms.setdefault(saying, set()).add(tuple(fingerprint(message) for message in written))

    def give_all_up(self) -> None:
        """Nobody may continue what there is."""
        self._over.update(self.demo.sessions)

    def give_up_changed(self) -> None:
        """Nobody may continue what has changed since the last judgement: it holds more than anybody's history tells."""
        self._over.update(session.id for session in self._changed())

    def judge(self, moment: Sequence[Exchange]) -> None:
        """Checks all that came of requests that were made at the same time.

        Raises:
            CrossTalk: a session holds something that is not the requester's own, or not in order.
        """
        left = self._changed()
        answered = sorted((each for each in moment if each.answered), key=lambda each: not each.kept_exactly)
        for exchange in answered:
            left.remove(self._answering(exchange, left))
        for session in left:
            self._check_leftover(session, moment)
            # A failed twin may hold the very same as the one that answered: which of them waits cannot be seen.
            if not any(self._holds_all(session, exchange) for exchange in answered):
                self._over.add(session.id)

    def _changed(self) -> list[SiteSession]:
        sessions = self.demo.sessions
        changed = [each for each in sessions.values() if len(each.kept) != self._seen.get(each.id, 0)]
        for session in changed:
            if session.id in self._over:
                raise CrossTalk(f"given up, then continued: {_shown(session)}")
            self._seen[session.id] = len(session.kept)
        return changed

    def _answering(self, exchange: Exchange, changed: list[SiteSession]) -> SiteSession:
        """The session that holds the whole history and the answer, and nothing else."""
        for session in changed:
            if self._holds_all(session, exchange):
                return session
        for session in changed:
            if (exchange.trimmed or session.id in self._trimmed) and self._holds_part(session, exchange):
                self._trimmed.add(session.id)
                return session
        for session in [] if exchange.kept_exactly else changed:
            context = self._context(session)[:-1]
            is_trimmed = exchange.trimmed or session.id in self._trimmed
            if (self._is_part if is_trimmed else self._is_whole)(context, exchange.history):
                self._over.add(session.id)
                return session
        held = "".join(map(_shown, changed))
        raise CrossTalk(f"{exchange.who} was answered, but no session holds all of{exchange}\nbut{held}")

    def _holds_all(self, session: SiteSession, exchange: Exchange) -> bool:
        return self._is_whole(self._context(session), (*exchange.history, exchange.got))

    def _holds_part(self, session: SiteSession, exchange: Exchange) -> bool:
        """Whether it holds parts of the history, and what was said last with its answer."""
        context, last = self._context(session), (exchange.history[-1], exchange.got)
        return any(
            self._is_part(context[:at], exchange.history[:-1]) and self._is_whole(context[at:], last)
            for at in range(len(context))
        )

    def _check_leftover(self, session: SiteSession, moment: Sequence[Exchange]) -> None:
        """A session that answered nobody: it may only hold parts of one request's own history."""
        context = self._context(session)
        last = session.messages[-1]
        said = last["content"] if last["role"] == "assistant" else None
        for exchange in moment:
            if self._is_part(context, exchange.history):
                return
            # The site's answer, of which the user may have got the beginning only.
            began = isinstance(said, str) and said.startswith(exchange.got.text)
            if began and self._is_part(context[:-1], exchange.history):
                return
        raise CrossTalk(f"{_shown(session)}\nis what none of these said:{told(moment)}")

    def _context(self, session: SiteSession) -> list[str]:
        """What the site holds, without messages that say nothing."""
        empty = self._forms.get(NOTHING, set())
        written = (fingerprint(message) for message in session.messages)
        return [message for message in written if (message,) not in empty]

    def _is_whole(self, context: Sequence[str], said: Iterable[Saying]) -> bool:
        return len(context) in self._reached(context, said, skipping=False)

    def _is_part(self, context: Sequence[str], said: Iterable[Saying]) -> bool:
        return len(context) in self._reached(context, said, skipping=True)

    def _reached(self, context: Sequence[str], said: Iterable[Saying], *, skipping: bool) -> set[int]:
        """How far the sayings, in order, can account for the context."""
        reached = {0}
        for saying in said:
            if saying == NOTHING:
                continue
            further = {
                at + len(form)
                for at in reached
                for form in self._held_forms(saying, skipping=skipping)
                if tuple(context[at : at + len(form)]) == form
            }
            reached = reached | further if skipping else further
        return reached

    def _held_forms(self, saying: Saying, *, skipping: bool) -> set[tuple[str, ...]]:
        """How a saying may be held; of an answer in two messages perhaps the words alone: trimming takes calls with their results."""
        forms = self._forms.get(saying, set())
        if skipping and saying.role == "assistant":
            return forms | {form[:1] for form in forms}
        return forms


def _shown(session: SiteSession) -> str:
    """A context in short, for the story that a failure tells."""
    lines = (
        f"{message[:_SHOWN]}…" if len(message) > _SHOWN else message
        for message in map(fingerprint, session.messages)
    )
    return "\n    ".join((f"\n  {session.id}", *lines))
