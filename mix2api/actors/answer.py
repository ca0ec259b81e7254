"""What the client is given of one answer, and what the log is told of it: text, calls, and the frames they came in."""

from collections.abc import Callable

from mix2api.actors.chunk_tally import ChunkTally
from mix2api.actors.tool_calls import ToolCalls
from mix2api.sessions.worker_port import ReasoningDelta, Reply, TextDelta
from mix2api.vocabulary import Detail
from mix2api.wire.turn import Message


class Answer:
    """One run's.

    Args:
        tally: of its frames.
        begin_calls: makes the bookkeeping of calls, once the site makes the first one. Most answers have none.
    """

    def __init__(self, tally: ChunkTally, begin_calls: Callable[[], ToolCalls]) -> None:
        self.tally = tally
        self.replies: list[Reply] = []
        """For the client, in order; the caller takes them away."""
        self.texts: list[str] = []
        """The text of it so far, in pieces."""
        self.thoughts: list[str] = []
        """The reasoning so far, in pieces."""
        self.faithful = True
        """Whether the client gets all that the site keeps of this answer."""
        self.called: list[str] = []
        """Digests of the ids of the calls that the log was told of."""
        self.broken_at: int | None = None
        """How many pieces of text there were when the last call broke."""
        self.calls: ToolCalls | None = None
        self._begin_calls = begin_calls

    def say(self, text: str) -> None:
        """A piece of text."""
        self.texts.append(text)
        self.replies.append(TextDelta(text))

    def think(self, text: str) -> None:
        """A piece of reasoning."""
        self.thoughts.append(text)
        self.replies.append(ReasoningDelta(text))

    def begun_calls(self) -> ToolCalls:
        """Its calls. Whoever tells them something asks for `heed_calls` afterwards."""
        if self.calls is None:
            self.calls = self._begin_calls()
        return self.calls

    def heed_calls(self) -> bool:
        """Takes what the calls give, for the client and for the log; False: there are too many of them."""
        calls = self.calls
        if calls is None:
            return True
        if calls.pieces:
            self.replies += calls.pieces
            calls.pieces = []
        if calls.events:
            self.tally.tell_calls(calls.events)
            self.called += [call.tool_call_id for call in calls.events]
            calls.events = []
        self.faithful = self.faithful and not calls.withheld
        return not calls.too_many

    def cut(self) -> bool:
        """The answer is over: calls that are not whole are broken. False: the client has seen a part of one."""
        calls = self.calls
        if calls is None:
            return True
        broken = calls.broken
        calls.cut()
        if calls.broken > broken:
            self.broken_at = len(self.texts)
        return not calls.belied

    def close(self) -> bool:
        """The answer is over and was good: calls that wait go out. Gives whether the client has calls to answer."""
        calls = self.calls
        if calls is None:
            return False
        calls.close()
        self.heed_calls()
        due = calls.count > 0 and not calls.shown_half
        if not due:
            self._apologise(calls)
        return due

    def rest(self) -> None:
        """The answer is over and was not good: the log is told of the calls that were whole."""
        if self.calls is not None:
            self.calls.rest()
            self.heed_calls()

    def remark(self) -> str | None:
        """What a good ending hides."""
        if self.calls is None:
            return None
        if self.calls.broken:
            return Detail.BROKEN_CALL.value
        return Detail.DROPPED_CALL.value if self.calls.dropped else None

    def message(self, *, legacy: bool = False) -> Message:
        """What the client has been given, as it will come back in the next request's history.

        Args:
            legacy: in the form of `function_call`, which holds one call and no id.
        """
        text = "".join(self.texts)
        calls = self.calls.given() if self.calls is not None else []
        if legacy and calls:
            return Message(role="assistant", content=text, function_call=calls[0].function)
        return Message(role="assistant", content=text, tool_calls=calls or None)

    def _apologise(self, calls: ToolCalls) -> None:
        """Where a call broke, or calls were dropped, and the site said nothing more."""
        if self.broken_at is not None:
            if not "".join(self.texts[self.broken_at :]).strip():
                self.say(calls.apologies.malformed)
        elif calls.dropped and not "".join(self.texts).strip():
            self.say(calls.apologies.not_there)
