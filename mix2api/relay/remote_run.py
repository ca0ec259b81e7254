"""What an edge knows of a run in another process."""

from collections.abc import Sequence

from attrs import define, evolve

from mix2api.relay.room import Placed
from mix2api.replies import ReplyBuffer
from mix2api.sessions.resolution import Reason
from mix2api.sessions.worker_port import Accepted, Ended, Reply, Submission
from mix2api.vocabulary import ProcessId, RequestId, RunId, SessionId


@define(eq=False, kw_only=True)
class RemoteRun:
    """One turn, from the moment in which it was put into an inbox until its ending."""

    run_id: RunId
    """By which it goes between the processes."""
    logged_as: RunId
    """By which the log has it: another where the turn ran again at its worker."""
    request_id: RequestId
    session_id: SessionId
    owner: ProcessId
    deadline_ms: int
    replies: ReplyBuffer
    heard_ms: float
    streams: bool
    submission: Submission | None
    """The turn, as long as it may run once more; then it is let go, with all its content."""
    placed: Placed | None = None
    """The place that it took at its process, until it gives that back."""
    due: int = 1
    has_content: bool = False
    """Something of the answer came."""
    accepted: bool = False
    taken_bytes: int = 0
    """Of its replies, by the edge's reader."""
    told_bytes: int = 0
    """Of those, told to the worker."""
    end_found_ms: float | None = None
    """When its `end` was first found in the log: the reply may be in the mail."""
    unowned_looks: int = 0
    """Looks in a row at which its process was silent and no living process owned its shard."""
    first: tuple[RunId, SessionId] | None = None
    """Run and session of the first attempt, as the log has them, where the turn runs once more."""
    refused: bool = False
    """Its process refused it: there is nothing to write a receipt for. Where this one gave up, that process may still begin it."""

    @property
    def waits(self) -> bool:
        """Its turn is to run once more, and was put nowhere yet: its silence tells nothing."""
        return self.first is not None and self.submission is not None

    def note(self, replies: Sequence[Reply]) -> None:
        """Notes what replies say of the run."""
        for reply in replies:
            if not isinstance(reply, Accepted | Ended):
                self.has_content, self.submission = True, None
            elif isinstance(reply, Accepted):
                # Perhaps another session than the one it was sent to: that could not be continued. Perhaps another
                # run: the site had lost the session, and the turn ran again.
                self.accepted, self.session_id = True, SessionId(reply.session_id)
                self.logged_as, self.end_found_ms = RunId(reply.run_id or self.run_id), None

    def begin_again(self, run_id: RunId, session_id: SessionId, deadline_ms: int) -> None:
        """The turn runs once more: as another run, on a session that is to be made, with the whole history."""
        if self.submission is not None:
            self.submission = evolve(
                self.submission,
                run_id=run_id,
                attempt=self.submission.attempt + 1,
                again_of=self.logged_as,
                session_id=None,
                claimed=False,
                taken=None,
                reason=Reason.WORKER_LOST.value,
            )
        self.first = self.logged_as, self.session_id
        self.run_id = self.logged_as = run_id
        self.session_id, self.deadline_ms = session_id, deadline_ms
        self.due, self.end_found_ms, self.accepted, self.unowned_looks = 1, None, False, 0
        self.taken_bytes = self.told_bytes = 0

    def go_back(self) -> None:
        """The turn could not be put again: what its client is told is told of the first attempt."""
        if self.first is not None:
            self.logged_as, self.session_id = self.first
