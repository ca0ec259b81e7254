"""The oracle of a simulated run: what must hold once everybody has been answered and all faults are over.

It compares the audit with what each client saw, and the site's contexts with what the users typed and got. What the
product says of itself is never taken as evidence for itself.
"""

from collections import Counter
from collections.abc import Callable
from typing import Any, Final

import trio
from attrs import define, frozen
from client_views import Sight, audit_words, mismatches
from simulation.processes import Life
from simulation.users import Asked

from mix2api.demo.site import Site
from mix2api.errors import StoreUnavailable
from mix2api.events.kinds import End
from mix2api.machine import Machine
from mix2api.randomness import Randomness
from mix2api.store.audit_stream import AuditedRun
from mix2api.store.store import Store
from mix2api.vocabulary import EndReason, RunId

_REST_S: Final = 60.0
"""In which every run that a fault left open has its end."""
_DAY_MS: Final = 2 * 86_400_000
"""Clocks are set wrong by an hour."""


class Violation(AssertionError):
    """Something that must hold in every run did not."""


@frozen(kw_only=True)
class Run:
    """What there is to judge."""

    site: Site
    asked: list[Asked]
    emptied_at: float | None
    """When the store last came back empty; None: never."""
    calm_s: Callable[[str, float, float], float]
    """For how long a process could write to the store, between two moments."""


@define(eq=False)
class Judge:
    """Judges one run."""

    run: Run

    async def judge(self, auditor: Life) -> None:
        """Judges, through a store of the auditor's own.

        Raises:
            Violation: the first that is found.
        """
        _check_clients(self.run.asked)
        async with auditor.open_store(
            Machine(clock=auditor.clock, randomness=Randomness(auditor.random.randbytes))
        ) as store:
            await self.settle(store)
            await self.check_log(store)
        _check_contexts(self.run)

    async def settle(self, store: Store) -> None:
        """Waits until no run is open and all receipts are written."""
        due = trio.current_time() + _REST_S
        while True:
            await trio.sleep(1)
            try:
                left, wrong = await store.open_entries(), await self._mismatches(store)
            except StoreUnavailable:
                left, wrong = ["store away"], []
            if not left and not wrong:
                return
            if trio.current_time() > due:
                raise Violation(f"open: {left}" if left else "\n".join(wrong))

    async def _mismatches(self, store: Store) -> list[str]:
        emptied_at = self.run.emptied_at
        views = [
            asked.settled(self.run.calm_s)
            for asked in self.run.asked
            if emptied_at is None or asked.began_at > emptied_at
        ]
        return mismatches(views, await audit_words(store.audit))

    async def check_log(self, store: Store) -> list[AuditedRun]:
        """Looks whether each audited run has one entry and one end; gives all of them."""
        runs = [
            entry
            async for batch in store.audit.read_audit(_DAY_MS)
            for entry in batch
            if isinstance(entry, AuditedRun)
        ]
        ends: Counter[RunId] = Counter()
        for session in {entry.session_id: None for entry in runs}:
            async for recorded in store.log.records(session):
                if isinstance(recorded.event, End):
                    ends[recorded.event.run_id] += 1
                    if recorded.event.end_reason is EndReason.UNKNOWN:
                        raise Violation(f"nobody knows why {recorded.event.run_id} ended")
        counts = Counter(entry.run_id for entry in runs)
        for entry in runs:
            if counts[entry.run_id] != 1 or ends[entry.run_id] != 1:
                raise Violation(
                    f"{entry.run_id} has {counts[entry.run_id]} audit entries, {ends[entry.run_id]} ends"
                )
        return runs


def _check_clients(asked: list[Asked]) -> None:
    for each in asked:
        if each.is_hung:
            raise Violation(f"{each.request_id} had no ending from {each.life.name}")
        if each.view.sight is Sight.CUT and each.life.died_at is None:
            raise Violation(f"{each.request_id} was cut off by {each.life.name}, which lives")
        whole = each.view.sight is Sight.FINISH
        if not each.expected.startswith(each.got) or (whole and each.got != each.expected):
            raise Violation(f"{each.request_id} was to get {each.expected!r} and got {each.got!r}")


def _check_contexts(run: Run) -> None:
    """A session of the site holds the history of one request, as it was sent, and perhaps its answer: nothing else."""
    sent = {_form(asked.history): asked.expected for asked in run.asked}
    # A site that goes on under another id shows the new session the newest question alone; the adapter leaves it then.
    sent |= {form[-1:]: expected for form, expected in sent.items() if "[[swap]]" in form[-1][1]}
    for session in run.site.sessions.values():
        context, answer = list(session.messages), None
        if context and context[-1]["role"] == "assistant":
            answer = context.pop()["content"]
        if not context:
            continue  # opened for a turn that was refused then
        expected = sent.get(_form(context))
        if expected is None:
            raise Violation(f"{session.id} holds what nobody has sent: {context}")
        if answer is not None and not expected.startswith(answer):
            raise Violation(f"{session.id} answered {answer!r} instead of {expected!r}")


def _form(messages: Any) -> tuple[tuple[str, str], ...]:
    return tuple((message["role"], message["content"]) for message in messages)
