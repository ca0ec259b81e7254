"""What the log may know of a turn: counts, sizes and digests. Content goes in and never comes out."""

from typing import Final

from mix2api.actors.environment import Environment
from mix2api.actors.turns import PendingTurn
from mix2api.events.kinds import Request, ToolResult
from mix2api.sealing import Seal
from mix2api.sessions.dispatch import Submission
from mix2api.sessions.state import SessionState
from mix2api.wire.turn import Message, Turn

_ANSWERS: Final = frozenset({"tool", "function"})


def request_event(environment: Environment, turn: PendingTurn, state: SessionState) -> Request:
    """The `request` event of a turn (`seq` 0)."""
    submission = turn.submission
    content = submission.turn
    new = unseen_messages(content, state)
    continued = state.upstream_session is not None
    return Request(
        run_id=submission.run_id,
        seq=0,
        request_id=submission.request_id,
        at_ms=environment.clock.now_ms(),
        client=submission.client,
        model=known_or_digest(content.model, environment.model_names, environment.seal),
        stream=content.stream,
        tools_present=bool(content.tools),
        messages_all=len(content.messages),
        messages_new=len(new),
        body_bytes=submission.body_bytes,
        output_budget=content.max_tokens,
        isolation=submission.isolation,
        resolution="continued" if continued else "fresh",
        resolution_reason="named" if continued else turn.resolution_reason,
        edge=submission.edge,
        worker=environment.process,
        channel=environment.channel,
    )


def known_or_digest(word: str, known: frozenset[str], seal: Seal) -> str:
    """A foreign string as it may stand in the log: in clear if configured, else digest and length."""
    return word if word in known else f"#{seal.digest(word, 'foreign')}/{len(word)}"


def unseen_messages(turn: Turn, state: SessionState) -> list[Message]:
    """What the upstream session has not been sent: what follows the last assistant message, or all on a fresh one."""
    if state.upstream_session is None:
        return turn.messages
    return turn.messages[_after_last_answer(turn.messages) :]


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
        if message.role in _ANSWERS
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
        if messages[position - 1].role == "assistant":
            return position
    return 0


def _text(message: Message) -> bytes:
    if message.content is None or isinstance(message.content, str):
        return (message.content or "").encode("utf-8", "surrogatepass")
    return b"\0".join(
        str(part.get("text", part)).encode("utf-8", "surrogatepass") for part in message.content
    )
