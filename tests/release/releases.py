"""Commands of releases, and what they come to."""

from typing import Any

from mix2api.release.guard_beat import Decision, GuardBeat
from mix2api.release.release import ReleaseCommand, ReleaseState, RollBack, Start, Step, decide, evolve

WORDS: dict[str, Any] = {"at_ms": 1_000, "who": "ann", "why": "a test"}
ID = "rel-000000000001"


def start(release: str = ID, **fields: Any) -> Start:
    known = {"release": release, "version": "2.0", "stable_version": "1.9", "without_gate": True}
    return Start(**WORDS | known | fields)


def step(state: ReleaseState, **fields: Any) -> Step:
    return Step(**WORDS | {"seen": state.number, "without_guard": True} | fields)


def roll_back(release: str = ID, **fields: Any) -> RollBack:
    return RollBack(**WORDS | {"release": release} | fields)


def beat(state: ReleaseState, decision: Decision = Decision.GO_ON) -> GuardBeat:
    return GuardBeat(guard="guard-1", at_ms=2_000, number=state.number, decision=decision, why="30 runs seen")


def after(state: ReleaseState, *commands: ReleaseCommand) -> ReleaseState:
    for command in commands:
        for event in decide(state, command):
            state = evolve(state, event)
    return state


def stepped(state: ReleaseState, steps: int) -> ReleaseState:
    for _ in range(steps):
        state = after(state, step(state))
    return state
