"""Deltas of tool calls in Chat Completions as the port's events. Pure.

A piece names its call by `index`, and only the first piece has `id` and name. A call is over when the next one begins and
its arguments are a whole JSON object, else when the answer is over: some servers write calls side by side. Servers that
count every call as 0 are known by the new `id`.
"""

from attrs import define, field

from mix2api.tools.final_input import is_object
from mix2api.upstreams.openai.chunks import CallDelta
from mix2api.upstreams.port import ToolInputAvailable, ToolInputDelta, ToolInputStarted, UpstreamEvent


@define
class _Call:
    call_id: str
    said_id: str | None
    name: str | None
    pieces: list[str] = field(factory=list)
    is_told: bool = False
    """That it is whole."""


@define
class CallDeltas:
    """The calls of one answer."""

    _calls: dict[int, _Call] = field(factory=dict)
    """By the index under which the newest pieces come."""
    _last: _Call | None = None
    """The call that began last."""
    _begun: int = 0

    def events(self, deltas: list[CallDelta]) -> list[UpstreamEvent]:
        """What the pieces of one chunk say."""
        said: list[UpstreamEvent] = []
        for place, delta in enumerate(deltas):
            self._take(place if delta.index is None else delta.index, delta, said)
        return said

    def end(self) -> list[UpstreamEvent]:
        """The answer is over: calls whose arguments are an object, or nothing, are whole."""
        return [event for call in self._calls.values() for event in _whole(call, or_empty=True)]

    def _take(self, index: int, delta: CallDelta, said: list[UpstreamEvent]) -> None:
        call = self._calls.get(index)
        name = delta.function.name if delta.function is not None else None
        if call is None or (delta.id and call.said_id and delta.id != call.said_id):
            call = self._begin(index, delta, name, said)
        elif call.name is None and name:
            call.name = name
            _start(call, said)
        arguments = delta.function.arguments if delta.function is not None else None
        if not arguments:
            return
        call.pieces.append(arguments)
        if call.name is not None:
            said.append(ToolInputDelta(call.call_id, arguments))

    def _begin(self, index: int, delta: CallDelta, name: str | None, said: list[UpstreamEvent]) -> _Call:
        replaced = self._calls.pop(index, None)
        if replaced is not None:
            said += _whole(replaced, or_empty=True)
        if self._last is not None:
            # This one alone: looking through all that are open would cost their square.
            said += _whole(self._last, or_empty=False)
        # An id of ours where the server gave none: unique within the answer, which is all that is asked of it.
        call = _Call(delta.id or f"call-{self._begun}", delta.id, name or None)
        self._begun += 1
        self._calls[index] = self._last = call
        if call.name is not None:
            _start(call, said)
        return call


def _start(call: _Call, said: list[UpstreamEvent]) -> None:
    """The call has its name: now it begins, with the pieces that came before."""
    said.append(ToolInputStarted(call.call_id, call.name or ""))
    said += [ToolInputDelta(call.call_id, piece) for piece in call.pieces]


def _whole(call: _Call, *, or_empty: bool) -> list[UpstreamEvent]:
    """The event that a call is whole, once; nothing where it is not."""
    if call.is_told or call.name is None:
        return []
    if not (is_object("".join(call.pieces)) if call.pieces else or_empty):
        return []
    call.is_told = True
    return [ToolInputAvailable(call.call_id, call.name, "")]
