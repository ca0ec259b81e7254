"""`pending(state)`: the effects that a state still asks for, as data. Folding itself calls nobody.

A restarted worker folds a session's log and asks this what is left to do; replay asks nothing.
"""

from enum import StrEnum

from mix2api.sessions.state import SessionState, Stage


class Effect(StrEnum):
    """Something that the shell has to do for the run under way."""

    CALL_UPSTREAM = "call_upstream"
    READ_UPSTREAM = "read_upstream"
    WRITE_END = "write_end"


_EFFECTS = {
    Stage.ACCEPTED: Effect.CALL_UPSTREAM,
    Stage.CALLED: Effect.READ_UPSTREAM,
    Stage.STARTED: Effect.READ_UPSTREAM,
    Stage.STREAMING: Effect.READ_UPSTREAM,
    Stage.GAPPED: Effect.READ_UPSTREAM,
    Stage.CONCLUDING: Effect.WRITE_END,
}


def pending(state: SessionState) -> Effect | None:
    """The effect that is due, None between turns."""
    return _EFFECTS.get(state.stage)
