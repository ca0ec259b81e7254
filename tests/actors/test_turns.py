"""A turn ends once, whoever ends it."""

import pytest
from actor_parts import PROCESS, ended, submission
from attrs import define, field

from mix2api.actors import refusals
from mix2api.actors.turns import PendingTurn
from mix2api.sessions.client_words import refused
from mix2api.sessions.worker_port import Accepted, Reply
from mix2api.store.memory import MemoryEventLog
from mix2api.vocabulary import Detail, EndReason, Receipt, RunId, SessionId


def pending() -> PendingTurn:
    return PendingTurn(submission=submission(), deadline_ms=0, log=MemoryEventLog(PROCESS))


async def replies_of(turn: PendingTurn) -> list[Reply]:
    return await turn.replies.take()


@define(eq=False)
class Stops:
    """A run that notes why it is stopped."""

    causes: list[tuple[EndReason, str | None]] = field(factory=list)

    def stop(self, end_reason: EndReason, detail: str | None) -> None:
        self.causes.append((end_reason, detail))


async def test_of_two_endings_the_first_is_told() -> None:
    turn = pending()
    turn.end(refusals.draining())
    turn.end(refusals.expired())
    assert ended(await replies_of(turn)).detail == Detail.DRAIN


async def test_a_client_that_leaves_before_it_began_ends_the_turn() -> None:
    turn = pending()
    turn.reader().abort(Detail.HUNG_UP)
    assert turn.over
    assert ended(await replies_of(turn)).end_reason is EndReason.CLIENT_ABORT


def test_a_run_under_way_is_stopped_instead() -> None:
    turn, run = pending(), Stops()
    turn.run = run
    turn.reader().abort(Detail.STALLED)
    turn.stop(EndReason.WORKER_LOST, Detail.EDGE_LOST)
    assert not turn.over
    assert run.causes == [
        (EndReason.CLIENT_ABORT, Detail.STALLED),
        (EndReason.WORKER_LOST, Detail.EDGE_LOST),
    ]


@pytest.mark.parametrize("session", [None, SessionId("ses")])
def test_a_receipt_needs_an_accepted_run(session: SessionId | None) -> None:
    log = MemoryEventLog(PROCESS)
    turn = PendingTurn(submission=submission(), deadline_ms=0, log=log, session_id=session)
    turn.reader().settle(Receipt.WRITTEN)
    assert len(log.world.audit) == (0 if session is None else 1)


@pytest.mark.parametrize(
    ("detail", "receipts"), [(None, 1), (Detail.QUEUE, 1), (Detail.NO_OWNER, 0), (Detail.DRAIN, 0)]
)
def test_a_turn_that_runs_again_leaves_its_first_run_once_something_comes_of_the_second(
    detail: Detail | None, receipts: int
) -> None:
    log = MemoryEventLog(PROCESS)
    turn = PendingTurn(submission=submission(), deadline_ms=0, log=log, session_id=SessionId("ses"))
    first = turn.submission.run_id
    turn.run = Stops()
    lost = refused(EndReason.UPSTREAM_ERROR, Detail.SESSION_LOST)
    turn.run_again(RunId("run_again"), lost)
    assert (turn.submission.run_id, turn.attempt, turn.run, turn.session_id) == ("run_again", 2, None, None)
    assert turn.submission.again_of == first
    assert log.world.audit == []
    if detail is None:
        turn.tell_accepted(Accepted(session_id="ses", resolution="fresh", reason="session_lost"))
    else:
        turn.end(refusals.overloaded(detail, "no"))
    assert log.world.audit == [("receipt", first, Receipt.RERUN)] * receipts


@pytest.mark.parametrize("detail", [Detail.NO_OWNER, Detail.DRAIN])
async def test_a_turn_that_cannot_run_again_here_ends_as_its_first_run_did(detail: Detail) -> None:
    log = MemoryEventLog(PROCESS)
    turn = PendingTurn(submission=submission(), deadline_ms=0, log=log, session_id=SessionId("ses"))
    first, reader = turn.submission.run_id, turn.reader()
    lost = refused(EndReason.UPSTREAM_ERROR, Detail.SESSION_LOST)
    turn.run_again(RunId("run_again"), lost)
    turn.end(refusals.overloaded(detail, "no"))
    assert await reader.take() == [lost]
    reader.settle(Receipt.WRITTEN, EndReason.UPSTREAM_ERROR)
    assert log.world.audit == [("receipt", first, Receipt.WRITTEN, EndReason.UPSTREAM_ERROR)]
