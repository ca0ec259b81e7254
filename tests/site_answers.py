"""A site's recorded bytes, and what a client gets of them: frames, transcript and translation, without a socket."""

from pathlib import Path
from typing import Any, Final

from actor_parts import SEAL
from attrs import frozen

from mix2api.actors.phase import Phase
from mix2api.actors.tool_calls import CallRules
from mix2api.actors.translation import Translation
from mix2api.sessions.commands import RecordChunk
from mix2api.sessions.worker_port import ReasoningDelta, TextDelta, ToolCallDelta
from mix2api.tools.ids import CallIds
from mix2api.tools.text.pieces import CallReader
from mix2api.upstreams.mix.transcript import Transcript
from mix2api.vocabulary import RunId
from mix2api.wire.sse_frames import SseFrames

CASES: Final = Path(__file__).parent / "data" / "cases"
"""Answers and requests that real sites and clients send, each of which was once answered wrongly."""


@frozen
class Given:
    """What a client has of an answer."""

    text: str
    reasoning: str
    calls: tuple[tuple[str, str], ...]
    """Names and arguments."""
    finish_reason: str | None
    """None: the ending says that the answer failed."""
    detail: str | None
    faithful: bool


def given(
    site: bytes,
    *,
    streamed: bool = True,
    reader: CallReader | None = None,
    cut: int | None = None,
    **more: Any,
) -> Given:
    """What comes of a site's event stream.

    Args:
        site: the body.
        streamed: whether the client gets it as it comes.
        reader: of calls in the text.
        cut: bytes after which the body comes in a second piece.
        more: the translation's own.
    """
    rules = CallRules(
        callable_names=frozenset({"f"}), ids=CallIds(lambda: "call_drawn", lambda _: False), streamed=streamed
    )
    translation = Translation(RunId("run_1"), SEAL, lambda: rules, lambda: 0, reader, **more)
    frames, transcript = SseFrames(), Transcript(200, session_known=False)
    for piece in (site,) if cut is None else (site[:cut], site[cut:]):
        batch = transcript.add(frames.feed(piece))
        is_left = bool(batch) and translation.phase is Phase.OPEN and translation.take(batch)
        while is_left:
            is_left = translation.go_on()
    return _given(translation)


def _given(translation: Translation) -> Given:
    calls: dict[int, list[str]] = {}
    for reply in translation.answer.replies:
        if isinstance(reply, ToolCallDelta):
            call = calls.setdefault(reply.index, ["", ""])
            call[0] += reply.name or ""
            call[1] += reply.arguments
    (ending,) = [
        command.chunk
        for command in translation.tally.commands
        if isinstance(command, RecordChunk) and (command.chunk.cause or command.chunk.finish_reason)
    ]
    return Given(
        text="".join(reply.text for reply in translation.answer.replies if isinstance(reply, TextDelta)),
        reasoning="".join(
            reply.text for reply in translation.answer.replies if isinstance(reply, ReasoningDelta)
        ),
        calls=tuple((name, arguments) for name, arguments in calls.values()),
        finish_reason=None if ending.cause else ending.finish_reason,
        detail=ending.detail,
        faithful=translation.answer.faithful and translation.phase is Phase.FINISHED,
    )


def case(name: str) -> bytes:
    """A recorded input, by its name."""
    return (CASES / name).read_bytes()
