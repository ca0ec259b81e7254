"""The site's native tool calls as the client sees them: an index and an id each, argument text as it comes.

Only calls to tools that the client offered go out; others are the site's own business. What a call carried is told
to the log once it is whole, in the order of the indexes: parallel calls may become whole in another.
"""

import re
from typing import Final

from attrs import define, field

from mix2api.events.kinds import ToolCall
from mix2api.sealing import Seal
from mix2api.sessions.dispatch import ToolCallDelta
from mix2api.upstreams.port import ToolInputAvailable, ToolInputDelta, ToolInputStarted
from mix2api.vocabulary import RunId
from mix2api.wire.turn import FunctionCall, MessageToolCall

_USABLE_ID: Final = re.compile(r"call_[A-Za-z0-9._:-]{1,100}")


@define
class _Call:
    index: int
    call_id: str
    name: str
    upstream_id: str
    pieces: list[str] = field(factory=list)
    whole: bool = False

    @property
    def arguments(self) -> str:
        """The text so far. Joined when asked for: a long input comes in thousands of pieces."""
        return "".join(self.pieces)


class ToolCalls:
    """The calls of one run."""

    def __init__(self, run_id: RunId, offered: frozenset[str], seal: Seal) -> None:
        self._run_id = run_id
        self._offered = offered
        self._seal = seal
        self._calls: dict[str, _Call] = {}
        self._taken: set[str] = set()
        self._due = 0
        self._refused = False

    @property
    def count(self) -> int:
        """Calls that went to the client."""
        return len(self._calls)

    @property
    def refused(self) -> bool:
        """Whether the site asked for a tool that the client did not offer."""
        return self._refused

    def given(self) -> list[MessageToolCall]:
        """The calls as the client has them, in their order."""
        return [
            MessageToolCall(id=call.call_id, function=FunctionCall(name=call.name, arguments=call.arguments))
            for call in self._calls.values()
        ]

    def started(self, event: ToolInputStarted) -> list[ToolCallDelta]:
        """The first piece of a call: its id and name."""
        if event.name not in self._offered:
            self._refused = True
            return []
        if event.call_id in self._calls:
            return []
        call = _Call(len(self._calls), self._client_id(event.call_id), event.name, event.call_id)
        self._calls[event.call_id] = call
        return [ToolCallDelta(index=call.index, call_id=call.call_id, name=call.name)]

    def delta(self, event: ToolInputDelta) -> list[ToolCallDelta]:
        """A further piece of its arguments."""
        call = self._calls.get(event.call_id)
        if call is None or call.whole:
            return []
        call.pieces.append(event.text)
        return [ToolCallDelta(index=call.index, arguments=event.text)]

    def available(self, event: ToolInputAvailable) -> tuple[list[ToolCallDelta], list[ToolCall]]:
        """The whole call: what of it has not gone out yet, and the events (`seq` 0) that may now be told."""
        pieces = self.started(ToolInputStarted(event.call_id, event.name))
        call = self._calls.get(event.call_id)
        if call is None or call.whole:
            return pieces, []
        if not any(call.pieces):
            call.pieces.append(event.arguments)
            pieces.append(ToolCallDelta(index=call.index, arguments=event.arguments))
        call.whole = True
        return pieces, self._told()

    def rest(self) -> list[ToolCall]:
        """The events of whole calls that still waited for one before them. To be asked once, at the end."""
        waiting = list(self._calls.values())[self._due :]
        self._due = len(self._calls)
        return [self._event(call) for call in waiting if call.whole]

    def _told(self) -> list[ToolCall]:
        events = []
        for call in list(self._calls.values())[self._due :]:
            if not call.whole:
                break
            events.append(self._event(call))
        self._due += len(events)
        return events

    def _event(self, call: _Call) -> ToolCall:
        arguments = call.arguments
        return ToolCall(
            run_id=self._run_id,
            seq=0,
            tool_call_id=str(self._seal.digest(call.call_id, "tool_call_id")),
            upstream_call_id=self._seal.seal(call.upstream_id, "tool_call_id"),
            name=self._seal.digest(call.name, "tool_name"),
            index=call.index,
            argument_bytes=len(arguments.encode("utf-8", "surrogatepass")),
            digest=self._seal.digest(arguments, "tool_arguments"),
        )

    def _client_id(self, upstream_id: str) -> str:
        """The site's own id where it can be one of ours and no other call has it, else one made of it."""
        usable = _as_ours(upstream_id)
        if not _USABLE_ID.fullmatch(usable) or usable in self._taken:
            usable = _as_ours(self._seal.digest(upstream_id, "tool_call_id"))
        self._taken.add(usable)
        return usable


def _as_ours(call_id: str) -> str:
    return call_id if call_id.startswith("call_") else f"call_{call_id}"
