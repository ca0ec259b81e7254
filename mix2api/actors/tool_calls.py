"""One run's tool calls as the client sees them: an index and an id each, argument text as it comes.

Native calls and calls read out of text are told apart by their key alone: the site's id, or their number in the text.
Only calls that the turn allows go out. One to another name is held until its step ends, because the site may be running
it itself; if nobody ran it, it is dropped.

Calls go out one after another, as OpenAI's own do: clients take a call for finished when the next one begins (the openai
SDK parses its arguments then). So of calls that a site writes side by side the first streams and the others wait. Where
the client waits for one whole answer, all wait for its end: a call that turns out to be broken is then never shown, which
a stream cannot undo. What a call carried is told to the log once it is whole and out.
"""

from collections.abc import Callable
from typing import Final

from attrs import define, field, frozen

from mix2api.actors.logged_calls import CALL_ID, by_id
from mix2api.events.kinds import UNNUMBERED, ToolCall
from mix2api.sealing import Seal
from mix2api.sessions.canonical import canonical_arguments
from mix2api.sessions.worker_port import ToolCallDelta
from mix2api.tools.apologies import ENGLISH, Apologies
from mix2api.tools.final_input import is_object, rest_of
from mix2api.tools.ids import CallIds
from mix2api.upstreams.port import ToolInputAvailable, ToolInputDelta, ToolInputStarted
from mix2api.vocabulary import RunId
from mix2api.wire.turn import FunctionCall, MessageToolCall

CALLS_MAX: Final = 256
"""Calls that a site may ask for in one answer; agents are seen to ask for 20, OpenAI's own models end at 128. Where a client
waits for a whole answer all calls leave, and are told to the log, in one step: 50 µs each."""

NO_ARGUMENTS: Final = "{}"
"""The arguments of a call that the site gave no input."""

Key = str | int
"""The site's id of a native call; the number of a call in the text."""


@frozen(kw_only=True)
class CallRules:
    """What a run's calls may be."""

    callable_names: frozenset[str]
    ids: CallIds
    single: bool = False
    """Only one call goes out."""
    streamed: bool = True
    """Pieces go out as they come; otherwise with `close`."""
    place: Callable[[FunctionCall], str] | None = None
    """Of a legacy caller, who is told no ids: the digest by which the log knows a call."""
    apologies: Apologies = ENGLISH
    """What the client is told instead of a call that it does not get."""


@define
class _Call:
    name: str
    call_id: str
    upstream_id: str | None
    pieces: list[str] = field(factory=list)
    shown: int = -1
    """Pieces that went out; -1 before its beginning did."""
    index: int = -1
    """From the moment on when it went out."""
    whole: bool = False
    spoilt: bool = False
    """Broken, or run by the site after all: nothing that the client is to answer."""
    canonical: bytes | None = None
    """The normal form of the whole arguments, from the first time on that they were compared: sites repeat calls."""

    @property
    def arguments(self) -> str:
        """The text so far. Joined when asked for: a long input comes in thousands of pieces."""
        return "".join(self.pieces)

    def says(self, event: ToolInputAvailable) -> bool:
        """Whether this is what the call has said already."""
        return self.name == event.name and (not event.arguments or self.means(event.arguments))

    def means(self, arguments: str) -> bool:
        """Whether the text so far is these arguments, however they are written."""
        if self.canonical is None:
            self.canonical = canonical_arguments(self.arguments)
        return self.canonical == canonical_arguments(arguments)

    def settle(self, final: str) -> bool:
        """Makes the text the site's final input; False where it cannot be.

        The client may have seen pieces that are no part of it; or there is none, and the pieces are no object.

        Args:
            final: JSON text; empty if the site gave none, and then the pieces so far are the input.
        """
        if not self.pieces:
            self.pieces.append(final or NO_ARGUMENTS)
            return True
        if not final:
            return is_object(self.arguments)
        rest = rest_of(self.arguments, final)
        if rest is None and not self.means(final):
            if self.shown > 0:
                return False
            self.pieces, rest = [final], None
        if rest:
            self.pieces.append(rest)
        self.canonical = None
        return True


class ToolCalls:
    """The calls of one run. What they give gathers in `pieces` and `events`; the caller takes it away."""

    def __init__(self, run_id: RunId, seal: Seal, rules: CallRules) -> None:
        self._run_id = run_id
        self._seal = seal
        self._rules = rules
        self._calls: dict[Key, _Call] = {}
        self._order: list[_Call] = []
        self._due = 0
        self._out = 0
        self._held: set[Key] = set()
        self._begun = 0
        self._live = 0
        """Calls that are not spoilt."""
        self._shown_spoilt = 0
        """Spoilt calls that the client has seen."""
        self._half = 0
        """Those of them of which it has not seen the end."""
        self.pieces: list[ToolCallDelta] = []
        """For the client, in order."""
        self.events: list[ToolCall] = []
        """For the log, unnumbered, in the order of their indexes."""
        self.dropped = 0
        """Calls that nobody is to answer: to names that were not offered and that the site did not run, or one too many."""
        self.broken = 0
        """Calls that could not be read."""
        self.belied = False
        """Whether the client has seen a piece of a call that the site then cut or took back: no good ending can follow."""

    @property
    def count(self) -> int:
        """Calls that the client has to answer."""
        return self._live

    @property
    def apologies(self) -> Apologies:
        """What the client is told instead of a call that it does not get."""
        return self._rules.apologies

    @property
    def shown_half(self) -> bool:
        """Whether the client has seen the beginning of a call that turned out to be nothing."""
        return self._half > 0

    @property
    def too_many(self) -> bool:
        """Whether the site asked for more than `CALLS_MAX`, whatever became of the calls."""
        return self._begun + self.broken > CALLS_MAX

    @property
    def withheld(self) -> bool:
        """Whether the site asked for anything that the client does not get."""
        return bool(self._held or self.dropped or self.broken)

    def given(self) -> list[MessageToolCall]:
        """The calls as the client has them, in their order."""
        return [
            MessageToolCall(id=call.call_id, function=FunctionCall(name=call.name, arguments=call.arguments))
            for call in self._order
            if call.shown >= 0
        ]

    # --- native calls

    def started(self, event: ToolInputStarted) -> None:
        """A call begins. Sites repeat ids: one that begins after its namesake became whole is another call."""
        if self._is_whole(event.call_id):
            del self._calls[event.call_id]
        self.began(event.call_id, event.name, event.call_id)

    def delta(self, event: ToolInputDelta) -> None:
        """A piece of its arguments."""
        self.continued(event.call_id, event.text)

    def available(self, event: ToolInputAvailable) -> None:
        """The whole call, whether it had begun or not. Told once more it is the same; with other words, another call."""
        if self._is_whole(event.call_id) and not self._calls[event.call_id].says(event):
            del self._calls[event.call_id]
        self.began(event.call_id, event.name, event.call_id)
        call = self._calls.get(event.call_id)
        if call is None or call.whole or call.spoilt:
            return
        if call.settle(event.arguments):
            self.became_whole(event.call_id)
        else:
            self.belied = self.belied or call.shown >= 0
            self.broke(event.call_id)

    def told_chars(self, call_id: str) -> int:
        """Characters of its arguments that came before the whole call did."""
        call = self._calls.get(call_id)
        return 0 if call is None else sum(map(len, call.pieces))

    def cut(self) -> None:
        """The answer is over: native calls whose whole input never came are broken, whatever the site says of its end."""
        for key, call in list(self._calls.items()):
            if isinstance(key, str) and not (call.whole or call.spoilt):
                self.belied = self.belied or call.shown >= 0
                self.broke(key)

    def _is_whole(self, call_id: str) -> bool:
        call = self._calls.get(call_id)
        return call is not None and call.whole

    def failed(self, call_id: str, name: str) -> None:
        """The site could not read this call; one to a name of its own is its own business."""
        if name in self._rules.callable_names and call_id not in self._held:
            self.broke(call_id)

    def was_run(self, call_id: str) -> None:
        """The site ran this call itself."""
        self._held.discard(call_id)
        self._spoil(call_id)

    def step_ended(self) -> None:
        """What is still held was run by nobody."""
        self.dropped += len(self._held)
        self._held.clear()

    # --- any call

    def began(self, key: Key, name: str, upstream_id: str | None) -> None:
        """A call begins; `upstream_id` is the site's name for it. A call that is known is not begun again."""
        if key in self._calls:
            return
        self._begun += key not in self._held
        if name not in self._rules.callable_names or (self._rules.single and self._taken()):
            self._held.add(key)
            return
        call = _Call(name, self._rules.ids.give(upstream_id), upstream_id)
        self._calls[key] = call
        self._order.append(call)
        self._live += 1
        self._flow()

    def continued(self, key: Key, text: str) -> None:
        """A piece of its arguments."""
        call = self._calls.get(key)
        if call is not None and text and not (call.whole or call.spoilt):
            call.pieces.append(text)
            self._flow()

    def became_whole(self, key: Key) -> None:
        """It has come to its end."""
        call = self._calls.get(key)
        if call is not None and not (call.whole or call.spoilt):
            call.whole = True
            self._flow()

    def drop(self) -> None:
        """A call in the text to a name that was not offered."""
        self._begun += 1
        self.dropped += 1

    def broke(self, key: Key) -> None:
        """This call will never become whole, whether it has begun or not."""
        self.broken += 1
        self._spoil(key)

    def close(self) -> None:
        """The answer is over and was good: all that still waits goes out. Once."""
        self.step_ended()
        for call in self._order[self._due :]:
            self._show(call)
        self.rest()

    def rest(self) -> None:
        """The answer is over: the log is told of what was whole and had to wait. Once."""
        for call in self._order[self._due :]:
            self._tell(call)
        self._due = len(self._order)

    def _taken(self) -> bool:
        """Whether there is a call that the client has, or will get."""
        return self._live + self._shown_spoilt > 0

    def _spoil(self, key: Key) -> None:
        call = self._calls.get(key)
        if call is None:
            return
        if not call.spoilt:
            call.spoilt = True
            self._live -= 1
            self._shown_spoilt += call.shown >= 0
            self._half += call.shown >= 0 and not call.whole
        self._flow()

    def _flow(self) -> None:
        """Lets go out what may: the first call that is not over, and those before it."""
        while self._rules.streamed and self._due < len(self._order):
            call = self._order[self._due]
            self._show(call)
            if not (call.whole or call.spoilt):
                return
            self._tell(call)
            self._due += 1

    def _show(self, call: _Call) -> None:
        """What of it has not gone out; nothing of a call that was spoilt before it came to that."""
        if call.spoilt:
            return
        self._number(call)
        if call.shown < 0:
            call.shown = 0
            self.pieces.append(ToolCallDelta(index=call.index, call_id=call.call_id, name=call.name))
        if call.shown < len(call.pieces):
            text = "".join(call.pieces[call.shown :])
            call.shown = len(call.pieces)
            self.pieces.append(ToolCallDelta(index=call.index, arguments=text))

    def _number(self, call: _Call) -> None:
        if call.index < 0:
            call.index = self._out
            self._out += 1

    def _tell(self, call: _Call) -> None:
        if call.whole and not call.spoilt:
            self._number(call)
            self.events.append(self._event(call))

    def _event(self, call: _Call) -> ToolCall:
        arguments = call.arguments
        upstream_id = call.upstream_id
        return ToolCall(
            run_id=self._run_id,
            seq=UNNUMBERED,
            tool_call_id=self._known_by(call),
            upstream_call_id=None if upstream_id is None else self._seal.seal(upstream_id, CALL_ID),
            name=self._seal.digest(call.name, TOOL_NAME),
            index=call.index,
            argument_bytes=len(arguments.encode("utf-8", "surrogatepass")),
            digest=self._seal.digest(arguments, "tool_arguments"),
        )

    def _known_by(self, call: _Call) -> str:
        place = self._rules.place
        if place is None:
            return by_id(call.call_id, self._seal)
        return place(FunctionCall(call.name, call.arguments))


TOOL_NAME: Final = "tool_name"
