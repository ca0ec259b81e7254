"""One call of the model, as a chat request of our own: a session of its own, with budget, event log and `end_reason`."""

from typing import Final

import trio
from attrs import define, field, frozen

from mix2api.conversations.states import ExecutionStatus, Reason
from mix2api.errors import ClientVisibleError
from mix2api.events.kinds import Usage
from mix2api.identity import Mint
from mix2api.sealing import Seal
from mix2api.sessions.bridged import Asked, Bridged, bridged_of
from mix2api.sessions.sites import Sites
from mix2api.sessions.worker_port import Accepted, Dispatch, Ended, Replies, Reply, Submission, TextDelta
from mix2api.vocabulary import (
    SUCCESSES,
    ClientName,
    Detail,
    Digest,
    EndReason,
    ProcessId,
    Receipt,
    RequestId,
    RunId,
)
from mix2api.wire.turn import Message, Turn

ANSWER_CHARS: Final = 1_000_000
"""Of one answer that is kept: some 250,000 tokens, more than models write. A longer one fails the task."""
_OURS: Final = frozenset({EndReason.OVERLOADED, EndReason.UNAVAILABLE, EndReason.WORKER_LOST})
"""What keeps this deployment from making a call: the model has not refused anything."""


@frozen(kw_only=True)
class Question:
    """What a model is asked."""

    request_id: RequestId
    model: str
    messages: list[Message] = field(repr=False)
    owner: Digest
    """Fingerprint of the credential for which it is asked."""
    timeout_s: float


@frozen(kw_only=True)
class ModelAnswer:
    """What became of a call."""

    status: ExecutionStatus
    """COMPLETED, FAILED, TIMED_OUT, or LOST where this deployment could not make the call."""
    text: str = field(default="", repr=False)
    """Also of an answer that was given up because it is too long, as far as it came."""
    error_type: str | None = None
    """The run's `end_reason`, where it is no success."""
    run_id: RunId | None = None
    usage: Usage | None = None

    @property
    def is_too_long(self) -> bool:
        """Whether the model did answer, with more than is kept."""
        return self.error_type == Detail.TOO_LARGE.value


@define(eq=False, kw_only=True)
class ModelCalls:
    """Calls models.

    Args:
        dispatch: takes each call to the worker that runs it.
        process: this one.
        mint: makes ids.
        seal: for digests.
        sites: the upstream of each model.
    """

    _dispatch: Dispatch
    _process: ProcessId
    _mint: Mint
    _seal: Seal
    _sites: Sites
    slots: trio.CapacityLimiter
    """One for each call; whoever calls takes it before the task is claimed."""

    def request_id(self) -> RequestId:
        """A request id for a call that has not been named before."""
        return self._mint.call_request_id()

    async def ask(self, question: Question) -> ModelAnswer:
        """Calls a model once.

        Cancelled, it ends the run: nobody waits for the answer any more.
        """
        try:
            submission = self._submission(question)
            replies = await self._dispatch.submit(submission)
        except ClientVisibleError as refusal:
            return ModelAnswer(status=_status_of(refusal.end_reason), error_type=refusal.end_reason.value)
        heard = _Heard(submission.run_id)
        with trio.move_on_after(question.timeout_s):
            try:
                while heard.ended is None:
                    heard.take(await replies.take())
                    if heard.chars > ANSWER_CHARS:
                        break
            finally:
                if heard.ended is None:
                    _give_up(replies)
        return heard.answer(replies)

    def _submission(self, question: Question) -> Submission:
        """The call as a fresh session that no other request can continue."""
        turn = Turn(model=question.model, messages=question.messages, stream=True)
        return Submission(
            run_id=self._mint.run_id(),
            request_id=question.request_id,
            turn=turn,
            body_bytes=sum(len(message.content or "") for message in question.messages),
            client=ClientName.OTHER.value,
            isolation=self._seal.digest(question.request_id, "isolation"),
            edge=self._process,
            caller=question.owner,
            bridged=self._bridged(question),
        )

    def _bridged(self, question: Question) -> Bridged | None:
        if not self._sites.of(question.model).bridges:
            return None
        return bridged_of(Asked(), question.owner, self._seal.digest, self._mint.word)


@define
class _Heard:
    """What has come of an answer so far."""

    run_id: RunId
    """Of the run that answers."""
    pieces: list[str] = field(factory=list)
    chars: int = 0
    ended: Ended | None = None

    def take(self, replies: list[Reply]) -> None:
        for reply in replies:
            if isinstance(reply, TextDelta):
                self.pieces.append(reply.text)
                self.chars += len(reply.text)
            elif isinstance(reply, Accepted) and reply.run_id:
                self.run_id = RunId(reply.run_id)
            elif isinstance(reply, Ended):
                self.ended = reply

    def answer(self, replies: Replies) -> ModelAnswer:
        ended = self.ended
        if ended is None:
            is_long = self.chars > ANSWER_CHARS
            return ModelAnswer(
                status=ExecutionStatus.FAILED if is_long else ExecutionStatus.TIMED_OUT,
                text="".join(self.pieces) if is_long else "",
                error_type=Detail.TOO_LARGE.value if is_long else Reason.TIMEOUT.value,
                run_id=self.run_id,
            )
        is_success = ended.end_reason in SUCCESSES
        receipt = Receipt.WRITTEN if is_success else Receipt.ERROR_WRITTEN
        replies.settle(receipt if ended.acked else Receipt.END_UNACKED, ended.end_reason)
        if is_success:
            return ModelAnswer(
                status=ExecutionStatus.COMPLETED,
                text="".join(self.pieces),
                run_id=self.run_id,
                usage=ended.usage,
            )
        return ModelAnswer(
            status=_status_of(ended.end_reason),
            error_type=ended.end_reason.value,
            run_id=self.run_id,
            usage=ended.usage,
        )


def _give_up(replies: Replies) -> None:
    replies.abort(Detail.HUNG_UP)
    replies.settle(Receipt.CLIENT_LEFT)


def _status_of(end_reason: EndReason) -> ExecutionStatus:
    """What a failure means for the attempt."""
    if end_reason is EndReason.TIMEOUT:
        return ExecutionStatus.TIMED_OUT
    return ExecutionStatus.LOST if end_reason in _OURS else ExecutionStatus.FAILED
