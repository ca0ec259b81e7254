"""What debugging lines tell of a run's tools: those of its turn, and the calls that its answer's text turned out to have.

Tool names and arguments are content, so the lines are off by default. `mix2api.process.reporting` redacts and writes them.
"""

from collections.abc import Callable
from typing import Final

from attrs import define, field, frozen

from mix2api.sessions.prepared_turn import PreparedTurn
from mix2api.tools.choice import CallMode
from mix2api.tools.instruction import selected
from mix2api.tools.text.pieces import (
    Broken,
    CallArguments,
    CallBegan,
    CallEnded,
    CallReader,
    Dropped,
    Piece,
)
from mix2api.vocabulary import RequestId

NAMES_MAX: Final = 128
"""Names in a line: as many tools as OpenAI lets a request have. The counts beside them say how many there are."""
_ENDED: Final = "whole"


@frozen(kw_only=True)
class ToolsChosen:
    """The tools of one turn, before its upstream is called."""

    request_id: RequestId
    offered: int
    """Functions that the client offers."""
    told: int
    """Those that the site is told of."""
    callable: int
    """Those that the site may call in this turn."""
    mode: CallMode
    names: tuple[str, ...]
    """Of those that the site is told of, the first `NAMES_MAX`."""


@frozen(kw_only=True)
class CallRead:
    """One call that a site wrote into its text."""

    request_id: RequestId
    fate: str
    """`whole`, or why the text is no call (`mix2api.tools.text.pieces.Why`)."""
    name: str | None = None
    """None where the call had not begun."""
    arguments: str = ""
    """As far as they came."""


def tools_chosen(request_id: RequestId, prepared: PreparedTurn, most: int | None) -> ToolsChosen:
    """What a turn's tools are.

    Args:
        request_id: of the turn.
        prepared: the turn.
        most: how many tools the site is told of; None: all.
    """
    offer = prepared.offer
    told = offer.functions if most is None else selected(offer, prepared.turn, most)
    return ToolsChosen(
        request_id=request_id,
        offered=len(offer.functions),
        told=len(told),
        callable=len(offer.callable_names),
        mode=offer.choice.mode,
        names=tuple(tool.name for tool in told[:NAMES_MAX]),
    )


@define
class _Begun:
    name: str
    pieces: list[str] = field(factory=list)


class ToldReader:
    """The port `CallReader` around another one. Somebody is told of each call once its fate is known.

    Args:
        inner: reads the text.
        request_id: of the answer's request.
        tell: told of each call.
    """

    def __init__(self, inner: CallReader, request_id: RequestId, tell: Callable[[CallRead], None]) -> None:
        self._inner = inner
        self._request_id = request_id
        self._tell = tell
        self._begun: dict[int, _Begun] = {}

    def feed(self, text: str) -> list[Piece]:
        """What the inner reader knows of the text so far."""
        return self._seen(self._inner.feed(text))

    def end(self) -> list[Piece]:
        """What is left of the text."""
        return self._seen(self._inner.end())

    @property
    def crowded(self) -> bool:
        """See `CallReader`."""
        return self._inner.crowded

    @property
    def done(self) -> bool:
        """See `CallReader`."""
        return self._inner.done

    def _seen(self, pieces: list[Piece]) -> list[Piece]:
        for piece in pieces:
            match piece:
                case CallBegan(index, name, _):
                    self._begun[index] = _Begun(name)
                case CallArguments(index, text):
                    self._begun[index].pieces.append(text)
                case CallEnded(index):
                    self._report(_ENDED, index)
                case Broken(why, index):
                    self._report(why.value, index)
                case Dropped(why):
                    self._report(why.value, None)
                case _:
                    pass  # text
        return pieces

    def _report(self, fate: str, index: int | None) -> None:
        call = None if index is None else self._begun.pop(index, None)
        if call is None:
            self._tell(CallRead(request_id=self._request_id, fate=fate))
            return
        arguments = "".join(call.pieces)
        self._tell(CallRead(request_id=self._request_id, fate=fate, name=call.name, arguments=arguments))
