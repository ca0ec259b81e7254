"""An upstream's events as replies for the client and as entries for the log. No I/O.

Deltas leave as they come; for the log the frames of one kind are counted together until `flush` or another kind.
This is the hot path: one call per socket read, one loop turn per frame. Where a site has no native tools, its text goes
through a recogniser first; a conversation without tools has none and pays nothing.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final, assert_never

from mix2api.actors.chunk_tally import ChunkTally
from mix2api.actors.portions import EVENT_WORK, EVENTS, PORTION, TEXT_WORK, is_little_to_read, portions
from mix2api.actors.site_bounds import (
    ANSWER_BYTES,
    CALL_ID_BYTES,
    EMPTY_FRAMES_MAX,
    ENTRIES_MAX,
    ID_BYTES,
    is_longer,
)
from mix2api.actors.tool_calls import CallRules, ToolCalls
from mix2api.events.kinds import Usage
from mix2api.sealing import Seal
from mix2api.sessions.commands import RecordChunk, RecordToolCall
from mix2api.sessions.worker_port import ReasoningDelta, Reply, TextDelta
from mix2api.tools.strictness import strict_calls
from mix2api.tools.text.pieces import (
    Broken,
    CallArguments,
    CallBegan,
    CallEnded,
    CallReader,
    Dropped,
    FinalText,
    Piece,
    Plain,
)
from mix2api.upstreams.port import (
    AbortedByUpstream,
    Failed,
    Finished,
    IdsSeen,
    Opened,
    Reasoning,
    Skipped,
    Started,
    StepFinished,
    Text,
    ToolInputAvailable,
    ToolInputBroken,
    ToolInputDelta,
    ToolInputStarted,
    ToolOutputSeen,
    UpstreamEvent,
    UsageSeen,
)
from mix2api.vocabulary import ChunkKind, Detail, EndReason, FinishReason, RunId, Sealed
from mix2api.wire.turn import Message

_FINISHES: Final = {
    "stop": FinishReason.STOP,
    "length": FinishReason.LENGTH,
    "content-filter": FinishReason.CONTENT_FILTER,
}
_NOT_BEGUN: Final = -1
"""The number of a call in the text that broke before it had one."""
_EXCEEDED: Final = {
    Detail.TOO_LARGE: "the upstream's answer, or an id in it, is too large",
    Detail.TOO_MANY: "the upstream sent too many frames without content, or too many changes",
}
APOLOGY: Final = "Sorry, I tried to call a tool, but the call was malformed. Please try again."
"""Instead of a call that cannot be read. Never the raw text: it would teach both sides to speak the protocol."""

NOT_THERE: Final = "Sorry, I tried to call a tool that is not available here."
"""Instead of nothing at all, where every call was dropped: an empty answer looks like a fault of the connection."""


class Translation:
    """One run's.

    Args:
        run_id: whose.
        seal: for digests and the site's ids.
        rules: what may be called.
        reader: of calls in the text; None where there are none to be read.
        answer_bytes: UTF-8 bytes of content that the answer may have.
    """

    def __init__(
        self,
        run_id: RunId,
        seal: Seal,
        rules: CallRules,
        reader: CallReader | None = None,
        answer_bytes: int = ANSWER_BYTES,
    ) -> None:
        self._seal = seal
        self._answer_bytes = answer_bytes
        self._ids_said: tuple[str | None, str | None] | None = None
        self._reader = reader
        self._raw: list[str] = []
        self._read_calls = 0
        self._tally = ChunkTally(run_id)
        self._tool_calls = ToolCalls(run_id, seal, rules)
        self._broken_at: int | None = None
        self.replies: list[Reply] = []
        """For the client, in order; the caller takes them away."""
        self.caused = False
        """Whether the upstream's own words end the run; nothing is read after that."""
        self.finished = False
        """Whether they end it well."""
        self.expected_session: str | None = None
        """The site's session that the call continues; an answer under another one has lost it."""
        self.lost_session = False
        self.faithful = True
        """Whether the client gets all that the site keeps of this answer."""
        self.upstream_says = ""
        """The text of an `error` frame, for the client only."""
        self.called: list[str] = []
        """Digests of the ids of the calls that the log was told of."""
        self.deltas = 0
        """Pieces that went to the client."""
        self.content_bytes = 0
        """UTF-8 bytes of the content so far."""
        self._usage: Usage | None = None
        self._texts: list[str] = []
        self._rest: Iterator[None] | None = None
        """What is left of a batch that is too much work for one turn of the loop."""

    def answer(self, *, legacy: bool = False) -> Message:
        """What the client has been given, as it will come back in the next request's history.

        Args:
            legacy: in the form of `function_call`, which holds one call and no id.
        """
        text, calls = "".join(self._texts), self._tool_calls.given()
        if legacy and calls:
            return Message(role="assistant", content=text, function_call=calls[0].function)
        return Message(role="assistant", content=text, tool_calls=calls or None)

    def take(self, batch: list[UpstreamEvent], at_ms: int) -> None:
        """Translates a batch that came `at_ms` after the run began; of much work the first portion.

        While `has_more`, the caller takes away what there is, lets other tasks run, and asks for `go_on`.
        """
        self._tally.at_ms = at_ms
        reader = self._reader
        if reader is not None and not is_little_to_read(batch):
            self._rest = portions(self._worked(iter(batch), reader), lambda: self.caused)
            self.go_on()
            return
        count, replies, handled = self._tally.count, self.replies, 0
        before = len(replies)
        events = iter(batch)
        for event in events:
            if type(event) is Text:
                text = event.text
                count(ChunkKind.TEXT, text)
                if reader is None:
                    self._texts.append(text)
                    replies.append(TextDelta(text))
                    continue
                self._raw.append(text)
                self._read(reader.feed(text))
            else:
                self._HANDLERS[type(event)](self, event)
                handled += 1
            if self.caused:
                break  # what follows its own ending is not the answer's
            if handled >= EVENTS:
                self._rest = portions(self._worked(events, reader), lambda: self.caused)
                break
        self.deltas += len(replies) - before
        self._weigh()

    def _weigh(self) -> None:
        """Ends the run if the answer is over a bound by now."""
        tally = self._tally
        self.content_bytes = size = tally.told_bytes + tally.untold_bytes
        if self.caused:
            return
        if size > self._answer_bytes:
            self._exceeded(Detail.TOO_LARGE)
        elif tally.forced > ENTRIES_MAX or tally.empty_frames > EMPTY_FRAMES_MAX:
            self._exceeded(Detail.TOO_MANY)

    @property
    def has_more(self) -> bool:
        """Whether the last batch is not translated to its end."""
        return self._rest is not None

    def go_on(self) -> None:
        """The next portion of the last batch."""
        before = len(self.replies)
        is_over = self._rest is None or next(self._rest, self) is self
        self.deltas += len(self.replies) - before
        self._weigh()
        if is_over or self.caused:
            self._rest = None

    def let_go(self) -> None:
        """Nothing more of the last batch is wanted; without this its rest and the translation would hold each other."""
        self._rest = None

    def _worked(self, events: Iterator[UpstreamEvent], reader: CallReader | None) -> Iterator[int]:
        """Translates a batch step by step, and says how much work each step was."""
        for event in events:
            if type(event) is not Text:
                self._HANDLERS[type(event)](self, event)
                yield EVENT_WORK
                continue
            text = event.text
            self._tally.count(ChunkKind.TEXT, text)
            if reader is None:
                self._say(text)
                yield TEXT_WORK
                continue
            self._raw.append(text)
            for start in range(0, len(text), PORTION):
                part = text[start : start + PORTION]
                self._read(reader.feed(part))
                yield len(part)

    @property
    def commands(self) -> list[RecordChunk | RecordToolCall]:
        """For the log, in order; the caller takes them away."""
        return self._tally.commands

    @property
    def has_unlogged(self) -> bool:
        """Whether `flush` would add something."""
        return self._tally.has_unlogged

    def flush(self) -> None:
        """Puts the deltas counted so far into `commands`."""
        self._tally.flush()

    def _opened(self, event: Opened) -> None:
        self._tally.status = event.status

    def _ids(self, event: Started | IdsSeen) -> None:
        if is_longer(event.session, ID_BYTES) or is_longer(event.exchange, ID_BYTES):
            self._exceeded(Detail.TOO_LARGE)
            return
        if self.expected_session is not None and event.session not in {None, self.expected_session}:
            self.faithful = False
            if not self.deltas and not self._tally.has_unlogged:
                self.lost_session = True
                self._error(Detail.SESSION_LOST)
                return
        known = self._ids_said or (None, None)
        said = (event.session or known[0], event.exchange or known[1])
        if said == self._ids_said:
            self._tally.hear()
            return
        self._ids_said = said
        self._tally.single(
            ChunkKind.START,
            upstream_session=self._sealed(event.session, "upstream_session"),
            upstream_exchange=self._sealed(event.exchange, "upstream_exchange"),
        )

    def _sealed(self, upstream_id: str | None, purpose: str) -> Sealed | None:
        return None if upstream_id is None else self._seal.seal(upstream_id, purpose)

    def _reasoning(self, event: Reasoning) -> None:
        self._tally.count(ChunkKind.REASONING, event.text)
        self.replies.append(ReasoningDelta(event.text))

    def _say(self, text: str) -> None:
        self._texts.append(text)
        self.replies.append(TextDelta(text))

    def _read(self, pieces: list[Piece]) -> None:
        """What the recogniser made of text."""
        for piece in pieces:
            self._read_one(piece)
            self._heed_calls()
            if self.caused:
                return
        if self._reader is not None and self._reader.crowded:
            self._error(Detail.TOO_MANY)

    def _read_one(self, piece: Piece) -> None:
        match piece:
            case Plain(text) | FinalText(text):
                self._say(text)
            case CallBegan(index, name, given_id):
                self._tool_calls.began(index, name, given_id)
            case CallArguments(index, text):
                self._tool_calls.continued(index, text)
            case CallEnded(index):
                self._read_calls += 1
                self._tool_calls.became_whole(index)
            case Dropped():
                self._tool_calls.drop()
            case Broken(_, index):
                self._tool_calls.broke(_NOT_BEGUN if index is None else index)
                self._broken_at = len(self._texts)
            case _:
                assert_never(piece)

    def _heed_calls(self) -> None:
        """Takes what the calls give, for the client and for the log."""
        calls = self._tool_calls
        if calls.pieces:
            self.replies += calls.pieces
            calls.pieces = []
        if calls.events:
            self._tally.tell_calls(calls.events)
            self.called += [call.tool_call_id for call in calls.events]
            calls.events = []
        self.faithful = self.faithful and not calls.withheld
        if calls.too_many and not self.caused:
            self._error(Detail.TOO_MANY)

    def _tool_started(self, event: ToolInputStarted) -> None:
        if is_longer(event.call_id, CALL_ID_BYTES):
            self._exceeded(Detail.TOO_LARGE)
            return
        self._tally.count(ChunkKind.TOOL_INPUT, "")
        self._tool_calls.started(event)
        self._heed_calls()

    def _tool_delta(self, event: ToolInputDelta) -> None:
        self._tally.count(ChunkKind.TOOL_INPUT, event.text)
        self._tool_calls.delta(event)
        self._heed_calls()

    def _tool_available(self, event: ToolInputAvailable) -> None:
        if is_longer(event.call_id, CALL_ID_BYTES):
            self._exceeded(Detail.TOO_LARGE)
            return
        self._tally.count(
            ChunkKind.TOOL_INPUT, "" if self._tool_calls.has_text(event.call_id) else event.arguments
        )
        self._tool_calls.available(event)
        self._heed_calls()

    def _tool_broken(self, event: ToolInputBroken) -> None:
        if is_longer(event.call_id, CALL_ID_BYTES):
            self._exceeded(Detail.TOO_LARGE)
            return
        broken = self._tool_calls.broken
        self._tool_calls.failed(event.call_id, event.name)
        if self._tool_calls.broken > broken:
            self._broken_at = len(self._texts)
        self._heed_calls()
        self._hidden(event)

    def _tool_ran(self, event: ToolOutputSeen) -> None:
        self._tool_calls.was_run(event.call_id)
        self._heed_calls()
        self._hidden(event)

    def _step_finished(self, event: StepFinished) -> None:
        self._tool_calls.step_ended()
        self._skip_one(event)

    def _usage_seen(self, event: UsageSeen) -> None:
        self._tally.hear()
        self._usage = event.usage

    def _skip(self, event: Skipped) -> None:
        self._tally.skip(event.frames)

    def _skip_one(self, _: UpstreamEvent) -> None:
        self._tally.skip()

    def _hidden(self, event: UpstreamEvent) -> None:
        """The site keeps something that the client never sees."""
        self.faithful = False
        self._skip_one(event)

    def _finished(self, event: Finished) -> None:
        if event.reason == "error":
            self._failed(Failed("the upstream ended with an error"))
            return
        if self._reader is not None:
            self._read(self._reader.end())
            if self.caused:
                return
            if self._read_calls and self._read_calls != strict_calls("".join(self._raw)):
                self.faithful = False  # repaired: what the site holds is not what the client got
        calls = self._tool_calls
        calls.close()
        self._heed_calls()
        due = calls.count and not calls.shown_half
        if not due:
            self._apologise()
        reason = _FINISHES.get(event.reason or "")
        if reason in {None, FinishReason.STOP}:
            reason = FinishReason.TOOL_CALLS if due else FinishReason.STOP
        self._tally.single(ChunkKind.FINISH, finish_reason=reason, detail=self._remark(), usage=self._usage)
        self.caused = self.finished = True

    def _apologise(self) -> None:
        """Where a call broke, or calls were dropped, and the site said nothing more."""
        if self._broken_at is not None:
            if not "".join(self._texts[self._broken_at :]).strip():
                self._say(APOLOGY)
        elif self._tool_calls.dropped and not "".join(self._texts).strip():
            self._say(NOT_THERE)

    def _remark(self) -> str | None:
        """What a good ending hides."""
        if self._tool_calls.broken:
            return Detail.BROKEN_CALL.value
        return Detail.DROPPED_CALL.value if self._tool_calls.dropped else None

    def _failed(self, event: Failed) -> None:
        self.upstream_says = event.message
        self._error(Detail.ERROR_FRAME)

    def _aborted(self, _: AbortedByUpstream) -> None:
        self._error(Detail.ABORTED)

    def _exceeded(self, detail: Detail) -> None:
        """The site is over a bound: nothing of what passed it is kept."""
        self.upstream_says = _EXCEEDED[detail]
        self._error(detail)

    def _error(self, detail: Detail) -> None:
        self.caused = True
        self._tool_calls.rest()
        self._heed_calls()
        self._tally.single(
            ChunkKind.ERROR, cause=EndReason.UPSTREAM_ERROR, detail=detail.value, usage=self._usage
        )

    _HANDLERS: Final[dict[type[Any], Callable[["Translation", Any], None]]] = {
        Opened: _opened,
        Started: _ids,
        IdsSeen: _ids,
        Reasoning: _reasoning,
        ToolInputStarted: _tool_started,
        ToolInputDelta: _tool_delta,
        ToolInputAvailable: _tool_available,
        ToolInputBroken: _tool_broken,
        ToolOutputSeen: _tool_ran,
        StepFinished: _step_finished,
        UsageSeen: _usage_seen,
        Skipped: _skip,
        Finished: _finished,
        Failed: _failed,
        AbortedByUpstream: _aborted,
    }
