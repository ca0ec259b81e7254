"""What a site writes into its text beside the answer's: calls, where it has no native tools, and thought."""

from typing import Final, assert_never

from mix2api.actors.answer import Answer
from mix2api.actors.tool_calls import ToolCalls
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
    Stopped,
    Thought,
)

CallPiece = CallBegan | CallArguments | CallEnded | Dropped | Broken
"""What tells of a call."""

_NOT_BEGUN: Final = -1
"""The number of a call in the text that broke before it had one."""


class CallsInText:
    """One answer's text on its way through a reader of calls.

    Args:
        reader: of calls.
        answer: is told of text and calls.
    """

    def __init__(self, reader: CallReader, answer: Answer) -> None:
        self._reader = reader
        self._answer = answer
        self.stopped = False
        """Whether the answer ends here, by the caller's word."""
        self._written: list[str] = []
        self._ended = 0

    def note(self, text: str) -> None:
        """A text as the site sent it, before it is fed."""
        self._written.append(text)

    def feed(self, part: str) -> bool:
        """Reads on; False: the site asked for more than a run may have."""
        pieces = self._reader.feed(part)
        if len(pieces) == 1 and type(pieces[0]) is Plain:
            self._answer.say(pieces[0].text)  # nearly every delta of nearly every answer
            return True
        return self._take(pieces)

    @property
    def done(self) -> bool:
        """Whether all that follows is the answer's text."""
        return self._reader.done

    def end(self) -> bool:
        """The text is over; False as above. What had to be repaired leaves the site with something else than the client."""
        if not self._take(self._reader.end()):
            return False
        if self._ended and self._ended != strict_calls("".join(self._written)):
            self._answer.faithful = False
        return True

    def _take(self, pieces: list[Piece]) -> bool:
        for piece in pieces:
            self._take_one(piece)
            if not self._answer.heed_calls():
                return False
        return not self._reader.crowded

    def _take_one(self, piece: Piece) -> None:
        answer = self._answer
        match piece:
            case Plain(text) | FinalText(text):
                answer.say(text)
            case Thought(text):
                answer.think(text)
            case Stopped():
                self.stopped = True
                answer.faithful = False
            case _:
                self._take_call(piece, answer.begun_calls())

    def _take_call(self, piece: CallPiece, calls: ToolCalls) -> None:
        match piece:
            case CallBegan(index, name, given_id):
                calls.began(index, name, given_id)
            case CallArguments(index, text):
                calls.continued(index, text)
            case CallEnded(index):
                self._ended += 1
                calls.became_whole(index)
            case Dropped():
                calls.drop()
            case Broken(_, index):
                calls.broke(_NOT_BEGUN if index is None else index)
                self._answer.broken_at = len(self._answer.texts)
            case _:
                assert_never(piece)
