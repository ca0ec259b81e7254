"""A turn on its way through the worker: what was submitted, where its replies go, and who can stop it."""

from collections.abc import Callable
from typing import Protocol

from attrs import define, evolve, field, frozen
from msgspec.structs import replace

from mix2api.actors.refusals import ELSEWHERE, given_up
from mix2api.endings import given_up_for
from mix2api.events.edge_times import EdgeTimes
from mix2api.events.log import EventLog, GivenEnding
from mix2api.replies import ReplyBuffer, ReplyReader
from mix2api.sessions.worker_port import Accepted, Ended, Submission
from mix2api.vocabulary import Detail, Digest, EndReason, Receipt, RunId, SessionId


class Stoppable(Protocol):
    """A run under way."""

    def stop(self, end_reason: EndReason, detail: str | None) -> None:
        """Ends it with that cause, unless one stands already."""
        ...


@define(eq=False)
class PendingTurn:
    """One submission from its acceptance by the worker until its ending was settled."""

    submission: Submission
    deadline_ms: float
    """On the monotonic clock: until then it must have begun."""
    log: EventLog
    """Takes the receipt."""
    session_id: SessionId | None = None
    """Set once the run is accepted: before that there is nothing to write a receipt for."""
    perhaps_in: SessionId | None = None
    """Set where its client was refused while the store might still accept the run. A receipt without a run does no harm."""
    inbox_entry: str | None = None
    fresh_session: SessionId | None = None
    """The id that the edge drew for a session that is to be made; None: the worker draws one if it needs one."""
    resolution_reason: str = ""
    """Why its session is continued or made; the edge's word for it until that turns out to be impossible."""
    run: Stoppable | None = None
    attempt: int = field(init=False)
    over: bool = False
    """Its last reply has been put; nothing more is to be done for it unless a run is under way."""
    on_over: "Callable[[PendingTurn], None] | None" = None
    """Told once it is over. Set while it waits for a slot, so that it leaves the queue at once."""
    on_ending: Callable[[], None] | None = None
    """Told once its last reply has been put. Set while its replies are forwarded to another process."""
    told_by_edge: bool = False
    """Its reader gave up before it was accepted: the edge has reported that, and the run is not reported again."""
    accepted: Accepted | None = None
    """The reply that told of its acceptance."""
    replies: ReplyBuffer = field(init=False)
    _first: "_FirstRun | None" = field(init=False, default=None)
    """The run that it goes on from, as long as nothing came of the second."""

    @attempt.default
    def _attempt(self) -> int:
        return self.submission.attempt

    @replies.default
    def _buffer(self) -> ReplyBuffer:
        return ReplyBuffer(is_whole=not self.submission.turn.stream)

    def __attrs_post_init__(self) -> None:
        self.resolution_reason = self.resolution_reason or self.submission.reason

    @property
    def caller(self) -> Digest:
        """Whose share of the slots it takes: its caller's, or its isolation key's where an older edge sent it."""
        return self.submission.caller or self.submission.isolation

    def tell_accepted(self, accepted: Accepted) -> None:
        """Puts the reply that its run is durable."""
        self._leave_first()
        self.accepted = accepted
        self.replies.put([accepted])

    def tell_account(self, account: str) -> None:
        """Tells the account that serves it, once: the edge takes the header from the last such reply before the answer."""
        if self.accepted is not None and self.accepted.account != account:
            self.tell_accepted(replace(self.accepted, account=account))

    def run_again(self, run_id: RunId, ended: Ended) -> None:
        """The site lost the session before the client saw anything: the turn goes on as another run.

        The client is told the run that answers it, unless its headers have left, and its receipts go there.

        Args:
            run_id: the second run's.
            ended: how the first run ended. The client is told that if the second one cannot be begun in this process.
        """
        if self.session_id is not None:
            self._first = _FirstRun(self.submission, self.session_id, ended)
        self.submission = evolve(self.submission, run_id=run_id, again_of=self.submission.run_id)
        self.session_id, self.run = None, None
        self.attempt += 1

    def end(self, ended: Ended) -> None:
        """Puts its last reply. The first counts, later ones are ignored: several may see the same turn fail."""
        if not self.over:
            self.over = True
            if ended.detail in ELSEWHERE:
                ended = self._ending_of_first() or ended
            self._leave_first()
            self.replies.put([ended])
            told, self.on_over = self.on_over, None
            if told is not None:
                told(self)
            if self.on_ending is not None:
                self.on_ending()

    def _leave_first(self) -> None:
        """Has the audit pass over the run that the turn leaves behind: its client is told of another."""
        if self._first is not None:
            run_id, request_id = self._first.submission.run_id, self._first.submission.request_id
            self.log.receipt(GivenEnding(self._first.session_id, run_id, request_id, Receipt.RERUN))
            self._first = None

    def _ending_of_first(self) -> Ended | None:
        """Goes back to the run that it goes on from, if there is one: that run is the last, and its ending is the turn's."""
        first, self._first = self._first, None
        if first is None:
            return None
        self.submission, self.session_id = first.submission, first.session_id
        return first.ended

    def stop(self, end_reason: EndReason, detail: Detail) -> None:
        """Gives it up, begun or not."""
        if self.run is None:
            self.end(given_up(end_reason, detail))
        else:
            self.run.stop(end_reason, detail)

    def reader(self) -> ReplyReader:
        """The end of the replies that the reader holds. The turn does not refer to it, so the two are no cycle."""
        return ReplyReader(self.replies, self.abort, self._settle)

    def abort(self, detail: Detail) -> None:
        """The reader gave up, for a cause that it names."""
        self.told_by_edge = self.session_id is None and self.attempt == 1
        self.stop(given_up_for(detail), detail)

    def _settle(self, receipt: Receipt, told: EndReason | None, times: EdgeTimes | None) -> None:
        session_id = self.session_id or self.perhaps_in
        if session_id is not None:
            run_id, request_id = self.submission.run_id, self.submission.request_id
            self.log.receipt(GivenEnding(session_id, run_id, request_id, receipt, told, times))


@frozen
class _FirstRun:
    """A run that was over before its turn's client saw anything."""

    submission: Submission
    session_id: SessionId
    ended: Ended
    """Its ending. Nobody has been told."""
