"""A simulated deployment whose users talk in conversations: their messages become turns, plans and tasks."""

from random import Random
from typing import ClassVar

from attrs import define
from simulation.plan_judging import PlanJudge
from simulation.plan_users import PlanUser
from simulation.processes import Life
from simulation.run import SETTINGS, World

from mix2api.settings import Settings, load_settings

_SETTINGS = {
    **SETTINGS,
    "MIX2API_CONVERSATIONS": "true",
    "MIX2API_CONVERSATIONS_CALL_TIMEOUT_MS": "4000",
    "MIX2API_CONVERSATIONS_STALL_S": "120",
}
"""A call that hangs times out within the faults. Faults leave a turn alone for far less than it takes to
stall, so one that has stalled was forgotten."""


@define(eq=False)
class PlanWorld(World):
    """A run with plans."""

    settings: ClassVar[Settings] = load_settings(_SETTINGS, None)

    crowd: ClassVar[int] = 2
    """A turn costs as much as several requests."""

    def user(self, name: str, random: Random) -> PlanUser:
        """One of those that talk."""
        return PlanUser(name, self.deployment, random, self.trace)

    async def judge(self, auditor: Life) -> None:
        """Judges what has become of all turns.

        Raises:
            Violation: what must hold does not.
        """
        users = [user for user in self.users if isinstance(user, PlanUser)]
        judge = PlanJudge(run=self.run_of([]), settings=self.settings, users=users, model=self.store.model)
        await judge.judge(auditor)
