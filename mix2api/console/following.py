"""Keeps the console's projections up to date: it reads on in the audit streams, whether anybody looks or not.

So no page reads the log's past, and the figures stay while the store is away; they say since when they are old.
"""

from contextlib import aclosing
from typing import Final, assert_never

import trio
from attrs import define, field

from mix2api.clock import Clock
from mix2api.errors import StoreUnavailable
from mix2api.projections.rolling_budgets import RollingBudgets
from mix2api.projections.run_index import RunIndex
from mix2api.projections.slo import MINUTE_MS, SloFold
from mix2api.projections.slo_report import DAY_MINUTES, SloReport, report
from mix2api.stepping import in_turn
from mix2api.steps import Steps
from mix2api.store.audit_stream import (
    AuditedReceipt,
    AuditedRefusal,
    AuditedRefusalCount,
    AuditedRefusals,
    AuditedRun,
    AuditEntry,
    AuditStream,
    tell_entry,
)

LOOKS_S: Final = 2.0
"""Between two looks at the log. Eight round trips with 256 shards; the figures of a page are as old as this at most."""
_REPORTS: Final = 50
"""A report of the service levels rests so many times as long as it took: a busy day's takes some 100 ms of a thread."""
_ENTRIES: Final = 64
"""Of one shard in a batch, so that a batch is at most 2,048 entries: decoding them takes some 10 ms."""
_STEP: Final = 256
"""Entries that are folded in one step: 5 ms."""
_FORGETS_S: Final = 60.0


@define(eq=False, kw_only=True)
class Following:
    """The projections and the place that they have reached.

    Args:
        audit: the streams.
        clock: the process's.
        index: of runs.
        retention_s: how long the log keeps entries.
        looks_s: between two looks at the log.
    """

    _audit: AuditStream
    _clock: Clock
    index: RunIndex
    _retention_s: int
    looks_s: float = LOOKS_S
    slo: SloReport | None = field(default=None, init=False)
    """None: the first look is not over."""
    budgets: RollingBudgets | None = field(default=None, init=False)
    """None: the first look has not begun."""
    as_of_ms: int | None = field(default=None, init=False)
    """When the figures were true, on the store's clock. None: the first look is not over."""
    looks: int = field(default=0, init=False)
    """That are over, failed ones included: figures change with it."""
    away_since_ms: int | None = field(default=None, init=False)
    """Since when the store is away, on this process's clock. None: it answers."""
    _fold: SloFold = field(factory=SloFold, init=False)
    _reached: dict[int, str] = field(factory=dict, init=False)
    _changed: trio.Event = field(factory=trio.Event, init=False)
    _report_due_at: float = field(default=0.0, init=False)
    _forgot_at: float = field(default=0.0, init=False)

    async def follow(self) -> None:
        """Reads on, for ever."""
        while True:
            try:
                await self.look()
            except StoreUnavailable:
                if self.away_since_ms is None:
                    self.away_since_ms = self._clock.now_ms()
                self._publish()
            await trio.sleep(self.looks_s)

    def _publish(self) -> None:
        self.looks += 1
        self._changed.set()
        self._changed = trio.Event()

    async def wait_changed(self) -> None:
        """Waits until the next look is over."""
        await self._changed.wait()

    async def look(self) -> None:
        """Reads what is new.

        Raises:
            StoreUnavailable: the store does not answer. What was read before that is kept.
        """
        now_ms = await self._audit.now_ms()
        oldest_ms = now_ms - self._retention_s * 1000
        if self.budgets is None:
            self.budgets = RollingBudgets(oldest_ms)
        async with aclosing(self._audit.read_on(oldest_ms, self._reached, _ENTRIES)) as batches:
            async for batch in batches:
                await in_turn(self._take(batch, self.budgets))
        self.budgets.turn(now_ms)
        await self._settle(now_ms)
        self.as_of_ms, self.away_since_ms = now_ms, None
        self._publish()

    def _take(self, batch: list[AuditEntry], budgets: RollingBudgets) -> Steps[None]:
        for number, entry in enumerate(batch, start=1):
            at_ms = int(entry.position.partition("-")[0])
            tell_entry(at_ms, entry, self._fold)
            self._index_entry(at_ms, entry)
            if isinstance(entry, AuditedRun):
                budgets.add_run(entry.request, entry.end)
            if number % _STEP == 0:
                yield

    def _index_entry(self, at_ms: int, entry: AuditEntry) -> None:
        """The index is no `AuditListener`: it also wants the session of a run, and a receipt has no time of its own there."""
        match entry:
            case AuditedRun():
                self.index.add_run(at_ms, (entry.run_id, entry.session_id), entry.request, entry.end)
            case AuditedReceipt():
                self.index.add_receipt(entry.run_id, entry.receipt, entry.told)
            case AuditedRefusal():
                self.index.add_refusal(at_ms, entry.data)
            case AuditedRefusalCount():
                self.index.add_refusals(entry.data)
            case AuditedRefusals():
                pass  # the same requests have entries of their own
            case _:
                assert_never(entry)

    async def _settle(self, now_ms: int) -> None:
        """Gives up receipts; reports and forgets now and then, in a thread, because a day's fold takes longer than a turn of the loop may."""
        self.index.settle(now_ms)
        if trio.current_time() - self._forgot_at > _FORGETS_S:
            self._forgot_at = trio.current_time()
            self.index.forget_before(now_ms - self._retention_s * 1000)
            await trio.to_thread.run_sync(self._fold.forget_before, now_ms - DAY_MINUTES * MINUTE_MS)
        began = trio.current_time()
        if began >= self._report_due_at:
            self.slo = await trio.to_thread.run_sync(report, self._fold, now_ms)
            ended = trio.current_time()
            self._report_due_at = ended + _REPORTS * (ended - began)
