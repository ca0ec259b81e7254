"""A release: its events, the state that they fold to, and what each command makes of it. Pure: times and ids come in.

`decide(state, command)` gives the events of a command, `evolve(state, event)` the state after one. A command that asks for what
stands already gives no event. A command that cannot be obeyed raises `StepRefused`, with a line for the person who gave it.
"""

from typing import Final, assert_never

import msgspec
from attrs import frozen
from msgspec import Struct

from mix2api.release.guard_beat import Decision, GuardBeat
from mix2api.release.stages import TRANSITIONS, Stage, Trigger, percent_of
from mix2api.vocabulary import Channel


class StepRefused(Exception):
    """A command that the release does not allow now. Its text is for the person who gave the command."""


class ReleaseEvent(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something happened to a release."""

    number: int
    """From 1, over all releases of a deployment, without gaps."""
    trigger: Trigger
    release: str
    """The release's id, `rel-…`."""
    at_ms: int
    """Unix milliseconds, of the clock of whoever gave the command."""
    who: str
    why: str
    version: str = ""
    """`started` only: of the candidate."""
    stable_version: str = ""
    """`started` only: of the stable processes then."""
    evidence: str = ""
    """What the word rests on: a report, a folder, a signed file."""
    guard: str = ""
    """`stepped` and `promoted`: the guard that had judged the step before. Empty: the step was taken without a guard."""


class ReleaseState(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the events of all releases fold to."""

    number: int = 0
    """Of the last event."""
    stage: Stage = Stage.NONE
    release: str = ""
    version: str = ""
    stable_version: str = ""
    since_ms: int = 0
    """When the stage began: the time of the last event."""
    who: str = ""
    """Of the last event, as `why` and `evidence`."""
    why: str = ""
    evidence: str = ""

    @property
    def percent(self) -> int:
        """Of fresh sessions, for the canary channel."""
        return percent_of(self.stage)

    def admits(self, channel: Channel, version: str) -> bool:
        """Whether a process may have shards of its channel's share.

        A promoted release keeps its share until the next one starts, and the next candidate's processes run before that: they
        get nothing of it.
        """
        return channel is Channel.STABLE or self.stage is not Stage.PROMOTED or version == self.version


@frozen(kw_only=True)
class Command:
    """What all commands say."""

    at_ms: int
    """Unix milliseconds."""
    who: str
    why: str


@frozen(kw_only=True)
class Start(Command):
    """Begins a release at 0 %."""

    release: str
    version: str
    stable_version: str
    without_gate: bool = False
    """The gate need not pass before the first step."""


@frozen(kw_only=True)
class Pass(Command):
    """The gate has passed."""

    release: str
    """The release that it was asked of."""
    evidence: str


@frozen(kw_only=True)
class Step(Command):
    """One step forward: to the next share, or from 100 % to `promoted`."""

    seen: int
    """The number of the last event that whoever gave the command had seen."""
    promote: bool = False
    guard: GuardBeat | None = None
    """What the guard said last; None: no guard lives."""
    without_guard: bool = False


@frozen(kw_only=True)
class RollBack(Command):
    """Takes the canary's share to 0 at once."""

    release: str
    """The release that is meant: one that began since then is left alone."""
    evidence: str = ""
    quarantine: bool = False


@frozen(kw_only=True)
class Lift(Command):
    """Ends a quarantine."""

    release: str
    """The release that is meant: the quarantine of a later one stays."""


ReleaseCommand = Start | Pass | Step | RollBack | Lift


def decide(state: ReleaseState, command: ReleaseCommand) -> tuple[ReleaseEvent, ...]:
    """The events of a command; none where it asks for what stands already.

    Raises:
        StepRefused: it is not allowed now.
    """
    match command:
        case Start():
            return _started(state, command)
        case Pass():
            return _passed(state, command)
        case Step():
            return _stepped(state, command)
        case RollBack():
            return _rolled_back(state, command)
        case Lift():
            return _lifted(state, command)
        case _:
            assert_never(command)


def evolve(state: ReleaseState, event: ReleaseEvent) -> ReleaseState:
    """The state after an event.

    Raises:
        ValueError: the event is not the next one, or the table has no row for it.
    """
    stage = TRANSITIONS.get((state.stage, event.trigger))
    if stage is None or event.number != state.number + 1:
        raise ValueError(
            f"event {event.number} ({event.trigger}) cannot follow {state.number} ({state.stage})"
        )
    is_new = event.trigger is Trigger.STARTED
    return ReleaseState(
        number=event.number,
        stage=stage,
        release=event.release,
        version=event.version if is_new else state.version,
        stable_version=event.stable_version if is_new else state.stable_version,
        since_ms=event.at_ms,
        who=event.who,
        why=event.why,
        evidence=event.evidence,
    )


def _event(state: ReleaseState, command: Command, trigger: Trigger) -> ReleaseEvent:
    return ReleaseEvent(
        number=state.number + 1,
        trigger=trigger,
        release=state.release,
        at_ms=command.at_ms,
        who=command.who,
        why=command.why,
    )


def _started(state: ReleaseState, command: Start) -> tuple[ReleaseEvent, ...]:
    if state.release == command.release:
        return ()
    if (state.stage, Trigger.STARTED) not in TRANSITIONS:
        raise StepRefused(f"{_standing(state)}. {_WAY_OUT[state.stage is Stage.QUARANTINED]}")
    started = msgspec.structs.replace(
        _event(state, command, Trigger.STARTED),
        release=command.release,
        version=command.version,
        stable_version=command.stable_version,
    )
    if not command.without_gate:
        return (started,)
    return started, _event(evolve(state, started), command, Trigger.WAIVED)


_WAY_OUT: Final = {
    False: "One release goes at a time: promote it or roll it back first",
    True: "Find out why, then end the quarantine with `mix2api release lift`",
}


def _passed(state: ReleaseState, command: Pass) -> tuple[ReleaseEvent, ...]:
    if state.release != command.release:
        raise StepRefused(f"the gate was asked of another release. {_standing(state)}")
    if state.stage is not Stage.PLANNED:
        return ()
    passed = _event(state, command, Trigger.CHECKED)
    return (msgspec.structs.replace(passed, evidence=command.evidence),)


def _stepped(state: ReleaseState, command: Step) -> tuple[ReleaseEvent, ...]:
    trigger = Trigger.PROMOTED if command.promote else Trigger.STEPPED
    if command.seen != state.number:
        raise StepRefused(f"the release moved meanwhile, and this command did nothing. {_standing(state)}")
    if (state.stage, trigger) not in TRANSITIONS:
        raise StepRefused(f"{_standing(state)}. {_NO_STEP.get(state.stage, 'No release goes: start one')}")
    guard = "" if command.without_guard else _judged_by(state, command.guard)
    return (msgspec.structs.replace(_event(state, command, trigger), guard=guard),)


_NO_STEP: Final = {
    Stage.PLANNED: "Its gate has not passed: run `mix2api release check`",
    Stage.AT_100: "The next word is `mix2api release promote`",
    **dict.fromkeys(
        (Stage.AT_0, Stage.AT_5, Stage.AT_20, Stage.AT_50), "Only a release at 100 % is promoted"
    ),
}


def _judged_by(state: ReleaseState, beat: GuardBeat | None) -> str:
    """The guard that allows a step.

    Raises:
        StepRefused: none does.
    """
    if beat is None:
        raise StepRefused(
            "no guard watches the release: start `mix2api release watch`, or say --without-guard"
        )
    if beat.number != state.number:
        raise StepRefused(
            f"the guard {beat.guard} has not judged this step yet: wait, or say --without-guard"
        )
    # At 0 % the candidate has no sessions that a guard could judge.
    allowed = (Decision.GO_ON, Decision.WAIT) if not state.percent else (Decision.GO_ON,)
    if beat.decision not in allowed:
        raise StepRefused(f"the guard {beat.guard} says {beat.decision}: {beat.why}")
    return beat.guard


def _rolled_back(state: ReleaseState, command: RollBack) -> tuple[ReleaseEvent, ...]:
    trigger = Trigger.QUARANTINED if command.quarantine else Trigger.ROLLED_BACK
    if state.release != command.release or (state.stage, trigger) not in TRANSITIONS:
        return ()
    back = _event(state, command, trigger)
    return (msgspec.structs.replace(back, evidence=command.evidence),)


def _lifted(state: ReleaseState, command: Lift) -> tuple[ReleaseEvent, ...]:
    if state.release != command.release or (state.stage, Trigger.LIFTED) not in TRANSITIONS:
        return ()
    return (_event(state, command, Trigger.LIFTED),)


def _standing(state: ReleaseState) -> str:
    """How a release stands, and by whose word."""
    if state.stage is Stage.NONE:
        return "no release is recorded"
    where = f"release {state.release} of version {state.version} stands at {shown(state.stage)}"
    return f"{where}; the last word was {state.who}'s: {state.why}"


def shown(stage: Stage) -> str:
    """A stage for a person: `20 %`, `rolled_back`."""
    return f"{stage.value} %" if stage.value.isdigit() else stage.value
