"""What one request was and what came of it, as its user knows it."""

from collections.abc import Sequence
from typing import Final

from attrs import frozen
from invariant.sayings import Saying
from invariant.wishes import Kind

NOTHING: Final = Saying(role="assistant")
"""An empty answer, or what a client keeps of an answer that never began."""
Place = tuple[object, tuple[Saying, ...]]
"""Where sessions wait: the circumstances (tools, hint) and a history up to an answer."""
_GIVEN_UP: Final = ("upstream_lost", "rolled_over")
_SUCCESSES: Final = frozenset({"stop", "tool_calls", "length"})


@frozen(kw_only=True)
class Exchange:
    """One request and what came of it."""

    who: str
    circumstances: object
    history: tuple[Saying, ...]
    kind: Kind
    got: Saying
    """The answer as far as it came."""
    switched: bool = False
    """Whether the conversation's texts beside calls did not always reach the adapter."""
    finish: str | None = None
    status: int = 0
    """0 where the user left before there was one."""
    resolution: str = ""
    """`continued` or `fresh`, and why; empty where the answer does not say."""
    trimmed: bool = False
    """Whether the site was not given the whole history, because its window is small."""

    def __str__(self) -> str:
        said = "\n    ".join(map(str, (*self.history, self.got)))
        return f"\n  {self.who} {self.kind} {self.status} {self.finish} {self.resolution!r}\n    {said}"

    @property
    def answered(self) -> bool:
        return self.finish in _SUCCESSES | {"content_filter"}

    @property
    def is_refused_by_us(self) -> bool:
        """Whether the adapter said that the request is wrong: calls without results, after an edit."""
        return self.status == 400 and not self.resolution

    @property
    def kept_exactly(self) -> bool:
        """Whether the site holds the answer as the user got it. A turn that was to fail but once may be answered."""
        return self.finish in _SUCCESSES and self.kind is not Kind.UNFAITHFUL

    @property
    def took(self) -> bool:
        """Whether it was given a waiting session, be it one that the site had lost, or one that was full."""
        return self.resolution.startswith("continued") or self.resolution.endswith(_GIVEN_UP)

    @property
    def spoken(self) -> tuple[Saying, ...]:
        """The history without messages that say nothing."""
        return tuple(saying for saying in self.history if saying != NOTHING)

    @property
    def is_prefill(self) -> bool:
        """Whether the assistant has the last word: what is answered then has no place of its own."""
        return self.spoken[-1].role == "assistant"

    @property
    def place(self) -> Place | None:
        """Where a session must wait for it; None for an opening and a prefill."""
        spoken = self.spoken
        last = max((at for at, said in enumerate(spoken) if said.role == "assistant"), default=-1)
        return None if last < 0 or self.is_prefill else (self.circumstances, spoken[: last + 1])

    @property
    def next_place(self) -> Place | None:
        """Where the session waits that answered it; None if nowhere."""
        if not self.kept_exactly or self.got == NOTHING or self.is_prefill:
            return None
        return (self.circumstances, (*self.spoken, self.got))

    @property
    def put_back(self) -> bool:
        """Whether it was given a session that the site then refused to go on with, or that it does not fit: it waits as before."""
        refused = (self.kind is Kind.REFUSED and not self.answered) or self.status == 400
        return refused and self.resolution.startswith("continued")


def told(moment: Sequence[Exchange]) -> str:
    """Requests that were made at the same time, for the story that a failure tells."""
    return "".join(map(str, moment))
