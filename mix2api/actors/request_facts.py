"""What the log may know of a turn: counts, sizes and digests. Content goes in and never comes out."""

import msgspec
from attrs import frozen

from mix2api.actors.environment import ActorOptions, Environment
from mix2api.actors.turns import PendingTurn
from mix2api.events.kinds import Request, ToolResult
from mix2api.sealing import Seal
from mix2api.sessions.canonical import RESULT_ROLES, answer_piece, leading_instructions
from mix2api.sessions.dispatch import Submission
from mix2api.sessions.state import SessionState, Stage
from mix2api.wire.turn import Message, Turn


def request_event(environment: Environment, turn: PendingTurn, state: SessionState) -> Request:
    """The `request` event of a turn (`seq` 0)."""
    submission = turn.submission
    content = submission.turn
    new = unseen_messages(content, state, environment.options)
    continued = state.stage is not Stage.VACANT
    return Request(
        run_id=submission.run_id,
        seq=0,
        request_id=submission.request_id,
        at_ms=environment.clock.now_ms(),
        attempt=turn.attempt,
        client=submission.client,
        model=known_or_digest(content.model, environment.model_names, environment.seal),
        stream=content.stream,
        tools_present=bool(content.tools),
        messages_all=len(content.messages),
        messages_new=len(new.messages),
        messages_withheld=new.withheld,
        body_bytes=submission.body_bytes,
        output_budget=content.max_tokens,
        isolation=submission.isolation,
        realm=None if submission.lineage is None else submission.lineage.realm,
        taken=submission.taken if continued else None,
        resolution="continued" if continued else "fresh",
        resolution_reason=turn.resolution_reason,
        edge=submission.edge,
        worker=environment.process,
        channel=environment.channel,
    )


def known_or_digest(word: str, known: frozenset[str], seal: Seal) -> str:
    """A foreign string as it may stand in the log: in clear if configured, else digest and length."""
    return word if word in known else f"#{seal.digest(word, 'foreign')}/{len(word)}"


@frozen
class Unseen:
    """What an upstream session is to be sent."""

    messages: list[Message]
    withheld: int = 0
    """Messages of the turn that it will not get, or not whole."""


def unseen_messages(turn: Turn, state: SessionState, options: ActorOptions) -> Unseen:
    """What the upstream session has not been sent: all on a fresh one, else what is new, within limits.

    New is what follows the last answer; of a turn without one (a named session's) all but the leading instructions,
    which the session has had. An assistant message with nothing in it is no answer, as it is none in the lineage: else
    what stands before it would never be sent.
    """
    messages = turn.messages
    if state.upstream_session is None:
        return Unseen(messages)
    after = _after_last_answer(messages) or len(leading_instructions(messages))
    new = [message for message in messages[after:] if message.role != "assistant"]
    kept = [_shortened(message, options.message_max_chars) for message in new[-options.messages_max :]]
    cut = sum(
        1 for message, sent in zip(new[-options.messages_max :], kept, strict=True) if message is not sent
    )
    return Unseen(kept, len(new) - len(kept) + cut)


def _shortened(message: Message, limit: int) -> Message:
    """The message, its text cut at the limit. Parts stay whole: half an image is none."""
    if isinstance(message.content, str) and len(message.content) > limit:
        return msgspec.structs.replace(message, content=message.content[:limit])
    return message


def tool_results(environment: Environment, submission: Submission) -> tuple[ToolResult, ...]:
    """The tool results that came with this turn (`seq` 0)."""
    seal = environment.seal
    messages = submission.turn.messages
    return tuple(
        ToolResult(
            run_id=submission.run_id,
            seq=0,
            tool_call_id=str(seal.digest(message.tool_call_id or message.name or "", "tool_call_id")),
            size_bytes=len(text := _text(message)),
            digest=seal.digest(text, "tool_result"),
        )
        for message in messages[_after_last_answer(messages) :]
        if message.role in RESULT_ROLES
    )


def offered_tools(turn: Turn) -> frozenset[str]:
    """The names of the function tools that the client offered."""
    names = (_tool_name(tool) for tool in turn.tools or ())
    return frozenset(name for name in names if name is not None)


def _tool_name(tool: dict[str, object]) -> str | None:
    function = tool.get("function")
    name = function.get("name") if isinstance(function, dict) else tool.get("name")
    return name if isinstance(name, str) else None


def _after_last_answer(messages: list[Message]) -> int:
    for position in range(len(messages), 0, -1):
        message = messages[position - 1]
        if message.role == "assistant" and answer_piece([message]) is not None:
            return position
    return 0


def _text(message: Message) -> bytes:
    if message.content is None or isinstance(message.content, str):
        return (message.content or "").encode("utf-8", "surrogatepass")
    return b"\0".join(
        str(part.get("text", part)).encode("utf-8", "surrogatepass") for part in message.content
    )
