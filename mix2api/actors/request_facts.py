"""What a run takes from its turn: the facts for the log, and the messages for the site.

The facts are counts, sizes and digests (`request_event`, `tool_results`). They hold no content. `Unseen` holds the messages
that the upstream session has not been sent. It goes to the upstream only.
"""

from typing import Final

from mix2api.actors.budgets import TurnBudget
from mix2api.actors.environment import ActorOptions, Environment
from mix2api.actors.logged_calls import AnsweredCalls
from mix2api.actors.message_limits import (
    instructions_limited,
    message_limited,
    newest,
    result_limited,
    tools_withheld,
)
from mix2api.actors.turns import PendingTurn
from mix2api.actors.unseen import Unseen
from mix2api.budget.output_limit import OutputLimit
from mix2api.events.kinds import RUNTIME, UNNUMBERED, Request, ToolResult
from mix2api.sealing import Seal
from mix2api.sessions.prepared_turn import PreparedTurn
from mix2api.sessions.resolution import Reason
from mix2api.sessions.state import SessionState, Stage
from mix2api.sessions.worker_port import Accepted, Submission
from mix2api.steps import Steps
from mix2api.vocabulary import Digest, RunId, SessionId
from mix2api.wire.turn import RESULT_ROLES, Message

_RESULTS: Final = 256
"""Results that are digested in one step: 8 ms."""
_TURN_DIGITS: Final = 16
"""64 bits tell a day's turns apart, and an audit entry carries them."""


def request_event(
    environment: Environment,
    turn: PendingTurn,
    state: SessionState,
    unseen: Unseen,
    budget: TurnBudget | None = None,
) -> Request:
    """The `request` event of a turn, unnumbered.

    Args:
        environment: ports and limits.
        turn: whose it is.
        state: its session before it.
        unseen: what of it is sent.
        budget: None: turns are not counted.
    """
    submission = turn.submission
    content = submission.turn
    continued = state.stage is not Stage.VACANT
    at_ms = environment.clock.now_ms()
    return Request(
        run_id=submission.run_id,
        seq=UNNUMBERED,
        request_id=submission.request_id,
        at_ms=at_ms,
        attempt=turn.attempt,
        client=submission.client,
        model=known_or_digest(content.model, environment.model_names, environment.seal),
        stream=content.stream,
        tools_present=bool(content.tools),
        messages_all=len(content.messages),
        messages_new=len(unseen.messages),
        messages_withheld=unseen.withheld,
        tools_withheld=_tools_withheld(submission, environment.options) if content.tools else 0,
        body_bytes=submission.body_bytes,
        input_tokens=None if budget is None else budget.used,
        input_budget=None if budget is None else budget.allowance.available,
        output_budget=content.max_tokens if budget is None else budget.allowance.reserved,
        isolation=submission.isolation,
        realm=None if submission.lineage is None else submission.lineage.realm,
        taken=submission.taken if continued else None,
        resolution=_resolution(turn, continued=continued),
        resolution_reason=turn.resolution_reason,
        edge=submission.edge,
        worker=environment.process,
        channel=environment.channel,
        edge_channel=None if submission.edge_channel is environment.channel else submission.edge_channel,
        again_of=submission.again_of,
        caller=submission.caller,
        counted_tokens=None if budget is None else budget.tokens,
        withheld_by=dict(budget.withheld) if budget is not None and budget.withheld else None,
        summary=None if budget is None else budget.summary,
        summary_ms=None if budget is None else budget.summary_ms,
        turn=_turn_digest(submission, environment.seal),
        session_age_ms=max(1, at_ms - state.opened_ms) if continued else 0,
    )


def _turn_digest(submission: Submission, seal: Seal) -> Digest:
    """What was asked, in 16 hex digits: the head of the history, which a resent turn has again.

    An upstream without sessions has no lineage. There the sizes tell a resent turn from most others.
    """
    if submission.lineage is not None:
        return Digest(submission.lineage.head[:_TURN_DIGITS])
    sizes = f"{submission.isolation} {submission.body_bytes} {len(submission.turn.messages)}"
    return Digest(seal.digest(sizes, "turn")[:_TURN_DIGITS])


def _tools_withheld(submission: Submission, options: ActorOptions) -> int:
    """Tools that the site is not told of. A runtime is told of none: it has its own."""
    if submission.bridged is not None:
        return len(submission.turn.tools or ())
    return tools_withheld(submission.prepared, options)


def _resolution(turn: PendingTurn, *, continued: bool) -> str:
    """How the turn's session was found."""
    if turn.submission.bridged is not None:
        return RUNTIME
    if continued:
        return "continued"
    return "stateless" if turn.resolution_reason == Reason.STATELESS else "fresh"


def accepted_reply(session_id: SessionId, request: Request, limit: OutputLimit | None = None) -> Accepted:
    """What a client's edge is told of its run.

    Args:
        session_id: the session that runs it.
        request: its event.
        limit: of its answer; None: turns are not counted.
    """
    counts = (("messages", request.messages_withheld), ("tools", request.tools_withheld))
    withheld = "; ".join(f"{what}={count}" for what, count in counts if count)
    return Accepted(
        session_id,
        request.resolution,
        request.resolution_reason,
        request.run_id,
        withheld=withheld,
        budget="" if limit is None else _budget_words(request, limit),
    )


def _budget_words(request: Request, limit: OutputLimit) -> str:
    trimmed = sum((request.withheld_by or {}).values())
    words = f"{request.input_tokens}/{request.input_budget}; trimmed={trimmed}"
    return f"{words}; max_tokens={limit.sent}" if limit.clamped else words


def known_or_digest(word: str, known: frozenset[str], seal: Seal) -> str:
    """A foreign string as it may stand in the log: in clear if configured, else digest and length."""
    return word if word in known else f"#{seal.digest(word, 'foreign')}/{len(word)}"


def unseen_of(submission: Submission, state: SessionState, options: ActorOptions) -> Unseen:
    """What a turn's session, as it stands before the turn, is to be sent."""
    other_realm = submission.lineage is not None and submission.lineage.realm != state.realm
    return unseen_messages(submission.prepared, state, options, other_realm=other_realm)


def unseen_messages(
    prepared: PreparedTurn, state: SessionState, options: ActorOptions, *, other_realm: bool = False
) -> Unseen:
    """What the upstream session has not been sent: all on a fresh one, else what is new, within limits.

    New is what follows the last answer; of a turn without one (a named session's) all but the leading instructions. Those
    the session has had, unless the turn is of another realm: then they may be others, and go up too. Tool results have a limit
    of their own, on every session, and come before any other cut; the results of the last answer are always sent, all of them:
    the site waits for each.
    """
    turn, leading = prepared.turn, prepared.leading
    messages = turn.messages
    if state.upstream_session is None:
        sent = instructions_limited(messages[:leading], prepared, options) + messages[leading:]
        if prepared.uses_tools:
            sent = [result_limited(message, options) for message in sent]
        return Unseen(sent, _changed(messages, sent), other_realm)
    after = prepared.answered or leading
    new = [message for message in messages[after:] if message.role != "assistant"]
    kept = newest(new, options.messages_max) if options.messages_max else new
    sent = kept
    if options.message_max_chars or options.tool_result_max_chars:
        sent = [message_limited(message, options) for message in kept]
    withheld = len(new) - len(kept) + _changed(kept, sent)
    if other_realm:
        limited = instructions_limited(messages[:leading], prepared, options)
        return Unseen([*limited, *sent], withheld + _changed(messages[:leading], limited), other_realm)
    return Unseen(sent, withheld)


def _changed(messages: list[Message], sent: list[Message]) -> int:
    return sum([before is not after for before, after in zip(messages, sent, strict=True)])


def tool_results(environment: Environment, submission: Submission) -> Steps[tuple[ToolResult, ...]]:
    """The tool results that came with this turn, unnumbered, in steps of `_RESULTS`."""
    prepared = submission.prepared
    if not prepared.uses_tools:
        return ()
    messages, after = submission.turn.messages, prepared.answered
    answered = AnsweredCalls(messages[:after], submission.isolation, environment.seal)
    results: list[ToolResult] = []
    for message in messages[after:]:
        if message.role not in RESULT_ROLES:
            continue
        results.append(_tool_result(message, submission.run_id, answered, environment.seal))
        if len(results) % _RESULTS == 0:
            yield
    return tuple(results)


def _tool_result(message: Message, run_id: RunId, answered: AnsweredCalls, seal: Seal) -> ToolResult:
    text = _text(message)
    return ToolResult(
        run_id=run_id,
        seq=UNNUMBERED,
        tool_call_id=answered.of(message),
        size_bytes=len(text),
        digest=seal.digest(text, "tool_result"),
    )


def _text(message: Message) -> bytes:
    if message.content is None or isinstance(message.content, str):
        return (message.content or "").encode("utf-8", "surrogatepass")
    return b"\0".join(
        str(part.get("text", part)).encode("utf-8", "surrogatepass") for part in message.content
    )
