"""The events of one run: what they say of its answer, and how it ended. Pure.

A part is told of each time it changes, always whole, and its pieces come before that as deltas. Each character leaves once:
of a whole text only what no delta has told leaves. The prompt is told of as well, as a message of the user's, and does not
leave. A run is over once its session is idle. The session is told to be idle twice, in the same millisecond as the answer's
last part and some 20 ms later.
"""

from collections.abc import Iterable
from typing import Final

from attrs import define, field

from mix2api.events.kinds import Usage
from mix2api.upstreams.http import faults
from mix2api.upstreams.opencode.events import (
    ASKING,
    Info,
    Part,
    Properties,
    RuntimeEvent,
    RuntimeFault,
    Tokens,
)
from mix2api.upstreams.port import (
    AbortedByUpstream,
    Failed,
    Finished,
    Reasoning,
    RuntimeToolRan,
    StepFinished,
    Text,
    UpstreamEvent,
    UpstreamFault,
    UsageSeen,
)
from mix2api.upstreams.site_errors import SiteError, failed, refusal
from mix2api.vocabulary import Detail, EndReason

_STATUS: Final = 204
"""Of the prompt's answer."""
_SAYING: Final[dict[str, type[Text] | type[Reasoning]]] = {"text": Text, "reasoning": Reasoning}
_TOOL_OVER: Final = frozenset({"completed", "error"})


@define(eq=False)
class RunTranscript:
    """One run's.

    Args:
        shows_tools: the runtime's own tool runs are told as reasoning (`OPENCODE_SHOW_TOOLS`).
    """

    shows_tools: bool = False
    asked: list[tuple[str, str]] = field(factory=list, init=False)
    """What is to be answered (`permission` or `question`, and its id); whoever answers empties it."""
    done: bool = field(default=False, init=False)
    """The run is over, or failed."""
    fault: UpstreamFault | None = field(default=None, init=False)
    """To be raised once the events before it are delivered."""
    _answers: set[str] = field(factory=set, init=False)
    """Messages of the assistant's."""
    _said: dict[str, int] = field(factory=dict, init=False)
    """Part -> characters of it that have left."""
    _kinds: dict[str, str] = field(factory=dict, init=False)
    _whole_only: set[str] = field(factory=set, init=False)
    """Parts whose deltas are passed over."""
    _steps: dict[str, Tokens] = field(factory=dict, init=False)
    """Steps that are over, by their part."""
    _tools_over: set[str] = field(factory=set, init=False)
    _failure: RuntimeFault | None = field(default=None, init=False)
    _finish: str | None = field(default=None, init=False)

    def add(self, events: Iterable[RuntimeEvent]) -> list[UpstreamEvent]:
        """Takes events and gives what they say; what follows the end of the run is not read."""
        told: list[UpstreamEvent] = []
        for event in events:
            if self.done:
                break
            self._take(event, told)
        return told

    def look(self, messages: Iterable[RuntimeEvent]) -> list[UpstreamEvent]:
        """Takes what the session's messages say, where events were missed; gives what of it is new.

        Deltas do not say where in the text they stand. So those of a part that may have been missed, or that the messages
        may have told of already, are passed over from here on, and its whole text decides.
        """
        told = self.add(messages)
        self._whole_only |= self._kinds.keys()
        return told

    @property
    def has_begun(self) -> bool:
        """Whether an answer is known."""
        return bool(self._answers)

    def idle(self) -> list[UpstreamEvent]:
        """The session does nothing any more: gives the ending, or has a fault."""
        if self.done:
            return []
        self.done = True
        if self._failure is not None:
            return self._failed(self._failure)
        if not self._answers:
            self.fault = faults.truncated(_STATUS)
            return []
        return [*self._usage(), Finished(self._finish)]

    def _take(self, event: RuntimeEvent, told: list[UpstreamEvent]) -> None:
        said = event.said
        match event.type:
            case "message.part.delta":
                self._delta(said, told)
            case "message.part.updated" if said.part is not None:
                self._part(said.part, told)
            case "message.updated" if said.info is not None:
                self._message(said.info)
            case "session.error" if said.error is not None:
                self._failure = self._failure or said.error
            case "permission.asked" | "question.asked" if said.id:
                self.asked.append((ASKING[event.type], said.id))
            case "session.idle":
                self._rested(told)
            case "session.status" if said.status and said.status.type == "idle":
                self._rested(told)

    def _rested(self, told: list[UpstreamEvent]) -> None:
        """An idle session that has said nothing may not have begun: the watch is armed before the prompt."""
        if self._answers or self._failure is not None:
            told += self.idle()

    def _message(self, info: Info) -> None:
        if info.role != "assistant":
            return
        self._answers.add(info.id)
        self._finish = info.finish or self._finish
        self._failure = self._failure or info.error

    def _delta(self, said: Properties, told: list[UpstreamEvent]) -> None:
        if said.part_id in self._whole_only:
            return
        kind = self._kinds.get(said.part_id)
        if kind is not None and said.field_name == "text" and said.delta:
            self._said[said.part_id] += len(said.delta)
            told.append(_SAYING[kind](said.delta))

    def _part(self, part: Part, told: list[UpstreamEvent]) -> None:
        if part.message not in self._answers or part.ignored:
            return
        if part.type in _SAYING:
            self._kinds[part.id] = part.type
            before = self._said.setdefault(part.id, 0)
            if len(part.text) > before:
                self._said[part.id] = len(part.text)
                told.append(_SAYING[part.type](part.text[before:]))
        elif part.type == "tool" and part.state.status in _TOOL_OVER:
            self._tool(part, told)
        elif part.type == "step-finish" and part.id not in self._steps:
            self._steps[part.id] = part.tokens or Tokens()
            self._finish = part.reason or self._finish
            told.append(StepFinished())

    def _tool(self, part: Part, told: list[UpstreamEvent]) -> None:
        if part.id in self._tools_over:
            return
        self._tools_over.add(part.id)
        told.append(RuntimeToolRan())
        if self.shows_tools:
            told.append(Reasoning(f"\n[{part.tool}: {part.state.status}]\n"))

    def _usage(self) -> list[UpstreamEvent]:
        """The tokens of all steps together: each of them was asked of the model."""
        steps = self._steps.values()
        if not steps:
            return []
        prompt = sum(int(step.input + step.cache.read + step.cache.write) for step in steps)
        reasoning = sum(int(step.reasoning) for step in steps)
        completion = sum(int(step.output) for step in steps) + reasoning
        usage = Usage(
            prompt_tokens=prompt,
            completion_tokens=completion,
            total_tokens=prompt + completion,
            reasoning_tokens=reasoning,
            cached_tokens=sum(int(step.cache.read) for step in steps),
        )
        return [UsageSeen(usage)]

    def _failed(self, failure: RuntimeFault) -> list[UpstreamEvent]:
        """An error of the runtime, by its class."""
        match failure.name:
            case "MessageAbortedError":
                return [*self._usage(), AbortedByUpstream()]
            case "MessageOutputLengthError":
                return [*self._usage(), Finished("length")]
            case "ContentFilterError":
                return [*self._usage(), Finished("content-filter")]
            case "ContextOverflowError":
                return [Failed(failure.data.message, Detail.CONTEXT_LENGTH)]
            case "ProviderAuthError":
                self.fault = UpstreamFault(
                    EndReason.UPSTREAM_AUTH_ERROR, Detail.STATUS, failure.data.message, status=None
                )
                return []
        error = failed(SiteError(failure.data.message, failure.data.status))
        if error.status is None:
            return [error]
        self.fault = refusal(error, error.status, started=bool(self._said))
        return []
