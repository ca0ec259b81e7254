"""What a person may say of a release, by its word: for the command and for the console."""

from enum import StrEnum
from typing import Any

from attrs import frozen

from mix2api.clock import SystemClock
from mix2api.identity import Mint
from mix2api.release.release import Lift, ReleaseCommand, ReleaseState, RollBack, Start, Step
from mix2api.release.stages import TRANSITIONS, Trigger
from mix2api.store.release_fleet import Fleet
from mix2api.store.store import Store


class ReleaseAction(StrEnum):
    """One word of a person."""

    START = "start"
    STEP = "step"
    PROMOTE = "promote"
    ROLLBACK = "rollback"
    LIFT = "lift"


@frozen(kw_only=True)
class ReleaseOrder:
    """What a person said."""

    action: ReleaseAction
    who: str
    why: str
    version: str = ""
    """`start` only: of the candidate."""
    without_gate: bool = False
    """`start` only."""
    without_guard: bool = False
    """`step` and `promote` only."""
    seen: int | None = None
    """`step` and `promote` only: the number of the last event that the person saw. None: that which stands."""
    release: str | None = None
    """`rollback` and `lift` only: the release that is meant. None: that which stands."""


@frozen
class Obeyed:
    """What an order came to."""

    state: ReleaseState
    is_repeat: bool
    """The state stood already, or another release is meant: nothing was written."""


async def obey(store: Store, order: ReleaseOrder) -> Obeyed:
    """Makes a command of an order, and records it.

    Raises:
        StepRefused: the release does not allow it now, or the processes that live cannot follow it.
        StoreUnavailable: Redis does not answer. The order may have been obeyed; a second attempt does no harm.
    """
    before = await store.release.read()
    state = await store.release.apply(await _command(store, order, before))
    return Obeyed(state, before.number == state.number)


async def _command(store: Store, order: ReleaseOrder, state: ReleaseState) -> ReleaseCommand:
    """The command that an order means.

    Raises:
        StepRefused: the processes that live cannot follow it.
    """
    words: dict[str, Any] = {"at_ms": await store.release.now_ms(), "who": order.who, "why": order.why}
    meant = state.release if order.release is None else order.release
    match order.action:
        case ReleaseAction.START:
            fleet = Fleet(await store.census.take())
            fleet.check(order.version)
            return Start(
                **words,
                release=Mint(store.seal, SystemClock()).word("rel"),
                version=order.version,
                stable_version=fleet.stable_version,
                without_gate=order.without_gate,
            )
        case ReleaseAction.STEP | ReleaseAction.PROMOTE:
            promotes = order.action is ReleaseAction.PROMOTE
            if (
                state.stage,
                Trigger.PROMOTED if promotes else Trigger.STEPPED,
            ) in TRANSITIONS:  # else it is refused anyway
                fleet = Fleet(await store.census.take())
                fleet.check(state.version)
                fleet.check_followed(state.percent)
            return Step(
                **words,
                seen=state.number if order.seen is None else order.seen,
                promote=promotes,
                guard=await store.guard.read(),
                without_guard=order.without_guard,
            )
        case ReleaseAction.ROLLBACK:
            return RollBack(**words, release=meant)
        case ReleaseAction.LIFT:
            return Lift(**words, release=meant)
