"""A session's first turn, the turns after it, and the reasons of their sessions."""

from typing import Any

from actor_parts import Bench, submission

from mix2api.sessions.worker_port import Accepted, Submission
from mix2api.vocabulary import SessionId


async def first_turn(bench: Bench) -> SessionId:
    """Runs one good turn on a fresh session."""
    first = (await bench.ask())[0]
    assert isinstance(first, Accepted)
    return SessionId(first.session_id)


def next_turn(session: SessionId, **fields: Any) -> Submission:
    """A turn that names its session."""
    return submission(session_id=session, reason="named", **fields)


def reasons(bench: Bench) -> list[str]:
    """How the runs' sessions were resolved, by run."""
    return [request.resolution_reason for request in sorted(bench.requests(), key=lambda each: each.run_id)]
