"""A stream of Chat Completions: its events, and how it ended. Pure.

The stream is *closed* once a chunk has given a `finish_reason`. The finish itself is told when `[DONE]` has come or the body
is over, because the usage follows in a chunk of its own. A stream that ends without a `finish_reason` was cut, also where
it says `[DONE]`: gateways write that after a dead stream, too.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from mix2api.upstreams.damage import NOT_JSON
from mix2api.upstreams.http import faults
from mix2api.upstreams.idle_frames import says_nothing
from mix2api.upstreams.openai.calls import CallDeltas
from mix2api.upstreams.openai.chunks import (
    Chunk,
    Delta,
    MalformedChunk,
    around_content,
    around_text,
    chunk_in,
    decoded,
    text_chunk_in,
)
from mix2api.upstreams.port import (
    Finished,
    Reasoning,
    Skipped,
    Text,
    UpstreamEvent,
    UpstreamFault,
)
from mix2api.upstreams.site_errors import failed, refusal, words_of
from mix2api.upstreams.usage import usage_seen
from mix2api.wire.passed_on import PassedOn

_DONE: Final = b"[DONE]"
_ONE_SKIPPED: Final = Skipped(1)
_NO_PAYLOAD: Final = b"\n"
"""What no payload begins with."""
_LESSONS: Final = 8
"""How often it is learned what stands around texts. Where that is another thing around each, as a padding is, texts cost less
without."""
_string: Final = msgspec.json.Decoder(str).decode


class ChatTranscript:
    """The chunks of one answer, in order.

    Args:
        status: of the answer, for faults.
        session_known: never, with this kind.
    """

    __slots__ = (
        "_about",
        "_about_told",
        "_calls",
        "_finish",
        "_head",
        "_lessons",
        "_named",
        "_spoke",
        "_tail",
        "closed",
        "done",
        "fault",
        "status",
    )

    def __init__(self, status: int, *, session_known: bool = False) -> None:
        del session_known
        self.status = status
        self._about: dict[str, str] = {}
        """Fields of the chunks themselves that the client is still to be told."""
        self._about_told: dict[str, str] = {}
        self._named: tuple[str | None, str | None] | None = None
        """The fingerprint and the tier of a chunk that told the client nothing new about itself. None: look again."""
        self._calls: CallDeltas | None = None
        self._finish: str | None = None
        self._spoke = False
        self._head = self._tail = _NO_PAYLOAD
        """What stood around the last text: a payload with the same around it is nothing but a text."""
        self._lessons = _LESSONS
        self.closed = False
        """A `finish_reason` came, or an error; nothing more is owed."""
        self.done = False
        """`[DONE]` came, or a fault: nothing more is read."""
        self.fault: UpstreamFault | None = None
        """To be raised once the events before it are delivered."""

    def add(self, payloads: Sequence[bytes]) -> list[UpstreamEvent]:
        """Takes whole frames and gives their events; what follows `[DONE]` or a fault is not read."""
        events = self._leading_texts(payloads)
        for payload in payloads[len(events) :]:
            if not self._take_text(payload, events):
                self._take(payload, events)
                if self.done:
                    break
        return events

    def _leading_texts(self, payloads: Sequence[bytes]) -> list[UpstreamEvent]:
        """The pieces of text that frames begin with, once it is known what stands around a text: nearly always all of them."""
        head, tail = self._head, self._tail
        start, stop = len(head), -len(tail)
        texts: list[UpstreamEvent] = []
        try:
            for payload in payloads:
                if not (payload.startswith(head) and payload.endswith(tail)):
                    break
                text = _string(payload[start:stop])
                if not text:
                    break
                texts.append(Text(text))
        except NOT_JSON:
            return texts  # read as a whole chunk, which has the word on it
        return texts

    def _take_text(self, payload: bytes, events: list[UpstreamEvent]) -> bool:
        """Adds a text; False: the chunk may say something else, and is to be read as a whole."""
        try:
            said = text_chunk_in(payload)
        except NOT_JSON:
            return False
        text = said.choices[0].delta.content
        named = said.system_fingerprint, said.service_tier
        if not text or (named != self._named and (self._about or self._news_in(said.about()))):
            return False
        self._named = named
        self._spoke = True
        events.append(Text(text))
        if self._lessons:
            self._lessons -= 1
            self._head, self._tail = around_content(payload) or (self._head, self._tail)
        return True

    def _take(self, payload: bytes, events: list[UpstreamEvent]) -> None:
        """Adds what one frame says."""
        if payload == _DONE:
            events += self.body_ended()
            return
        try:
            chunk = chunk_in(payload)
        except MalformedChunk:
            if says_nothing(payload):
                events.append(_ONE_SKIPPED)
            else:
                self._fail(faults.protocol("the upstream sent a frame that cannot be read", self.status))
            return
        if chunk.error:
            self._failed(payload, events)
            return
        self._say(chunk, events)
        if chunk.delta.content and (around := around_text(payload, chunk)) is not None:
            self._head, self._tail = around

    def body_ended(self) -> list[UpstreamEvent]:
        """The body is over: gives the finish, or has a fault if there was none."""
        if self.done:
            return []
        self.done = True
        if self.closed:
            calls = [] if self._calls is None else self._calls.end()
            return [*self._aboutness(), *calls, Finished(self._finish)]
        self._fail(faults.truncated(self.status))
        return []

    def _say(self, chunk: Chunk, events: list[UpstreamEvent]) -> None:
        """Adds what a chunk says, in the order in which its fields matter to a reader."""
        before = len(events)
        if chunk.about:
            self._note(chunk.about)
        self._content(chunk.delta, events)
        if chunk.passed_on is not None:
            events.append(chunk.passed_on)
        if len(events) > before:
            self._spoke = True
            if self._about:
                events[before:before] = self._aboutness()
        if bytes(chunk.usage) and (usage := usage_seen(chunk.usage)) is not None:
            events.append(usage)
        if chunk.finish_reason is not None:
            self.closed = True
            self._finish = chunk.finish_reason
        if len(events) == before:
            events.append(_ONE_SKIPPED)

    def _content(self, delta: Delta, events: list[UpstreamEvent]) -> None:
        if thought := delta.reasoning_content or delta.reasoning:
            events.append(Reasoning(thought))
        if delta.content:
            events.append(Text(delta.content))
        if delta.tool_calls:
            if self._calls is None:
                self._calls = CallDeltas()
            events += self._calls.events(delta.tool_calls)

    def _note(self, about: dict[str, str]) -> None:
        """Keeps what is new about the chunks until there is content: a status line leaves with the first field."""
        new = self._news_in(about)
        if new:
            self._about |= new
            self._about_told |= new
            self._named = None

    def _news_in(self, about: dict[str, str]) -> dict[str, str]:
        return {name: text for name, text in about.items() if self._about_told.get(name) != text}

    def _aboutness(self) -> list[UpstreamEvent]:
        about, self._about = self._about, {}
        return [PassedOn(chunk=about)] if about else []

    def _failed(self, payload: bytes, events: list[UpstreamEvent]) -> None:
        """An error stands in the stream, or something that is no chunk."""
        said = decoded(payload)
        if not isinstance(said, dict):
            self._fail(faults.protocol("the upstream sent a frame that cannot be read", self.status))
            return
        failure = failed(words_of(said))
        if failure.status is not None:
            self._fail(refusal(failure, failure.status, started=self._spoke))
            return
        self.closed = self.done = True
        events.append(failure)

    def _fail(self, fault: UpstreamFault) -> None:
        self.fault = fault
        self.done = True
