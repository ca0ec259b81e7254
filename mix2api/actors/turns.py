"""A turn on its way through the worker: what was submitted, where its replies go, and who can stop it."""

from typing import Protocol

from attrs import define, field

from mix2api.events.log import EventLog
from mix2api.replies import ReplyBuffer
from mix2api.sessions.dispatch import Ended, Submission
from mix2api.vocabulary import Detail, EndReason, Receipt, SessionId


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
    inbox_entry: str | None = None
    fresh_session: SessionId | None = None
    """The id that the edge drew for a session that is to be made; None: the worker draws one if it needs one."""
    resolution_reason: str = "no_history"
    run: Stoppable | None = None
    gone: bool = False
    """The client left, or it was refused, before it began."""
    replies: ReplyBuffer = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.replies = ReplyBuffer(self._abort, self._settle)

    def refuse(self, ended: Ended) -> None:
        """Ends it before it began: nothing of it is in the log."""
        self.gone = True
        self.replies.put([ended])

    def _abort(self, detail: Detail) -> None:
        if self.run is None:
            self.gone = True
        else:
            self.run.stop(EndReason.CLIENT_ABORT, detail)

    def _settle(self, receipt: Receipt) -> None:
        if self.session_id is not None:
            self.log.receipt(self.session_id, self.submission.run_id, self.submission.request_id, receipt)
