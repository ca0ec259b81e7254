"""What the ending of a run says: where its session waits now, what the client is told, what of a lost run is reported. Pure."""

from http import HTTPStatus

from msgspec.structs import replace

from mix2api.actors import refusals
from mix2api.actors.counted import counted
from mix2api.actors.environment import Completed
from mix2api.actors.phase import Phase
from mix2api.actors.translation import Translation
from mix2api.errors import ContextLengthExceeded
from mix2api.events.kinds import End, Request
from mix2api.sealing import Seal
from mix2api.sessions.client_words import ended_reply
from mix2api.sessions.lineage import answered_steps
from mix2api.sessions.resolution import Reason
from mix2api.sessions.worker_port import Ended, Submission
from mix2api.steps import Steps
from mix2api.upstreams.port import UpstreamFault
from mix2api.vocabulary import SUCCESSES, Detail, Digest, EndReason, SessionId


def waiting_place(
    submission: Submission, request: Request, session_id: SessionId, translation: Translation, seal: Seal
) -> Steps[tuple[Digest, ...]]:
    """The history that ends with what the client was given; in steps, for an answer may be long.

    A session that a name or an id led to, and not the history, waits there only for whoever says that word again: it was
    begun by requests of which this one tells nothing.
    """
    lineage = submission.lineage
    if lineage is None or translation.phase is not Phase.FINISHED:
        return ()
    answer = translation.answer.message(legacy=submission.turn.legacy_functions)
    by_history = request.resolution == "fresh" or request.resolution_reason == Reason.LINEAGE
    word = None if by_history else submission.bind or session_id
    return (yield from answered_steps(lineage, answer, seal.digester("lineage"), word))


def last_reply(
    end: End,
    submission: Submission,
    translation: Translation,
    cause: object,
    refused: ContextLengthExceeded | None,
) -> Ended:
    """What the client is told of a run whose `end` stands.

    Args:
        end: the event.
        submission: the turn.
        translation: of its answer.
        cause: what ended the run, if not the site's own words.
        refused: why the turn was not sent, if its budget was exceeded.
    """
    fault = cause if isinstance(cause, UpstreamFault) else None
    ended = ended_reply(
        end,
        upstream_says=translation.upstream_says or (fault.message if fault is not None else ""),
        retry_after_s=None if fault is None else fault.retry_after_s,
    )
    if end.end_reason is EndReason.BUDGET_REJECTED:
        return refusals.with_refusal(ended, refused)
    if end.usage is None and end.end_reason in SUCCESSES:
        return counted(ended, submission.turn, translation)
    return ended


def site_lost_it(cause: object, translation: Translation) -> bool:
    """Whether the site has lost the session that it was to continue, before it said anything of an answer.

    Args:
        cause: what ended the run, if not the site's own words.
        translation: of its answer.
    """
    if isinstance(cause, UpstreamFault) and cause.detail is Detail.SESSION_LOST:
        return translation.deltas == 0 and translation.expected_session is not None
    return translation.phase is Phase.LOST


def end_of_lost(end: End, *, headers_sent: bool) -> End:
    """The end as it is reported where the log is another's or was emptied: the client saw no finish."""
    if end.end_reason is EndReason.CLIENT_ABORT:
        return end
    told = refusals.taken_over()
    status = HTTPStatus.OK if headers_sent else told.http_status
    return replace(
        end, end_reason=told.end_reason, detail=told.detail, http_status=status, finish_reason=None
    )


def completed_run(
    end: End, session_id: SessionId, request: Request, submission: Submission, translation: Translation
) -> Completed:
    """What is reported of a run that ended."""
    turn = submission.turn
    return Completed(
        session_id=session_id,
        request=request,
        end=end,
        chunks=translation.deltas,
        chosen_host=None if turn.base is None else turn.base.host,
        messages=turn.messages,
        answer=translation.answer,
    )
