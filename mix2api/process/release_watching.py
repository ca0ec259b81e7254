"""The guard of a release as a process: it reads the audit streams, judges the step that stands, and takes a bad canary back.

Only the guard that holds the seat acts. It keeps no state of its own: one that starts reads the step's entries again, and comes to
the same verdict. So nothing is lost when a guard dies or Redis is away.
"""

from contextlib import aclosing
from typing import Final

from attrs import define, evolve, field, frozen

from mix2api.events.refusal_entry import read_refusal, read_refusal_count
from mix2api.process.gateway_following import GatewayFollowing
from mix2api.release.block import BLOCK_MS
from mix2api.release.channel_settings import settings_of
from mix2api.release.evidence import ChannelFacts, Evidence
from mix2api.release.gateway import GatewayNews
from mix2api.release.guard import Guard, Policy
from mix2api.release.guard_beat import BEAT_TESTS, Decision, GuardBeat
from mix2api.release.judgement import Judgement, judgement
from mix2api.release.power import outlook
from mix2api.release.release import ReleaseState, RollBack
from mix2api.release.settlement import Settlement
from mix2api.release.stages import Stage
from mix2api.settings.bounds import DAY_MS
from mix2api.store.audit_stream import (
    AuditedReceipt,
    AuditedRefusal,
    AuditedRefusalCount,
    AuditedRun,
    AuditEntry,
    AuditStream,
)
from mix2api.store.census import CountedProcess
from mix2api.store.store import Store
from mix2api.vocabulary import Channel, ProcessId

LOOK_S: Final = 5.0
"""Between two looks: that of a block."""
BEAT_LIFE_MS: Final = 20_000
"""Three looks may fail before another guard may sit down, and before a step is refused for want of a guard."""
_LAG_MS: Final = 1_000
"""The newest second is left for the next look: shards may lie on several servers, whose clocks differ."""
_WINDOW_MS: Final = 60_000
"""Read at once when a guard catches up: some thousand entries, whatever the length of the day."""
_BEFORE_MS: Final = 600_000
"""From so long before a step stable's rate and times are taken: at 100 % of the canary there are none any more."""
_LIVE: Final = frozenset({Stage.AT_0, Stage.AT_5, Stage.AT_20, Stage.AT_50, Stage.AT_100, Stage.PROMOTED})


@define(eq=False)
class WatchedStep:
    """One step of a release, as far as it has been read.

    Args:
        audit: the streams.
        since_ms: when the step began, Unix milliseconds on the store's clock.
        policy: the guard's.
    """

    _audit: AuditStream
    since_ms: int
    _policy: Policy
    guard: Guard = field(init=False)
    settlement: Settlement = field(init=False)
    until_ms: int = field(init=False)
    """Up to then all entries are in the fold."""
    _before: Settlement = field(init=False, factory=lambda: Settlement(0))
    _is_prepared: bool = False
    _reached: dict[int, str] = field(init=False, factory=dict)

    @guard.default
    def _guard(self) -> Guard:
        return Guard(self._policy)

    @settlement.default
    def _settlement(self) -> Settlement:
        return Settlement(self.since_ms)

    @until_ms.default
    def _until_ms(self) -> int:
        return self.since_ms

    async def advance(self, now_ms: int) -> None:
        """Reads all that was written up to then, but for the newest second.

        Args:
            now_ms: on the store's clock.

        Raises:
            StoreUnavailable: the store does not answer; the next call goes on from there.
        """
        newest_ms = now_ms - _LAG_MS
        if not self._is_prepared and newest_ms >= self.since_ms:
            await self._read(self.since_ms, self._before)
            self.guard.prepare(self._before.drain(self.since_ms))
            self._is_prepared = True
        blocks = (newest_ms - self.until_ms) // BLOCK_MS
        last_ms = self.until_ms + max(0, blocks) * BLOCK_MS
        while self.until_ms < last_ms:
            end_ms = min(last_ms, self.until_ms + _WINDOW_MS)
            await self._read(end_ms, self.settlement)
            while self.until_ms < end_ms:
                self.until_ms += BLOCK_MS
                refused = self.settlement.drain_refused(self.until_ms)
                self.guard.take(self.settlement.drain(self.until_ms), refused)

    def judgement(self) -> Judgement:
        """What the guard says now."""
        return judgement(self.guard, self.settlement, self.since_ms, self.until_ms)

    async def _read(self, end_ms: int, settlement: Settlement) -> None:
        reading = self._audit.read_on(self.since_ms - _BEFORE_MS, self._reached, newest_ms=end_ms)
        async with aclosing(reading) as batches:
            async for batch in batches:
                for entry in batch:
                    add_entry(settlement, entry)


def add_entry(settlement: Settlement, entry: AuditEntry) -> None:
    """Tells a settlement of an entry. What was refused while the store was away hit the edges of both channels, and is left out."""
    at_ms = int(entry.position.partition("-")[0])
    if isinstance(entry, AuditedRun):
        settlement.add_run(at_ms, entry.run_id, entry.session_id, entry.request, entry.end)
    elif isinstance(entry, AuditedReceipt):
        settlement.add_receipt(at_ms, entry.run_id, entry.receipt, entry.told)
    elif isinstance(entry, AuditedRefusal):
        refusal = read_refusal(entry.data)
        if refusal is None:
            settlement.unreadable += 1
        else:
            settlement.add_refusals(at_ms, refusal)
    elif isinstance(entry, AuditedRefusalCount):
        counted = read_refusal_count(entry.data)
        if counted is None:
            settlement.unreadable += 1
        else:
            count = sum(one.count for one in counted.by_client)
            settlement.add_refusals(at_ms, counted, count)


@frozen(kw_only=True)
class Look:
    """What one look found."""

    state: ReleaseState
    judgement: Judgement | None
    """None: no release has a step to be judged."""
    processes: tuple[CountedProcess, ...] = ()
    outlook: str = ""
    """Which regression the next step will show, and how soon; empty after a rollback, or where nothing can be said."""

    @property
    def decision(self) -> Decision:
        """What the guard says."""
        return Decision.WAIT if self.judgement is None else self.judgement.decision

    @property
    def why(self) -> str:
        """One line for a person."""
        if self.judgement is None:
            return "no release is under way"
        return f"{self.judgement.why}; {self.outlook}" if self.outlook else self.judgement.why


@define(eq=False)
class ReleaseWatch:
    """Looks, says what it found, and acts.

    Args:
        store: where everything rests.
        name: of this guard.
        policy: for all steps; the points that have to be ruled out follow the step unless `points` are given.
        points: share of turns; None: those of the step.
        gateway: follows the release; None: there is none.
    """

    _store: Store
    name: str
    _policy: Policy = field(factory=Policy)
    _points: float | None = None
    _gateway: GatewayFollowing | None = None
    gateway_news: GatewayNews | None = field(default=None, init=False)
    """How it stood with the gateway at the last look."""
    _lived: dict[Channel, list[ProcessId]] = field(factory=dict, init=False)
    """The processes of each channel when any was last seen: what they told of their settings outlasts them."""
    _step: WatchedStep | None = None
    _number: int = -1

    async def look(self) -> Look:
        """Reads what is new, and judges the step that stands.

        Raises:
            StoreUnavailable: Redis does not answer; the next look goes on from there.
        """
        state, now_ms = await self._store.release.read(), await self._store.audit.now_ms()
        if state.stage not in _LIVE:
            return Look(state=state, judgement=None)
        step = self._step_of(state, now_ms)
        await step.advance(now_ms)
        processes = (await self._store.census.take()).processes
        for channel in Channel:
            ours = [one.process for one in processes if one.channel == channel]
            self._lived[channel] = ours or self._lived.get(channel, [])
        # The canary processes of a promoted release are to stop: the stable ones run its version by then.
        if state.percent and state.stage is not Stage.PROMOTED:
            lives = any(one.channel == Channel.CANARY for one in processes)
            step.guard.stops.look(now_ms, canary_lives=lives)
        judged = step.judgement()
        ahead = judged.decision is not Decision.ROLL_BACK
        seen = outlook(judged, state.percent, self._policy.alpha) if ahead else ""
        return Look(state=state, judgement=judged, processes=processes, outlook=seen)

    def _step_of(self, state: ReleaseState, now_ms: int) -> WatchedStep:
        """The step that stands. After each day it is judged anew: the false alarms that are allowed are those of a day."""
        days = max(0, now_ms - state.since_ms) // DAY_MS
        since_ms = state.since_ms + days * DAY_MS
        if self._step is None or (state.number, since_ms) != (self._number, self._step.since_ms):
            points = points_at(state.percent) if self._points is None else self._points
            policy = evolve(self._policy, points=points)
            self._step, self._number = WatchedStep(self._store.audit, since_ms, policy), state.number
        return self._step

    async def act(self, look: Look) -> bool:
        """Beats, and rolls back where the look says so. Gives whether this guard has the seat.

        Raises:
            StoreUnavailable: Redis does not answer. Some of it may be done; once more does no harm.
        """
        now_ms = await self._store.release.now_ms()
        beat = GuardBeat(
            guard=self.name,
            at_ms=now_ms,
            number=look.state.number,
            decision=look.decision,
            why=look.why,
            tests=() if look.judgement is None else look.judgement.tests[:BEAT_TESTS],
        )
        if not await self._store.guard.sit(beat, BEAT_LIFE_MS):
            return False
        if look.judgement is not None and look.decision is Decision.ROLL_BACK:
            await self._roll_back(look, look.judgement, now_ms)
        if self._gateway is not None:
            # A look that catches up takes seconds: the canary must not get back what a person has taken from it meanwhile.
            state = await self._store.release.read()
            self.gateway_news = await self._gateway.follow(state, f"guard {self.name}")
        return True

    async def _roll_back(self, look: Look, judged: Judgement, now_ms: int) -> None:
        state = look.state
        evidence = Evidence(
            id=f"ev-{state.release.removeprefix('rel-')}-{state.number}",
            guard=self.name,
            at_ms=now_ms,
            release=state.release,
            candidate=state.version,
            stable=state.stable_version,
            percent=state.percent,
            alpha=self._policy.alpha,
            channels={channel.value: await self._facts(look.processes, channel) for channel in Channel},
            judgement=judged,
        )
        await self._store.evidence.keep(evidence)
        await self._store.release.apply(
            RollBack(
                at_ms=now_ms,
                who=f"guard {self.name}",
                why=judged.why,
                release=state.release,
                evidence=evidence.id,
                quarantine=True,
            )
        )

    async def _facts(self, processes: tuple[CountedProcess, ...], channel: Channel) -> ChannelFacts:
        ours = [one for one in processes if one.channel == channel]
        told = await self._store.process_settings.of(self._lived[channel])
        return ChannelFacts(
            versions=tuple(sorted({one.version for one in ours})),
            processes=len(ours),
            shards=sum(one.shards for one in ours),
            settings=settings_of(told),
        )


def points_at(percent: int) -> float:
    """The regression that a step has to rule out: a larger share shows smaller ones in the same time."""
    return next((points for most, points in _POINTS if percent <= most), _LAST_POINTS)


_POINTS: Final = ((5, 0.05), (20, 0.02))
_LAST_POINTS: Final = 0.01
