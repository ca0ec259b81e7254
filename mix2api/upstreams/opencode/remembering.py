"""What a client session remembers between its runs: a request that brings no history gets its transcript (ADR 106).

A run that ends well leaves the history that it had, with the user's words and the answer. A run that fails leaves the
transcript as it was. Where the words are not there, the request is refused: an answer without its history would look like one
that forgot.
"""

from collections.abc import Callable, Iterable
from typing import Final

import msgspec
from attrs import define, evolve, field, frozen

from mix2api.clock import Clock, SystemClock
from mix2api.errors import StoreUnavailable
from mix2api.sessions.transcripts import Said, Transcript, Transcripts, Unkept
from mix2api.upstreams.opencode.prompt import borders, words_of
from mix2api.upstreams.port import Finished, Text, UpstreamCall, UpstreamEvent, UpstreamFault
from mix2api.upstreams.surroundings import Remark
from mix2api.vocabulary import Detail, Digest, EndReason
from mix2api.wire.stop_sequences import StopSequences, stops_of
from mix2api.wire.turn import Message

_UNKEPT_S: Final = 86_400
"""For how long it is known that a line has had turns whose words are not kept: as long as a client session is known."""
_BEHIND: Final = 10_000
"""Lines of which this process remembers that their last answer was not written: 1 MB of digests, for a long outage."""
_WHY: Final = {
    Unkept.OFF: "its words are not kept here (OPENCODE_TRANSCRIPT_TTL_S is 0)",
    Unkept.FULL: "its words are more than is kept here (OPENCODE_TRANSCRIPT_BYTES)",
    Unkept.DAMAGED: "its words cannot be read any more",
    Unkept.BEHIND: "its last answer could not be written down",
}
_UNWRITTEN: Final = Transcript(unkept=Unkept.BEHIND)
_REMEDY: Final = "; send the whole history in `messages`, or begin another client session"
_encode: Final = msgspec.json.Encoder().encode


@frozen(kw_only=True)
class Bounds:
    """What a deployment keeps."""

    ttl_s: int = 86_400
    """`OPENCODE_TRANSCRIPT_TTL_S`; 0: no words."""
    bytes: int = 1_048_576
    """`OPENCODE_TRANSCRIPT_BYTES`: of one transcript."""


@define(eq=False)
class Memory:
    """One process's.

    Args:
        store: where all processes look.
        bounds: what is kept.
        tell: told where a transcript could not be written.
        clock: tells which transcripts are newer than an answer that could not be written.
    """

    _store: Transcripts
    _bounds: Bounds
    _tell: Callable[[Remark], None]
    _clock: Clock = field(factory=SystemClock)
    _behind: dict[Digest, int] = field(factory=dict, init=False)
    """Lines whose last answer of this process was not written -> Unix time of that answer, in ms."""

    async def recalled(self, call: UpstreamCall) -> UpstreamCall:
        """The call with its history, where it brings none and its client session has one.

        Raises:
            UpstreamFault: there have been turns, and their words are not there; or the store is away.
        """
        leading, last = borders(call.messages)
        if call.line is None or leading < last:
            return call
        try:
            found = await self._store.find(call.line)
        except StoreUnavailable:
            raise _refused(EndReason.UNAVAILABLE, "the client session's words cannot be read now") from None
        if self._is_behind(call.line, found):
            found = _UNWRITTEN
        if found is None:
            return call
        if found.unkept is not None:
            raise _refused(EndReason.INVALID_REQUEST, _WHY[found.unkept])
        history = [Message(role=said.role, content=said.words) for said in found.said]
        return evolve(call, messages=[*call.messages[:leading], *history, *call.messages[leading:]])

    def listener(self, call: UpstreamCall) -> "Listener":
        """Hears the answer to a recalled call."""
        return Listener(self, call, self._bounds.bytes)

    async def keep(self, line: Digest, said: tuple[Said, ...] | None) -> None:
        """A turn of a line went well.

        Args:
            line: whose it is.
            said: all that was said; None: it is more than may be kept.
        """
        bounds, now_ms = self._bounds, self._clock.now_ms()
        kept = _kept(said, bounds, now_ms)
        unkept = Transcript(unkept=Unkept.FULL if bounds.ttl_s else Unkept.OFF, at_ms=now_ms)
        ttl_s = bounds.ttl_s if kept is not None else max(bounds.ttl_s, _UNKEPT_S)
        try:
            await self._store.keep(line, _encode(unkept) if kept is None else kept, ttl_s)
        except StoreUnavailable:
            self._behind.pop(line, None)
            self._behind[line] = now_ms
            if len(self._behind) > _BEHIND:
                del self._behind[next(iter(self._behind))]
            self._tell(Remark(event="runtime.unrecorded", facts={"step": "transcript"}))
        else:
            self._behind.pop(line, None)

    def _is_behind(self, line: Digest, found: Transcript | None) -> bool:
        """Whether the line's last answer is not in the transcript. One that another process wrote since is of a later turn."""
        unwritten_ms = self._behind.get(line)
        if unwritten_ms is None:
            return False
        if found is None or found.at_ms <= unwritten_ms:
            return True
        del self._behind[line]
        return False


@define(eq=False)
class Listener:
    """Hears one answer, and has it kept before the client learns that it is whole.

    The answer ends where the runtime says so, or before the caller's `stop`, as it does for the client.

    Args:
        memory: where it is kept.
        call: what was put, with its history.
        limit: of a transcript, in bytes.
    """

    _memory: Memory
    _call: UpstreamCall
    _limit: int
    _pieces: list[str] = field(factory=list, init=False)
    _characters: int = field(default=0, init=False)
    _stops: StopSequences | None = field(init=False)
    _is_over: bool = field(default=False, init=False)

    @_stops.default
    def _own_stops(self) -> StopSequences | None:
        stops = stops_of(self._call.turn.sampling.get("stop"))
        return StopSequences(stops) if stops else None

    async def hear(self, events: Iterable[UpstreamEvent]) -> None:
        """Takes a batch. Of the batch that ends the answer it returns once the transcript is kept."""
        if self._call.line is None:
            return
        stops = self._stops
        for event in events:
            if self._is_over:
                return
            if isinstance(event, Text):
                self._take(event.text if stops is None else stops.feed(event.text))
            elif isinstance(event, Finished) and stops is not None:
                self._take(stops.release())
            if isinstance(event, Finished) or (stops is not None and stops.met):
                self._is_over = True
                await self._memory.keep(self._call.line, self._said())

    def _take(self, text: str) -> None:
        """A piece of the answer. What is more than may be kept is counted only."""
        if self._characters <= self._limit:
            self._pieces.append(text)
        self._characters += len(text)

    def _said(self) -> tuple[Said, ...] | None:
        """All that was said; None where the answer alone is more than may be kept."""
        if self._characters > self._limit:
            return None
        messages = self._call.messages
        before = messages[borders(messages)[0] :]
        return (
            *(Said(message.role, words_of(message)) for message in before),
            Said("assistant", "".join(self._pieces)),
        )


def _kept(said: tuple[Said, ...] | None, bounds: Bounds, now_ms: int) -> bytes | None:
    """What was said as it is kept; None where it is not to be kept, or is more than may be.

    A character takes a byte at least, so far too long a history is not even encoded.
    """
    if not bounds.ttl_s or said is None or sum(len(one.words) for one in said) > bounds.bytes:
        return None
    kept = _encode(Transcript(said=said, at_ms=now_ms))
    return kept if len(kept) <= bounds.bytes else None


def _refused(end_reason: EndReason, why: str) -> UpstreamFault:
    return UpstreamFault(end_reason, Detail.NO_HISTORY, why + _REMEDY, taken=False)
