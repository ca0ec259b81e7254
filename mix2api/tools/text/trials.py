"""A piece of text that may be calls, on trial: what it gives as calls, its own text, and which of the two it is.

Three rules say when text stays text. An object with `final` and keys of its own is data. A code block behind prose is an
example, unless the answer ends with it and its calls can be run. A call of a tool that nobody knows is an example too, but
where nothing else is said it is a mistake of the model, which is told so.
"""

from enum import StrEnum, auto

from attrs import define, field

from mix2api.tools.text.enclosures import Enclosure
from mix2api.tools.text.markup import Markup
from mix2api.tools.text.offered_tools import OfferedTools
from mix2api.tools.text.pieces import (
    Broken,
    CallArguments,
    CallBegan,
    CallEnded,
    Dropped,
    FinalText,
    Gathered,
    Piece,
    Why,
)


class Verdict(StrEnum):
    """What a trial comes to."""

    CALLS = auto()
    """Its pieces count, and its text is nobody's."""
    TEXT = auto()
    """It is ordinary text, whole."""
    OPEN = auto()
    """That depends on what follows."""


@define(eq=False)
class Trial:
    """One enclosure or call in tags, and those before it that wait with it."""

    unit: Enclosure | Markup
    out: Gathered
    """Where the unit's pieces go."""
    raw: list[str]
    """Its text, with what was held before it."""
    prior: list[Piece]
    """Of units before it that are calls only if this one is, or dropped only if it is no text."""
    is_example: bool
    """Whether it stands in a code block behind prose."""
    begins_anew: bool
    """Whether it began the answer, a line, or what follows a sentence."""
    first: int
    """Calls that had begun before it."""
    told: list[Piece] = field(factory=list)

    @classmethod
    def of(
        cls, unit: Enclosure | Markup, out: Gathered, *, is_example: bool = False, begins_anew: bool = True
    ) -> "Trial":
        """One of which nothing has been read, with none before it."""
        return cls(
            unit=unit,
            out=out,
            raw=[],
            prior=[],
            is_example=is_example,
            begins_anew=begins_anew,
            first=out.calls,
        )

    def succeed(self, unit: Enclosure | Markup, out: Gathered, *, is_example: bool) -> "Trial":
        """A unit behind this one, with which it waits; takes over what this one holds."""
        self.prior += self.told
        return Trial(
            unit=unit,
            out=out,
            raw=self.raw,
            prior=self.prior,
            is_example=is_example,
            begins_anew=True,
            first=self.out.calls,
        )

    @property
    def is_call(self) -> bool:
        """Whether a call has begun that nothing can turn into text any more."""
        return not self.is_example and self.out.calls > self.first

    def take(self) -> list[Piece]:
        """All of its pieces so far, those before it included."""
        pieces = [*self.prior, *self.told, *self.out.take()]
        self.prior, self.told = [], []
        return pieces

    def verdict(self, offered: OfferedTools, *, spoken: bool) -> Verdict:
        """What it is, once its unit has ended.

        Args:
            offered: what may be called.
            spoken: whether the answer has said anything before.
        """
        self.told += self.out.take()
        if isinstance(self.unit, Markup) and self._is_no_markup(self.unit):
            return Verdict.TEXT
        if self.is_example:
            return Verdict.OPEN if can_be_run(self.told, offered) else Verdict.TEXT
        kinds = {type(piece) for piece in self.told}
        if Broken in kinds or CallBegan in kinds:
            return Verdict.CALLS
        if Dropped in kinds and FinalText not in kinds and self._is_unknown():
            return Verdict.TEXT if spoken else Verdict.OPEN
        is_data = isinstance(self.unit, Enclosure) and self.unit.foreign and Dropped not in kinds
        return Verdict.TEXT if is_data else Verdict.CALLS

    def _is_no_markup(self, unit: Markup) -> bool:
        """Whether text that begins like a call in tags is none: it fits no dialect, or has no name."""
        unnamed = {piece.why for piece in self.told if isinstance(piece, Broken) and piece.index is None}
        return unit.failed or Why.NO_NAME in unnamed or (Why.CUT in unnamed and not self.begins_anew)

    def _is_unknown(self) -> bool:
        """Whether all calls are of tools that the model was never told of."""
        return all(piece.why is Why.NOT_OFFERED for piece in self.told if isinstance(piece, Dropped))


def can_be_run(pieces: list[Piece], offered: OfferedTools) -> bool:
    """Whether these are whole calls of offered tools, with the arguments that those require, and nothing else."""
    names: dict[int, str] = {}
    arguments: dict[int, list[str]] = {}
    whole: set[int] = set()
    for piece in pieces:
        match piece:
            case CallBegan(index, name):
                names[index], arguments[index] = name, []
            case CallArguments(index, text):
                arguments[index].append(text)
            case CallEnded(index):
                whole.add(index)
            case _:
                return False
    return bool(names) and all(
        index in whole and offered.has_required(name, "".join(arguments[index]))
        for index, name in names.items()
    )
