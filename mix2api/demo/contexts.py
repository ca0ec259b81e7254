"""The site's memory of a session: the messages as their client sent them, and the site's own answers.

`SiteSession.messages` is what tests compare with what their users typed and got. `read_asked` finds in a context what
the newest turn asks for. No I/O.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec
from attrs import define, field, frozen
from msgspec import Struct

_RESULT_ROLES: Final = frozenset({"tool", "function"})
_CHARS_PER_TOKEN: Final = 4


class SeenFunction(Struct, frozen=True):
    """A called function as far as the site looks at it."""

    name: str = ""
    arguments: str = ""


class SeenCall(Struct, frozen=True):
    """A call in an assistant message as far as the site looks at it."""

    id: str = ""
    function: SeenFunction | None = None
    """None for a call of another kind, a custom tool's."""

    @property
    def name(self) -> str:
        """The called function's name."""
        return self.function.name if self.function is not None else ""

    @property
    def argument_chars(self) -> int:
        """Characters of the arguments."""
        return len(self.function.arguments) if self.function is not None else 0


class SeenMessage(Struct, frozen=True):
    """A message as far as the site looks at it; it is kept with all else that stood in it."""

    role: str
    content: str | list[dict[str, Any]] | None = None
    name: str | None = None
    tool_calls: list[SeenCall] | None = None
    tool_call_id: str | None = None

    @property
    def text(self) -> str:
        """The content's text; parts that are not text give nothing."""
        if isinstance(self.content, list):
            return "".join(str(part.get("text", "")) for part in self.content)
        return self.content or ""


_SEEN: Final = msgspec.json.Decoder(SeenMessage)


@frozen
class Kept:
    """One message of a context."""

    raw: bytes
    """Its JSON, byte for byte as it came."""
    seen: SeenMessage

    @classmethod
    def of(cls, raw: bytes) -> "Kept":
        """A message from its JSON.

        Raises:
            msgspec.DecodeError: not JSON, or not a message.
        """
        return cls(raw, _SEEN.decode(raw))

    @property
    def chars(self) -> int:
        """Characters that count towards the context window: text and call arguments."""
        calls = self.seen.tool_calls or ()
        return len(self.seen.text) + sum(call.argument_chars for call in calls)


def tokens(chars: int) -> int:
    """The site's own rough count, rounded up."""
    return -(-chars // _CHARS_PER_TOKEN)


@define
class SiteSession:
    """One session of the site's."""

    id: str
    kept: list[Kept] = field(factory=list, repr=False)
    chars: int = 0
    exchanges: list[str] = field(factory=list)
    """Ids of its turns, oldest first."""
    swap_next: bool = False
    """Whether its next turn is answered under another id."""

    def keep(self, messages: Iterable[Kept]) -> None:
        """Appends messages to the context."""
        for message in messages:
            self.kept.append(message)
            self.chars += message.chars

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The context in order, each message as it was sent, own answers included."""
        return [msgspec.json.decode(message.raw) for message in self.kept]


@frozen
class ToolOutcome:
    """A tool's result as the client returned it."""

    name: str
    content: str


@frozen
class Asked:
    """What the newest turn asks for."""

    text: str
    """The newest user text: directives are sought in it, and the numbered answer is made of it."""
    outcomes: tuple[ToolOutcome, ...] = ()
    """The tool results that are the newest messages; empty if the user spoke last."""
    step: int = 0
    """Rounds of tool results since the user spoke."""


def read_asked(context: Sequence[Kept], query: str) -> Asked:
    """Reads what a context's newest turn asks for; `query` stands in for a context without user messages."""
    after: list[SeenMessage] = []
    text = query
    for message in reversed(context):
        if message.seen.role == "user":
            text = message.seen.text
            break
        after.append(message.seen)
    after.reverse()
    if not after or after[-1].role not in _RESULT_ROLES:
        return Asked(text)
    return Asked(text, _newest_outcomes(after), _rounds(after))


def _newest_outcomes(messages: list[SeenMessage]) -> tuple[ToolOutcome, ...]:
    names = {call.id: call.name for message in messages for call in message.tool_calls or ()}
    outcomes: list[ToolOutcome] = []
    for message in reversed(messages):
        if message.role not in _RESULT_ROLES:
            break
        called = message.tool_call_id or ""
        outcomes.append(ToolOutcome(names.get(called) or message.name or called, message.text))
    return tuple(reversed(outcomes))


def _rounds(messages: list[SeenMessage]) -> int:
    rounds, within = 0, False
    for message in messages:
        result = message.role in _RESULT_ROLES
        rounds += result and not within
        within = result
    return rounds
