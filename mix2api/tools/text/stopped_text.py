"""A reader of an answer's text that stops at the caller's stop sequences, behind the reader of calls and thought.

The sequences are looked for in what the client sees as the answer, and not in thought or in arguments.
"""

from mix2api.tools.text.pieces import CallReader, FinalText, Piece, Plain, Stopped
from mix2api.wire.stop_sequences import StopSequences


class StoppedText:
    """One answer's; a `mix2api.tools.text.pieces.CallReader`.

    Args:
        reader: of calls and thought; None where the text is the answer as it comes.
        stops: the caller's.
    """

    done = False

    def __init__(self, reader: CallReader | None, stops: tuple[str, ...]) -> None:
        self._reader = reader
        self._stops = StopSequences(stops)

    @property
    def crowded(self) -> bool:
        """Whether the text opened more enclosures than an answer may have."""
        return self._reader is not None and self._reader.crowded

    def feed(self, text: str) -> list[Piece]:
        """What is known of the text so far; `Stopped` is the last that comes."""
        return self._stopped([Plain(text)] if self._reader is None else self._reader.feed(text))

    def end(self) -> list[Piece]:
        """What is left of it."""
        pieces = [] if self._reader is None else self._stopped(self._reader.end())
        return [*pieces, *_plain(self._stops.release())]

    def _stopped(self, pieces: list[Piece]) -> list[Piece]:
        told: list[Piece] = []
        for piece in () if self._stops.met else pieces:
            if isinstance(piece, Plain | FinalText):
                told += _plain(self._stops.feed(piece.text))
            else:
                told += [*_plain(self._stops.release()), piece]
            if self._stops.met:
                told.append(Stopped())
                break
        return told


def _plain(text: str) -> list[Piece]:
    return [Plain(text)] if text else []
