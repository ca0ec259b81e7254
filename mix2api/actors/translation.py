"""An upstream's events as replies for the client and as entries for the log. No I/O.

Deltas leave as they come; for the log the frames of one kind are counted together until `flush` or another kind.
This is the hot path: one call per socket read, one turn of a loop per frame. Three cases:

- Text of a site with native tools, and of a conversation without any, goes straight to the client, behind thought that it
  may begin with.
- Where a site has no native tools, its text goes through a reader of calls first (`mix2api.actors.calls_in_text`).
- Every other event has a method of its own (`_HANDLERS`).

What is more work than one turn of the event loop may do is left, and done in portions (`go_on`).
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

from mix2api.actors.answer import Answer
from mix2api.actors.calls_in_text import CallsInText
from mix2api.actors.chunk_tally import ChunkTally, is_longer
from mix2api.actors.phase import Phase
from mix2api.actors.portions import EVENT_WORK, EVENTS, PORTION, TEXT_WORK, is_little_to_read, portions
from mix2api.actors.site_bounds import ANSWER_BYTES, CALL_ID_BYTES, EXCEEDED, ID_BYTES
from mix2api.actors.tool_calls import CallRules, ToolCalls
from mix2api.budget.usage import ReportedUsage
from mix2api.events.kinds import Usage
from mix2api.sealing import Seal
from mix2api.sessions.worker_port import TextDelta
from mix2api.tools.text.pieces import CallReader
from mix2api.upstreams.finish_reasons import finish_of, is_known
from mix2api.upstreams.port import (
    AbortedByUpstream,
    Failed,
    Finished,
    IdsSeen,
    Opened,
    Reasoning,
    Relayed,
    RuntimeToolRan,
    Served,
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
from mix2api.wire.passed_on import PassedOn


class Translation:
    """One run's.

    Args:
        run_id: whose.
        seal: for digests and the site's ids.
        rules: gives what may be called; asked once the site makes a call.
        at_ms: milliseconds since the run began.
        reader: of calls in the text; None where there are none to be read.
        answer_bytes: UTF-8 bytes of content that the answer may have.
    """

    def __init__(
        self,
        run_id: RunId,
        seal: Seal,
        rules: Callable[[], CallRules],
        at_ms: Callable[[], int],
        reader: CallReader | None = None,
        answer_bytes: int = ANSWER_BYTES,
    ) -> None:
        self._seal = seal
        self.tally = ChunkTally(run_id, at_ms, answer_bytes)
        """What is for the log."""
        self.answer = Answer(self.tally, partial(_begin_calls, run_id, seal, rules))
        """What is for the client."""
        self.phase = Phase.OPEN
        self.expected_session: str | None = None
        """The site's session that the call continues; an answer under another one has lost it."""
        self.upstream_says = ""
        """The text of an `error` frame, for the client only."""
        self.account: str | None = None
        """The account that serves the run, where the upstream is a pool."""
        self.deltas = 0
        """Pieces that went to the client."""
        self._in_text = None if reader is None else CallsInText(reader, self.answer)
        self._ids_said: tuple[str | None, str | None] | None = None
        self._usage: Usage | None = None
        self.reported: ReportedUsage | None = None
        """The site's last word on tokens."""
        self._rest: Iterator[None] | None = None
        """What is left of a batch that is too much work for one turn of the loop."""

    def take(self, batch: list[UpstreamEvent]) -> bool:
        """Translates a batch; of much work the first portion.

        Returns:
            Whether work is left: the caller takes away what there is, lets other tasks run, and asks for `go_on`.
        """
        if self._in_text is not None and Text in map(type, batch):
            return self._take_read(batch)
        answer, handled = self.answer, 0
        before = len(answer.replies)
        events = iter(batch)
        while self.phase is Phase.OPEN:  # what follows its own ending is not the answer's
            texts, other = [], None
            for event in events:
                if type(event) is not Text:
                    other = event
                    break
                texts.append(event.text)
            if texts:  # those that follow one another are counted together, and told one by one
                self.tally.count(ChunkKind.TEXT, "".join(texts), len(texts))
                answer.texts += texts
                answer.replies += map(TextDelta, texts)
            if other is None:
                break
            self._HANDLERS[type(other)](self, other)
            handled += 1
            if handled >= EVENTS and self.phase is Phase.OPEN:
                self._rest = portions(self._worked(events), self._is_over)
                break
        self.deltas += len(answer.replies) - before
        return (self._rest is not None or self.tally.excess is not None) and self._is_left()

    def _take_read(self, batch: list[UpstreamEvent]) -> bool:
        """The same where the text is read for calls."""
        steps = self._worked(iter(batch))
        if not is_little_to_read(batch):
            self._rest = portions(steps, self._is_over)
            return self.go_on()
        before = len(self.answer.replies)
        for _ in steps:
            if self.phase is not Phase.OPEN:
                break
        self.deltas += len(self.answer.replies) - before
        return self._is_left()

    def go_on(self) -> bool:
        """The next portion of the last batch; gives whether work is left."""
        before = len(self.answer.replies)
        if self._rest is None or next(self._rest, self) is self:
            self._rest = None
        self.deltas += len(self.answer.replies) - before
        return self._is_left()

    def let_go(self) -> None:
        """Nothing more of the last batch is wanted; without this its rest and the translation would hold each other."""
        self._rest = None

    def _is_left(self) -> bool:
        """Whether the batch has a rest. Ends the run if the answer is over a bound by now, and the batch with the run.

        A reader that is done with the answer is let go here: what follows goes straight to the client.
        """
        if self._in_text is not None and self._in_text.done:
            self._in_text = None
        if self.tally.excess is not None and self.phase is Phase.OPEN:
            self._exceeded(self.tally.excess)
        if self.phase is not Phase.OPEN:
            self._rest = None
        return self._rest is not None

    def _is_over(self) -> bool:
        return self.phase is not Phase.OPEN

    def _worked(self, events: Iterator[UpstreamEvent]) -> Iterator[int]:
        """Translates a batch step by step, and says how much work each step was."""
        in_text = self._in_text
        for event in events:
            if type(event) is not Text:
                self._HANDLERS[type(event)](self, event)
                yield EVENT_WORK
                continue
            text = event.text
            self.tally.count(ChunkKind.TEXT, text)
            if in_text is None or in_text.done:
                self.answer.say(text)
                yield TEXT_WORK
                continue
            in_text.note(text)
            for start in range(0, len(text), PORTION):
                part = text[start : start + PORTION]
                if not in_text.feed(part):
                    self._error(Detail.TOO_MANY)
                elif in_text.stopped:
                    self._close(None)
                yield len(part)

    # --- what is neither text nor call

    def _opened(self, event: Opened) -> None:
        self.tally.status = event.status

    def _served(self, event: Served) -> None:
        self.tally.account, self.tally.account_why = event.account, event.why
        self.account = event.account

    def _ids(self, event: Started | IdsSeen) -> None:
        if is_longer(event.session, ID_BYTES) or is_longer(event.exchange, ID_BYTES):
            self._exceeded(Detail.TOO_LARGE)
            return
        if self.expected_session is not None and event.session not in {None, self.expected_session}:
            self.answer.faithful = False
            if not self.deltas and self.tally.kind is None:
                self._error(Detail.SESSION_LOST)
                self.phase = Phase.LOST
                return
        known = self._ids_said or (None, None)
        said = (event.session or known[0], event.exchange or known[1])
        if said == self._ids_said:
            self.tally.hear()
            return
        self._ids_said = said
        self.tally.single(
            ChunkKind.START,
            upstream_session=self._sealed(event.session, "upstream_session"),
            upstream_exchange=self._sealed(event.exchange, "upstream_exchange"),
        )

    def _sealed(self, upstream_id: str | None, purpose: str) -> Sealed | None:
        return None if upstream_id is None else self._seal.seal(upstream_id, purpose)

    def _reasoning(self, event: Reasoning) -> None:
        self.tally.count(ChunkKind.REASONING, event.text)
        self.answer.think(event.text)

    def _usage_seen(self, event: UsageSeen) -> None:
        self.tally.hear()
        self._usage = event.usage
        usage = event.usage
        self.reported = event.reported or ReportedUsage(
            prompt=usage.prompt_tokens,
            completion=usage.completion_tokens,
            total=usage.total_tokens,
            reasoning=usage.reasoning_tokens
            or None,  # none told, or none thought: then there is nothing to count
            cached=usage.cached_tokens,
        )

    def _passed_on(self, event: PassedOn) -> None:
        self.tally.pass_on(event.size)
        self.answer.replies.append(event)

    def _relayed(self, event: Relayed) -> None:
        if event.kind is None:
            self.tally.pass_on(len(event.data))
        else:
            self.tally.count(event.kind, event.text, event.count)
            if event.kind is ChunkKind.TEXT:
                self.answer.texts.append(event.text)
        self.answer.replies.append(PassedOn(event={event.type: event.data}, count=event.count))
        self.deltas += event.count - 1  # the reply itself is counted with the batch

    def _skip(self, event: Skipped) -> None:
        self.tally.hear(event.frames, skipped=event.frames)

    def _hidden(self) -> None:
        """The site keeps something that the client never sees."""
        self.answer.faithful = False
        self.tally.skip()

    # --- native calls

    def _tool_started(self, event: ToolInputStarted) -> None:
        if self._is_id_too_long(event.call_id):
            return
        self.tally.count(ChunkKind.TOOL_INPUT, "")
        self.answer.begun_calls().started(event)
        self._heed_calls()

    def _tool_delta(self, event: ToolInputDelta) -> None:
        self.tally.count(ChunkKind.TOOL_INPUT, event.text)
        self.answer.begun_calls().delta(event)
        self._heed_calls()

    def _tool_available(self, event: ToolInputAvailable) -> None:
        if self._is_id_too_long(event.call_id):
            return
        calls = self.answer.begun_calls()
        self.tally.count(ChunkKind.TOOL_INPUT, event.arguments[calls.told_chars(event.call_id) :])
        calls.available(event)
        if calls.belied:
            self._belied()
        else:
            self._heed_calls()

    def _tool_broken(self, event: ToolInputBroken) -> None:
        if self._is_id_too_long(event.call_id):
            return
        calls = self.answer.begun_calls()
        broken = calls.broken
        calls.failed(event.call_id, event.name)
        if calls.broken > broken:
            self.answer.broken_at = len(self.answer.texts)
        self._heed_calls()
        self._hidden()

    def _tool_ran(self, event: ToolOutputSeen) -> None:
        self.answer.begun_calls().was_run(event.call_id)
        self._heed_calls()
        self._hidden()

    def _step_finished(self, _: StepFinished) -> None:
        if self.answer.calls is not None:
            self.answer.calls.step_ended()
        self.tally.skip()

    def _is_id_too_long(self, call_id: str) -> bool:
        if not is_longer(call_id, CALL_ID_BYTES):
            return False
        self._exceeded(Detail.TOO_LARGE)
        return True

    def _heed_calls(self) -> None:
        if not self.answer.heed_calls() and self.phase is Phase.OPEN:
            self._error(Detail.TOO_MANY)

    # --- the ending

    def _finished(self, event: Finished) -> None:
        if event.reason == "error":
            self._failed(Failed("the upstream ended with an error"))
            return
        if self._in_text is not None and not self._in_text.end():
            self._error(Detail.TOO_MANY)
            return
        self._close(event.reason)

    def _close(self, said: str | None) -> None:
        """The answer is over and good, unless a call in it was cut.

        Args:
            said: why, by the site; None where it gave no reason, or was not asked because the caller's `stop` ends the answer.
        """
        if not self.answer.cut():
            self._belied()
            return
        due = self.answer.close()
        reason = finish_of(said)
        if reason in {None, FinishReason.STOP}:
            reason = FinishReason.TOOL_CALLS if due else FinishReason.STOP
        detail = self.answer.remark() or (None if is_known(said) else Detail.UNKNOWN_FINISH.value)
        self.tally.single(ChunkKind.FINISH, finish_reason=reason, detail=detail, usage=self._usage)
        self.phase = Phase.FINISHED

    def _failed(self, event: Failed) -> None:
        self.upstream_says = event.message
        self._error(event.detail)

    def _aborted(self, _: AbortedByUpstream) -> None:
        self._error(Detail.ABORTED)

    def _belied(self) -> None:
        """The client has seen a piece of a call that is none: it may act on what it has, unless it is told."""
        self.upstream_says = "it broke off within a tool call"
        self._error(Detail.BROKEN_CALL)

    def _exceeded(self, detail: Detail) -> None:
        """The site is over a bound: nothing of what passed it is kept."""
        self.upstream_says = EXCEEDED[detail]
        self._error(detail)

    def _error(self, detail: Detail) -> None:
        self.phase = Phase.FAILED
        self.answer.rest()
        self.tally.single(
            ChunkKind.ERROR, cause=EndReason.UPSTREAM_ERROR, detail=detail.value, usage=self._usage
        )

    _HANDLERS: Final[dict[type[Any], Callable[["Translation", Any], None]]] = {
        Opened: _opened,
        Served: _served,
        Started: _ids,
        IdsSeen: _ids,
        Reasoning: _reasoning,
        ToolInputStarted: _tool_started,
        ToolInputDelta: _tool_delta,
        ToolInputAvailable: _tool_available,
        ToolInputBroken: _tool_broken,
        ToolOutputSeen: _tool_ran,
        RuntimeToolRan: lambda self, _: self.tally.run_tool(),
        StepFinished: _step_finished,
        UsageSeen: _usage_seen,
        PassedOn: _passed_on,
        Relayed: _relayed,
        Skipped: _skip,
        Finished: _finished,
        Failed: _failed,
        AbortedByUpstream: _aborted,
    }


def _begin_calls(run_id: RunId, seal: Seal, rules: Callable[[], CallRules]) -> ToolCalls:
    return ToolCalls(run_id, seal, rules())
