"""Replies of a run to OpenAI's bytes: which reply becomes which chunk, and which receipt an ending earns."""

from collections.abc import Callable
from typing import Protocol, assert_never

from mix2api.errors import ErrorBody
from mix2api.events.kinds import Usage
from mix2api.sessions.worker_port import Accepted, Ended, ReasoningDelta, Reply, TextDelta, ToolCallDelta
from mix2api.vocabulary import SUCCESSES, FinishReason, Receipt, RequestId
from mix2api.wire.chat_answer import AnswerFrame, ChunkWriter
from mix2api.wire.error_answer import stream_error
from mix2api.wire.passed_on import PassedOn


def error_of(ended: Ended) -> ErrorBody:
    """The envelope of a failing ending."""
    return ErrorBody(message=ended.message, type=ended.error_type, code=ended.error_code, param=ended.param)


def finish_reason_of(ended: Ended) -> FinishReason:
    """A successful ending's `finish_reason`; the four successes bear the same words."""
    return ended.finish_reason or FinishReason(ended.end_reason.value)


def receipt_of(ended: Ended) -> Receipt:
    """What is true once this ending has been written."""
    if not ended.acked:
        return Receipt.END_UNACKED
    return Receipt.WRITTEN if ended.end_reason in SUCCESSES else Receipt.ERROR_WRITTEN


class Rendering(Protocol):
    """Makes the bytes of one stream. `ended` is None until the ending has been rendered."""

    ended: Ended | None

    def render(self, replies: list[Reply]) -> bytes:
        """What these replies say, as one piece; empty if they say nothing to the client."""
        ...

    def ending(self, ended: Ended) -> bytes:
        """Finish or failure, and all that ends the stream."""
        ...


class Collecting(Protocol):
    """Collects the pieces that a stream would carry."""

    def text(self, text: str) -> None:
        """A piece of the answer."""
        ...

    def reasoning(self, text: str) -> None:
        """A piece of reasoning."""
        ...

    def tool_call(self, index: int, arguments: str, call_id: str | None, name: str | None) -> None:
        """A piece of a tool call; `call_id` and `name` come with the first piece of each index."""
        ...

    def passed_on(self, fields: PassedOn) -> None:
        """Fields of the upstream's own."""
        ...

    def finish(self, reason: FinishReason, usage: Usage | None) -> bytes:
        """The one object."""
        ...


class StreamRenderer:
    """Makes the frames of one stream. `ended` is None until the ending has been rendered."""

    __slots__ = ("_has_role", "_on_ended", "_request_id", "_writer", "ended")

    def __init__(
        self, frame: AnswerFrame, request_id: RequestId, *, on_ended: Callable[[Ended], None]
    ) -> None:
        self._writer = ChunkWriter(frame)
        self._request_id = request_id
        self._on_ended = on_ended
        self._has_role = False
        """The role chunk was made. It goes before output and before a finish; a failure without output has none."""
        self.ended: Ended | None = None

    def render(self, replies: list[Reply]) -> bytes:
        """All frames of these replies, as one piece; empty if they say nothing to the client."""
        frames: list[bytes] = []
        texts: list[str] = []
        for reply in replies:
            if isinstance(reply, TextDelta):
                texts.append(reply.text)
                continue
            if texts:
                frames.append(self._writer.texts(texts))
                texts = []
            if not isinstance(reply, Accepted):  # which says nothing to the client
                frames.append(self._other(reply))
        if texts:
            frames.append(self._writer.texts(texts))
        piece = frames[0] if len(frames) == 1 else b"".join(frames)
        if not self._has_role and frames and not (self._has_failed and len(frames) == 1):
            self._has_role = True
            piece = self._writer.role() + piece
        return piece

    def _other(self, reply: ReasoningDelta | ToolCallDelta | PassedOn | Ended) -> bytes:
        """The frames of one reply that is no text."""
        match reply:
            case ReasoningDelta():
                return self._writer.reasoning(reply.text)
            case ToolCallDelta():
                return self._writer.tool_call(reply.index, reply.arguments, reply.call_id, reply.name)
            case PassedOn():
                return self._writer.passed_on(reply)
            case Ended():
                return self.ending(reply)
            case _:
                assert_never(reply)

    @property
    def _has_failed(self) -> bool:
        return self.ended is not None and self.ended.end_reason not in SUCCESSES

    def ending(self, ended: Ended) -> bytes:
        """Finish or failure, with `[DONE]`."""
        self.ended = ended
        self._on_ended(ended)
        if ended.end_reason in SUCCESSES:
            return self._writer.finish(finish_reason_of(ended), ended.usage)
        error = stream_error(error_of(ended), ended.end_reason, self._request_id)
        return self._writer.failure(error, ended.usage)


def collect(answer: Collecting, replies: list[Reply]) -> Ended | None:
    """Adds replies to a whole answer; gives the ending once it is there."""
    for reply in replies:
        match reply:
            case TextDelta():
                answer.text(reply.text)
            case ReasoningDelta():
                answer.reasoning(reply.text)
            case ToolCallDelta():
                answer.tool_call(reply.index, reply.arguments, reply.call_id, reply.name)
            case PassedOn():
                answer.passed_on(reply)
            case Ended():
                return reply
            case Accepted():
                pass
    return None
