"""One run's tool calls as the client sees them: an index and an id each, argument text as it comes.

Native calls and calls read out of text are told apart by their key alone: the site's id, or their number in the text.
Only calls that the turn allows go out. One to another name is held until its step ends, because the site may be running
it itself; if nobody ran it, it is dropped. What a call carried is told to the log once it is whole, in the order of the
indexes: parallel calls may become whole in another.

Where the client waits for one whole answer, calls are kept back until that answer ends: one that turns out to be broken
is then never shown, which a stream cannot undo.
"""

from typing import Final

from attrs import define, field, frozen

from mix2api.events.kinds import ToolCall
from mix2api.sealing import Seal
from mix2api.sessions.dispatch import ToolCallDelta
from mix2api.tools.ids import CallIds
from mix2api.upstreams.port import ToolInputAvailable, ToolInputDelta, ToolInputStarted
from mix2api.vocabulary import RunId
from mix2api.wire.turn import FunctionCall, MessageToolCall

Key = str | int
"""The site's id of a native call; the number of a call in the text."""


@frozen(kw_only=True)
class CallRules:
    """What a run's calls may be."""

    callable_names: frozenset[str]
    ids: CallIds
    single: bool = False
    """Only the first call goes out."""
    streamed: bool = True
    """Pieces go out as they come; otherwise with `close`."""


@define
class _Call:
    key: Key
    name: str
    call_id: str
    upstream_id: str | None
    index: int
    pieces: list[str] = field(factory=list)
    whole: bool = False
    broken: bool = False
    ran: bool = False
    """The site ran it after all."""

    @property
    def arguments(self) -> str:
        """The text so far. Joined when asked for: a long input comes in thousands of pieces."""
        return "".join(self.pieces)

    @property
    def spoilt(self) -> bool:
        """Whether it is nothing that the client is to answer."""
        return self.broken or self.ran


class ToolCalls:
    """The calls of one run."""

    def __init__(self, run_id: RunId, seal: Seal, rules: CallRules) -> None:
        self._run_id = run_id
        self._seal = seal
        self._rules = rules
        self._calls: dict[Key, _Call] = {}
        self._held: set[Key] = set()
        self._due = 0
        self.dropped = 0
        """Calls that nobody is to answer: to names that were not offered and that the site did not run, or one too many."""
        self.broken = 0
        """Calls that could not be read."""

    @property
    def count(self) -> int:
        """Calls that the client has to answer."""
        return sum(not call.spoilt for call in self._calls.values())

    @property
    def shown_half(self) -> bool:
        """Whether the client has seen the beginning of a call that turned out to be broken."""
        return self._rules.streamed and any(call.broken for call in self._calls.values())

    @property
    def withheld(self) -> bool:
        """Whether the site asked for anything that the client does not get."""
        return bool(self._held or self.dropped or self.broken)

    def given(self) -> list[MessageToolCall]:
        """The calls as the client has them, in their order."""
        return [
            MessageToolCall(id=call.call_id, function=FunctionCall(name=call.name, arguments=call.arguments))
            for call in self._calls.values()
            if self._rules.streamed or not call.spoilt
        ]

    # --- native calls

    def started(self, event: ToolInputStarted) -> list[ToolCallDelta]:
        """The first piece of a call: its id and name."""
        return self.began(event.call_id, event.name, event.call_id)

    def delta(self, event: ToolInputDelta) -> list[ToolCallDelta]:
        """A further piece of its arguments."""
        return self.continued(event.call_id, event.text)

    def available(self, event: ToolInputAvailable) -> tuple[list[ToolCallDelta], list[ToolCall]]:
        """The whole call: what of it has not gone out yet, and the events (`seq` 0) that may now be told."""
        pieces = self.began(event.call_id, event.name, event.call_id)
        call = self._calls.get(event.call_id)
        if call is None or call.whole:
            return pieces, []
        if not any(call.pieces):
            pieces += self.continued(event.call_id, event.arguments)
        return pieces, self.became_whole(event.call_id)

    def failed(self, call_id: str, name: str) -> None:
        """The site could not read this call; one to a name of its own is its own business."""
        if name in self._rules.callable_names and call_id not in self._held:
            self.broke(call_id)

    def was_run(self, call_id: str) -> None:
        """The site ran this call itself."""
        self._held.discard(call_id)
        call = self._calls.get(call_id)
        if call is not None:
            call.ran = True

    def step_ended(self) -> None:
        """What is still held was run by nobody."""
        self.dropped += len(self._held)
        self._held.clear()

    # --- any call

    def began(self, key: Key, name: str, upstream_id: str | None) -> list[ToolCallDelta]:
        """A call begins; `upstream_id` is the site's name for it."""
        if key in self._calls or key in self._held:
            return []
        if name not in self._rules.callable_names:
            self._held.add(key)
            return []
        if self._rules.single and self._calls:
            self._held.add(key)
            return []
        call = _Call(key, name, self._rules.ids.give(upstream_id), upstream_id, len(self._calls))
        self._calls[key] = call
        return self._shown([_beginning(call)])

    def continued(self, key: Key, text: str) -> list[ToolCallDelta]:
        """A piece of its arguments."""
        call = self._calls.get(key)
        if call is None or call.whole or call.broken:
            return []
        call.pieces.append(text)
        return self._shown([ToolCallDelta(index=call.index, arguments=text)])

    def became_whole(self, key: Key) -> list[ToolCall]:
        """The events (`seq` 0) that may be told now that this call has come to its end."""
        call = self._calls.get(key)
        if call is None or call.broken:
            return []
        call.whole = True
        return self._told() if self._rules.streamed else []

    def broke(self, key: Key) -> None:
        """This call will never become whole, whether it has begun or not."""
        self.broken += 1
        call = self._calls.get(key)
        if call is not None:
            call.broken = True

    def close(self) -> list[ToolCallDelta]:
        """The answer is over and was good: all that was kept back for it. To be asked before `rest`, once."""
        self.step_ended()
        if self._rules.streamed:
            return []
        pieces: list[ToolCallDelta] = []
        for index, call in enumerate(call for call in self._calls.values() if not call.spoilt):
            call.index = index
            pieces += (_beginning(call), ToolCallDelta(index=index, arguments=call.arguments))
        return pieces

    def rest(self) -> list[ToolCall]:
        """The events of whole calls that have not been told. To be asked once, at the end."""
        waiting = list(self._calls.values())[self._due :]
        self._due = len(self._calls)
        return [self._event(call) for call in waiting if call.whole and not call.spoilt]

    def _shown(self, pieces: list[ToolCallDelta]) -> list[ToolCallDelta]:
        return pieces if self._rules.streamed else []

    def _told(self) -> list[ToolCall]:
        events = []
        for call in list(self._calls.values())[self._due :]:
            if not (call.whole or call.broken):
                break
            self._due += 1
            if call.whole:
                events.append(self._event(call))
        return events

    def _event(self, call: _Call) -> ToolCall:
        arguments = call.arguments
        upstream_id = call.upstream_id
        return ToolCall(
            run_id=self._run_id,
            seq=0,
            tool_call_id=str(self._seal.digest(call.call_id, CALL_ID)),
            upstream_call_id=None if upstream_id is None else self._seal.seal(upstream_id, CALL_ID),
            name=self._seal.digest(call.name, TOOL_NAME),
            index=call.index,
            argument_bytes=len(arguments.encode("utf-8", "surrogatepass")),
            digest=self._seal.digest(arguments, "tool_arguments"),
        )


CALL_ID: Final = "tool_call_id"
"""The purpose under which call ids are digested and sealed."""
TOOL_NAME: Final = "tool_name"


def _beginning(call: _Call) -> ToolCallDelta:
    return ToolCallDelta(index=call.index, call_id=call.call_id, name=call.name)
