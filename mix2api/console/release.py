"""The release: both channels side by side, what its guard says, its history, and the words that an operator may say of it."""

import re
from collections.abc import Mapping
from typing import Any, Final

from attrs import define

from mix2api.console.asking import address
from mix2api.release.evidence import Evidence
from mix2api.release.reasons import WHY_CHARS, line_of
from mix2api.release.release import ReleaseEvent, ReleaseState, shown
from mix2api.release.stages import TRANSITIONS, Trigger
from mix2api.release.tested import Tested
from mix2api.store.release_actions import ReleaseAction, ReleaseOrder
from mix2api.store.release_fleet import Fleet
from mix2api.store.store import Store
from mix2api.vocabulary import Channel

TESTS: Final = 40
"""Tests of a rollback that the page lists: the strongest. The report has all of them."""
ACTIONS: Final[Mapping[ReleaseAction, Trigger]] = {
    ReleaseAction.ROLLBACK: Trigger.ROLLED_BACK,
    ReleaseAction.STEP: Trigger.STEPPED,
    ReleaseAction.LIFT: Trigger.LIFTED,
}
"""What the page offers. Enter in the field of the reason presses the first button, so a rollback stands before a step.
To start, to check and to promote a release are commands: they belong to the person who builds it."""
_RELEASE: Final = re.compile(r"rel-[0-9a-f]{12}")
_NUMBER: Final = re.compile(r"[0-9]{1,15}")
_EVIDENCE: Final = re.compile(r"ev-[0-9A-Za-z-]{1,64}")
"""What a guard calls its evidence; other words of evidence name a gate's folder."""


class BadWord(ValueError):
    """A field of a form that is not allowed; its text is the field's name."""


@define(eq=False)
class ReleasePage:
    """Makes what its template shows.

    Args:
        store: which has the release.
    """

    _store: Store

    async def standing(self) -> dict[str, Any]:
        """What is live: the stage, the guard and its figures, the channels.

        Raises:
            StoreUnavailable: the store does not answer.
        """
        stands, beat = await self._store.release.read(), await self._store.guard.read()
        channels = Fleet(await self._store.census.take()).facts
        shares = {Channel.CANARY: stands.percent, Channel.STABLE: 100 - stands.percent}
        return {
            "stands": stands,
            "stage": shown(stands.stage),
            "beat": beat,
            "channels": {channel: {**channels[channel], "share": shares[channel]} for channel in Channel},
            "runs_link": runs_link,
        }

    async def values(self) -> dict[str, Any]:
        """The whole page.

        Raises:
            StoreUnavailable: the store does not answer.
        """
        standing = await self.standing()
        history = await self._store.release.history()
        named = _named_evidence(history, standing["stands"])
        evidence = None if named is None else await self._store.evidence.load(named)
        return {
            **standing,
            "history": history[::-1],
            "named": named,
            "evidence": evidence,
            "tests": () if evidence is None else evidence.judgement.tests[:TESTS],
            "actions": [action.value for action in actions_of(standing["stands"])],
            "most": WHY_CHARS,
            "report_link": report_link,
        }

    async def report(self, name: str) -> Evidence | None:
        """The evidence of that name; None: nothing is kept under it.

        Raises:
            StoreUnavailable: the store does not answer.
        """
        return None if _EVIDENCE.fullmatch(name) is None else await self._store.evidence.load(name)


def actions_of(state: ReleaseState) -> list[ReleaseAction]:
    """The words that the table of stages allows now. The processes and the guard may still refuse a step."""
    return [action for action, trigger in ACTIONS.items() if (state.stage, trigger) in TRANSITIONS]


def order_of(form: Mapping[str, str], who: str) -> ReleaseOrder:
    """What a form says.

    Args:
        form: its fields. `seen` and `release` are those of the page that it stood on.
        who: the admin's id.

    Raises:
        BadWord: a field is not allowed.
    """
    action, why = form.get("action", ""), line_of(form.get("why", ""), WHY_CHARS)
    if action not in ACTIONS:
        raise BadWord("action")
    if why is None:
        raise BadWord("why")
    for name, allowed in (("seen", _NUMBER), ("release", _RELEASE)):
        if allowed.fullmatch(form.get(name, "")) is None:
            raise BadWord(name)
    return ReleaseOrder(
        action=ReleaseAction(action), who=who, why=why, seen=int(form["seen"]), release=form["release"]
    )


def report_link(name: str) -> str | None:
    """The address of a report. None: the word names something else."""
    return None if _EVIDENCE.fullmatch(name) is None else address("/release/report", {"id": name})


def runs_link(test: Tested, channel: str, since_ms: int, until_ms: int) -> str | None:
    """The runs of a channel, and of a cell's client, in the time that was judged.

    None: the test goes by the channel of the edge, and the list of runs has that of the worker alone.
    """
    if test.scope.endswith(" by edge"):
        return None
    client = test.scope.partition("/")[0] if "/" in test.scope else None
    times = {"since": str(since_ms), "until": str(until_ms)}
    return address("/runs", {"channel": channel, "client": client, **times})


def _named_evidence(history: list[ReleaseEvent], stands: ReleaseState) -> str | None:
    """The newest evidence of a guard against the release that stands."""
    ours = [event.evidence for event in history if event.release == stands.release]
    return next((name for name in reversed(ours) if _EVIDENCE.fullmatch(name)), None)
