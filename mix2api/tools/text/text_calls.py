"""One call as an enclosure tells it, member by member, in any order: what goes to the client of it, and when.

A call begins once its name is known to be offered *and* its arguments begin, so that an id between the two is not lost;
arguments that stand before the name wait for it.
"""

from enum import StrEnum, auto

from mix2api.tools.text.offered_tools import OfferedTools
from mix2api.tools.text.pieces import Broken, CallEnded, Dropped, Gathered, Why


class _Arguments(StrEnum):
    MISSING = auto()
    UNDER_WAY = auto()
    WHOLE = auto()


class TextCall:
    """One call."""

    def __init__(self, offered: OfferedTools, out: Gathered) -> None:
        self._offered = offered
        self._out = out
        self._name: str | None = None
        self._given_id: str | None = None
        self._begun = False
        self._index = 0
        self._dropped = False
        self._flawed = False
        self._arguments = _Arguments.MISSING
        self._waiting: list[str] = []

    @property
    def takes_arguments(self) -> bool:
        """Whether none have come so far: of two, the first count."""
        return self._arguments is _Arguments.MISSING

    def name(self, name: str) -> None:
        """The tool; of two names the first counts."""
        if self._name is None and name.strip():
            self._name = name.strip()
            if self._arguments is not _Arguments.MISSING:
                self._begin(self._name)

    def given_id(self, given_id: str) -> None:
        """What the site calls the call. Too late once the client has been told one."""
        if self._given_id is None and given_id:
            self._given_id = given_id

    def begin_arguments(self) -> None:
        """Their first bracket or quote."""
        self._arguments = _Arguments.UNDER_WAY
        if self._name is not None:
            self._begin(self._name)

    def arguments(self, text: str) -> None:
        """Strict JSON text of them."""
        if self._dropped or self._flawed:
            return
        if self._begun:
            self._out.arguments(self._index, text)
        else:
            self._waiting.append(text)

    def flaw(self) -> None:
        """They cannot be read as an object."""
        self._flawed = True

    def end_arguments(self) -> None:
        """Their last bracket or quote."""
        self._arguments = _Arguments.WHOLE

    def end(self, *, cut: bool) -> None:
        """The call is over; `cut` if the text ended before its bracket closed. Whole arguments make it whole."""
        if self._arguments is _Arguments.MISSING and self._name is not None:
            self._begin_without(self._name, cut=cut)
        if self._dropped:
            return
        why = self._fault(cut=cut)
        if why is None:
            self._out.put(CallEnded(self._index))
        else:
            self._out.put(Broken(why, self._index if self._begun else None))

    def _begin_without(self, name: str, *, cut: bool) -> None:
        """A call without arguments has empty ones, but not if they might have been cut off."""
        if name not in self._offered.names:
            self._drop(name)
        elif not cut:
            self.begin_arguments()
            self.arguments("{}")

    def _fault(self, *, cut: bool) -> Why | None:
        if cut and (self._name is None or self._arguments is not _Arguments.WHOLE):
            return Why.CUT
        if self._name is None:
            return Why.NO_NAME
        return Why.ARGUMENTS if self._flawed else None

    def _begin(self, name: str) -> None:
        if name not in self._offered.names:
            self._drop(name)
        elif not self._flawed:
            self._begun = True
            self._index = self._out.begin(name, self._given_id)
            for text in self._waiting:
                self._out.arguments(self._index, text)
            self._waiting = []

    def _drop(self, name: str) -> None:
        self._dropped = True
        self._waiting = []
        self._out.put(Dropped(Why.FORBIDDEN if name in self._offered.known else Why.NOT_OFFERED))
