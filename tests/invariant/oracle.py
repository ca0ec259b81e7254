"""The oracle: compares what the site holds of each session with what the one user who owns it typed and got.

It knows users and their sayings, and the site's contexts. It never calls the adapter: not its normal form, not its digests.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final

from attrs import define, field, frozen
from invariant.sayings import Saying, Written, fingerprint
from invariant.wishes import Kind

from mix2api.demo import Demo, SiteSession

NOTHING: Final = Saying(role="assistant")
"""An empty answer, or what a client keeps of an answer that never began."""
Place = tuple[object, tuple[Saying, ...]]
"""Where sessions wait: the circumstances (tools, hint) and a history up to an answer."""
_WAITING_AT_ONE_PLACE: Final = 8
"""As many sessions are kept for one history; more are forgotten."""
_SUCCESSES: Final = frozenset({"stop", "tool_calls", "length"})


@frozen(kw_only=True)
class Exchange:
    """One request and what came of it."""

    who: str
    circumstances: object
    history: tuple[Saying, ...]
    kind: Kind
    got: Saying
    """The answer as far as it came."""
    finish: str | None = None
    status: int = 0
    """0 where the user left before there was one."""
    resolution: str = ""
    """`continued` or `fresh`, and why; empty where the answer does not say."""

    def __str__(self) -> str:
        said = "\n    ".join(map(str, (*self.history, self.got)))
        return f"\n  {self.who} {self.kind} {self.status} {self.finish} {self.resolution!r}\n    {said}"

    @property
    def answered(self) -> bool:
        return self.finish in _SUCCESSES | {"content_filter"}

    @property
    def is_refused_by_us(self) -> bool:
        """Whether the adapter said that the request is wrong: calls without results, after an edit."""
        return self.status == 400 and not self.resolution

    @property
    def kept_exactly(self) -> bool:
        """Whether the site holds the answer as the user got it. A turn that was to fail but once may be answered."""
        return self.finish in _SUCCESSES and self.kind is not Kind.UNFAITHFUL

    @property
    def took(self) -> bool:
        """Whether it was given a waiting session, be it one that the site had lost."""
        return self.resolution.startswith("continued") or self.resolution.endswith("upstream_lost")

    @property
    def spoken(self) -> tuple[Saying, ...]:
        """The history without messages that say nothing."""
        return tuple(saying for saying in self.history if saying != NOTHING)

    @property
    def is_prefill(self) -> bool:
        """Whether the assistant has the last word: what is answered then has no place of its own."""
        return self.spoken[-1].role == "assistant"

    @property
    def place(self) -> Place | None:
        """Where a session must wait for it; None for an opening and a prefill."""
        spoken = self.spoken
        last = max((at for at, said in enumerate(spoken) if said.role == "assistant"), default=-1)
        return None if last < 0 or self.is_prefill else (self.circumstances, spoken[: last + 1])

    @property
    def next_place(self) -> Place | None:
        """Where the session waits that answered it; None if nowhere."""
        if not self.kept_exactly or self.got == NOTHING or self.is_prefill:
            return None
        return (self.circumstances, (*self.spoken, self.got))

    @property
    def put_back(self) -> bool:
        """Whether it was given a session that the site then refused to go on with: it waits as before."""
        refused = self.kind is Kind.REFUSED and not self.answered
        return refused and self.resolution.startswith("continued")


class CrossTalk(AssertionError):
    """A session of the site holds what it must not hold."""


class WrongReuse(AssertionError):
    """A request was given a session though none waited for it, or none though one did."""


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
    _waiting: Counter[Place] = field(factory=Counter)
    _contested: set[Place] = field(factory=set)
    continued: int = 0
    fresh: int = 0

    def learn(self, saying: Saying, written: Iterable[Written]) -> None:
        """Somebody wrote the saying down like this."""
        forms = self._forms.setdefault(saying, {()} if saying == NOTHING else set())
        forms.add(tuple(fingerprint(message) for message in written))

    def forget_waiting(self) -> None:
        """The store was emptied: nobody waits."""
        self._waiting.clear()

    def judge(self, moment: Sequence[Exchange]) -> None:
        """Checks all that came of requests that were made at the same time.

        Raises:
            CrossTalk: a session holds something that is not the requester's own, or not in order.
            WrongReuse: a session was continued that could not be, or one was passed over.
        """
        left = self._changed()
        for exchange in moment:
            if exchange.answered:
                left.remove(self._answering(exchange, left))
        for session in left:
            self._check_leftover(session, moment)
            self._over.add(session.id)
        self._judge_reuse(moment)

    def _changed(self) -> list[SiteSession]:
        sessions = self.demo.sessions
        changed = [each for each in sessions.values() if len(each.kept) != self._seen.get(each.id, 0)]
        for session in changed:
            if session.id in self._over:
                raise CrossTalk(f"{session.id} was given up and then continued: {session.messages}")
            self._seen[session.id] = len(session.kept)
        return changed

    def _answering(self, exchange: Exchange, changed: list[SiteSession]) -> SiteSession:
        """The session that holds the whole history and the answer, and nothing else."""
        said = [*exchange.history, exchange.got]
        for session in changed:
            context = [fingerprint(message) for message in session.messages]
            if self._is_whole(context, said):
                return session
            if not exchange.kept_exactly and self._is_whole(context[:-1], said[:-1]):
                self._over.add(session.id)
                return session
        held = [session.messages for session in changed]
        raise CrossTalk(f"{exchange.who} was answered, but no session holds all of{exchange}\nbut\n{held}")

    def _check_leftover(self, session: SiteSession, moment: Sequence[Exchange]) -> None:
        """A session that answered nobody: it may only hold parts of one request's own history."""
        context = [fingerprint(message) for message in session.messages]
        for exchange in moment:
            if self._is_part(context, exchange.history) or (
                session.messages[-1]["role"] == "assistant"
                and session.messages[-1]["content"].startswith(exchange.got.text)
                and self._is_part(context[:-1], exchange.history)
            ):
                return
        raise CrossTalk(f"{session.id} holds what nobody of {_told(moment)} said: {session.messages}")

    def _is_whole(self, context: Sequence[str], said: Iterable[Saying]) -> bool:
        return len(context) in self._reached(context, said, skipping=False)

    def _is_part(self, context: Sequence[str], said: Iterable[Saying]) -> bool:
        return len(context) in self._reached(context, said, skipping=True)

    def _reached(self, context: Sequence[str], said: Iterable[Saying], *, skipping: bool) -> set[int]:
        """How far the sayings, in order, can account for the context."""
        reached = {0}
        for saying in said:
            further = {
                at + len(form)
                for at in reached
                for form in self._forms.get(saying, ())
                if tuple(context[at : at + len(form)]) == form
            }
            reached = reached | further if skipping else further
        return reached

    def _judge_reuse(self, moment: Sequence[Exchange]) -> None:
        """Takes from, and puts to, what waits. Requests of one moment may see each other's changes, or not."""
        arriving: Counter[Place] = Counter()
        taken: Counter[Place] = Counter()
        asked: Counter[Place] = Counter()
        for exchange in moment:
            self.continued += exchange.took
            self.fresh += not exchange.took
            place, next_place = exchange.place, exchange.next_place
            if next_place is not None:
                arriving[next_place] += 1
            if place is None or exchange.is_refused_by_us:
                _check_fresh(exchange)
                continue
            arriving[place] += exchange.put_back
            taken[place] += exchange.took
            asked[place] += 1
        for place, asking in asked.items():
            least = 0 if place in self._contested or _is_odd(place) else min(self._waiting[place], asking)
            if not least <= taken[place] <= self._waiting[place] + arriving[place]:
                raise WrongReuse(
                    f"{taken[place]} of {asking} were continued, {self._waiting[place]} waited: {_told(moment)}"
                )
        for place in asked.keys() | arriving.keys():
            self._settle(place, self._waiting[place] + arriving[place] - taken[place])

    def _settle(self, place: Place, waiting: int) -> None:
        self._waiting[place] = min(waiting, _WAITING_AT_ONE_PLACE)
        # Two sessions at a history with text beside calls stand in two lists each; who takes one by the one list leaves
        # an entry in the other that leads nowhere: a request may be passed over, never given a wrong one.
        if waiting > 1 and any(said.calls and said.text for said in place[1]):
            self._contested.add(place)


def _is_odd(place: Place) -> bool:
    """Whether two answers stand side by side: they are one to the adapter, and white space between them is text."""
    return any(a.role == b.role == "assistant" for a, b in pairwise(place[1]))


def _check_fresh(exchange: Exchange) -> None:
    if exchange.took:
        raise WrongReuse(f"an opening, a prefill or a wrong request was given a session: {exchange}")


def _told(moment: Sequence[Exchange]) -> str:
    return "".join(map(str, moment))
