"""Ends runs wherever they run: in this process at once, in others by mail. Forms `mix2api.sessions.aborting.Aborting`."""

from collections.abc import Callable, Sequence
from typing import Final

import trio
from attrs import define, field

from mix2api.identity import Mint
from mix2api.relay.messages import Abort, Aborted
from mix2api.relay.outbox import Outbox
from mix2api.sessions.aborting import AbortAsked, AbortOutcome
from mix2api.sessions.runtime_sessions import RuntimeSessions
from mix2api.vocabulary import Digest, ProcessId

_ANSWER_S: Final = 2.0
"""Until the other processes have answered: mail takes some milliseconds, and a process that is that slow may be dead."""


@define(eq=False)
class _Waiting:
    left: set[ProcessId]
    outcomes: list[AbortOutcome] = field(factory=list)
    all_here: trio.Event = field(factory=trio.Event)


@define(eq=False)
class Aborts:
    """One process's.

    Args:
        process: this one.
        here: ends runs of this process's own.
        others: the other processes that live.
        outbox: takes the mail.
        mint: numbers what is asked.
        sessions: what is known of client sessions.
    """

    _process: ProcessId
    _here: Callable[[AbortAsked], AbortOutcome]
    _others: Callable[[], Sequence[ProcessId]]
    _outbox: Outbox
    _mint: Mint
    _sessions: RuntimeSessions
    _waiting: dict[str, _Waiting] = field(factory=dict, init=False)

    async def abort(self, asked: AbortAsked) -> AbortOutcome:
        """Tells the run to end. A session may have moved, so every process is asked."""
        outcomes = [self._here(asked)]
        others = self._others()
        if others:
            outcomes += await self._ask(asked, others)
        runs = [outcome.run for outcome in outcomes if outcome.run is not None]
        return AbortOutcome(
            run=max(runs, key=lambda run: run.started_ms, default=None),
            is_foreign=any(outcome.is_foreign for outcome in outcomes),
        )

    async def supersede_elsewhere(self, asked: AbortAsked) -> None:
        """Tells a run at another process to end, and waits until each has heard of it, 2 seconds at most."""
        others = self._others()
        if others:
            await self._ask(asked, others)

    async def knows(self, scope_key: Digest) -> bool:
        """Whether a client session has had a run within a day."""
        return await self._sessions.knows(scope_key)

    def take(self, message: Abort) -> None:
        """Another process asks."""
        outcome = self._here(message.asked)
        self._outbox.put(ProcessId(message.asked_by), Aborted(message.number, self._process, outcome))

    def hear(self, message: Aborted) -> None:
        """Another process answers."""
        waiting = self._waiting.get(message.number)
        if waiting is None:
            return
        waiting.outcomes.append(message.outcome)
        waiting.left.discard(ProcessId(message.process))
        if not waiting.left:
            waiting.all_here.set()

    async def _ask(self, asked: AbortAsked, others: Sequence[ProcessId]) -> list[AbortOutcome]:
        number = self._mint.word("abort")
        waiting = self._waiting[number] = _Waiting(set(others))
        try:
            for process in others:
                self._outbox.put(process, Abort(number, self._process, asked))
            with trio.move_on_after(_ANSWER_S):
                await waiting.all_here.wait()
        finally:
            del self._waiting[number]
        return waiting.outcomes
