"""What a run asks of the upstream, and how the log keeps what goes wrong there."""

from msgspec.structs import replace

from mix2api.actors.environment import Environment
from mix2api.actors.run_tools import result_ids, result_names
from mix2api.actors.told_tools import tools_chosen
from mix2api.actors.unseen import Unseen
from mix2api.budget.output_limit import OutputLimit
from mix2api.events.kinds import UNNUMBERED, UpstreamChunk
from mix2api.sealing import Seal
from mix2api.sessions.state import SessionState
from mix2api.sessions.worker_port import Submission
from mix2api.upstreams.port import UpstreamCall, UpstreamFault
from mix2api.vocabulary import ChunkKind, RunId


def upstream_call(
    environment: Environment,
    submission: Submission,
    state: SessionState,
    unseen: Unseen,
    limit: OutputLimit | None = None,
) -> UpstreamCall:
    """The call for a turn that has been accepted.

    Args:
        environment: for the seal.
        submission: the turn.
        state: the session with the turn in it.
        unseen: what of it is sent.
        limit: of its answer; None: as the client asked.
    """
    seal = environment.seal
    turn = submission.turn
    if limit is not None and limit.sent != turn.max_tokens:
        turn = replace(turn, max_tokens=limit.sent)
    if environment.on_tools is not None and submission.prepared.offer.functions:
        options = environment.options
        most = options.tools_max if options.tools_in_text(turn.model) else 0
        environment.on_tools(tools_chosen(submission.request_id, submission.prepared, most or None))
    session, exchange = state.upstream_session, state.upstream_exchange
    return UpstreamCall(
        run_id=submission.run_id,
        request_id=submission.request_id,
        turn=turn,
        messages=unseen.messages,
        call_ids=result_ids(unseen.messages, state, seal) if state.calls else {},
        call_names=result_names(unseen.messages, state, submission.prepared, seal) if state.calls else {},
        session=None if session is None else seal.unseal(session, "upstream_session"),
        exchange=None if exchange is None else seal.unseal(exchange, "upstream_exchange"),
        same_realm=submission.lineage is not None and not unseen.other_realm,
        authorization=submission.authorization,
        caller=submission.caller or submission.isolation,
        isolation=submission.isolation,
        traceparent=submission.traceparent,
        bridged=submission.bridged,
        line=None if submission.bridged is None else submission.bind,
        prepared=submission.prepared,
    )


def check_sealed_ids(state: SessionState, seal: Seal) -> None:
    """Whether the upstream's ids can be had, before a run is accepted that needs them.

    Raises:
        UnsealError: damage, or another deployment's.
    """
    for sealed, purpose in (
        (state.upstream_session, "upstream_session"),
        (state.upstream_exchange, "upstream_exchange"),
        *((call.upstream_call_id, "tool_call_id") for call in state.calls),
    ):
        if sealed is not None:
            seal.unseal(sealed, purpose)


def fault_chunk(run_id: RunId, fault: UpstreamFault, at_ms: int, account: str | None = None) -> UpstreamChunk:
    """The fault as the log keeps it, with the account whose it is where that has not been logged yet."""
    return UpstreamChunk(
        run_id=run_id,
        seq=UNNUMBERED,
        kind=ChunkKind.ERROR,
        at_ms=at_ms,
        upstream_status=fault.status,
        cause=fault.end_reason,
        detail=fault.detail.value,
        perhaps_taken=fault.taken,
        account=account,
    )
