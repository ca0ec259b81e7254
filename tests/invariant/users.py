"""Users and what they do: each holds one conversation as its client shows it, and makes requests of it.

A `Move` is what a user does next; `User.asks` makes of it the histories to be sent, at the same time if there are several.
"""

from enum import StrEnum
from typing import Final

from attrs import define, field, frozen
from invariant.sayings import Saying, Style, changed, results, system, user
from invariant.wishes import ONCE, WISHES

OPENINGS: Final = ("hi", "fix the tests", "continue", "yes", "explain\nthis please")
"""What everybody types."""
SYSTEMS: Final = ("", "You are terse.", "You are kind.")
IMAGES: Final = tuple(f"data:image/png;base64,{text}" for text in ("AAAA", "AAAB", "AQID"))
_LONGEST: Final = 30
"""Messages, then a user begins anew: more new ones than a continued turn may send would be withheld."""
_TITLE: Final = system("You write titles.")


class Deed(StrEnum):
    """What a user can do."""

    TALK = "talk"
    """The next turn: tool results where calls are open, else words."""
    INTERRUPT = "interrupt"
    """Words; where calls are open, behind their results."""
    RETRY = "retry"
    """The last request again, as if its answer had been lost."""
    TWICE = "twice"
    """The next turn, sent twice at once."""
    THRICE = "thrice"
    FORK = "fork"
    """Goes back to an earlier place and says something else."""
    EDIT = "edit"
    """Changes something old and goes on from the end."""
    COMPACT = "compact"
    """Leaves an old question and its answer out."""
    SWAP = "swap"
    """Two old messages in each other's place."""
    REMIND = "remind"
    """A system message in the middle."""
    TITLE = "title"
    """The next turn, and a title request about it at the same time."""
    PREFILL = "prefill"
    """Begins the assistant's answer itself."""
    RESTART = "restart"
    """A new conversation."""
    COPY = "copy"
    """Opens another user's saved conversation in this terminal and goes on with it."""
    OTHER_SYSTEM = "other_system"
    """The same conversation under another system prompt."""
    OTHER_TOOLS = "other_tools"
    OTHER_GATEWAY = "other_gateway"
    """Through one that drops the text beside calls, or no longer; from the end, or back from an older answer."""


@frozen(kw_only=True)
class Move:
    """What a user does, drawn by chance; each deed reads what it needs."""

    who: int
    deed: Deed
    words: int = 0
    marked: bool = False
    """Whether the words are this user's alone."""
    wish: str = ""
    image: int = 0
    """0 is none."""
    place: int = 0
    """Which old message, which other user, which system prompt."""
    style: Style = Style.PLAIN
    stream: bool = True


@frozen
class Asking:
    """One request to be made."""

    history: tuple[Saying, ...]
    with_tools: bool
    own: bool = True
    """Whether its answer goes on the user's screen."""


@define(eq=False)
class User:
    """One user of the gateway's key."""

    name: str
    prompt: Saying | None = None
    line: list[Saying] = field(factory=list)
    with_tools: bool = True
    hint: str | None = None
    """What its client sends to mark a working session."""
    drops_text: bool = False
    """Whether the gateway before it drops the text beside tool calls."""
    switched: bool = False
    """Whether that has changed since the conversation began: then texts may be missing from where its session waits."""
    _said: int = 0

    @property
    def is_active(self) -> bool:
        return self._said > 0

    def asks(self, move: Move, others: "list[User]") -> list[Asking]:
        """Changes the conversation by the deed; the requests that follow from it."""
        if len(self.line) > _LONGEST:
            self.line = []
        match move.deed:
            case Deed.RETRY:
                self._forget_answer()
            case Deed.COPY:
                self._copy(others[move.place % len(others)])
                self._talk(move)
            case Deed.OTHER_GATEWAY:
                self._switch(move.place)
                self._talk(move)
            case Deed.TALK | Deed.TWICE | Deed.THRICE | Deed.TITLE:
                self._talk(move)
            case _:
                self._change_course(move)
                self.line.append(self._words(move))
        if move.deed is Deed.PREFILL:
            self.line.append(Saying(role="assistant", text="Well"))
        asking = Asking(self._history(), self.with_tools)
        if move.deed is Deed.TITLE:
            return [asking, self._title(move)]
        return [asking] * {Deed.TWICE: 2, Deed.THRICE: 3}.get(move.deed, 1)

    def hears(self, got: Saying, *, keeps: bool) -> None:
        """An answer, whole or not; what never began is kept by some clients as an empty message."""
        if self.line and self.line[-1].role == "assistant":
            self.line.pop()  # an answer that it began itself: the screen shows what came
        if keeps or got.text:
            self.line.append(got)

    def _history(self) -> tuple[Saying, ...]:
        return tuple(self.line) if self.prompt is None else (self.prompt, *self.line)

    def _title(self, move: Move) -> Asking:
        words = user(OPENINGS[move.words % len(OPENINGS)])
        return Asking((_TITLE, user("Generate a title:"), words), with_tools=False, own=False)

    def _forget_answer(self) -> None:
        while self.line and self.line[-1].role == "assistant":
            self.line.pop()
        if not self.line:
            self.line.append(user(OPENINGS[0]))

    def _copy(self, other: "User") -> None:
        self.line, self.prompt, self.with_tools = list(other.line), other.prompt, other.with_tools
        self.hint, self.drops_text, self.switched = other.hint, other.drops_text, other.switched

    def _switch(self, back: int) -> None:
        self.drops_text, self.switched = not self.drops_text, True
        answers = [at for at, said in enumerate(self.line) if said.role == "assistant"]
        if answers:
            del self.line[answers[-1 - back % min(4, len(answers))] + 1 :]

    def _talk(self, move: Move) -> None:
        last = self.line[-1] if self.line else None
        if last is not None and last.calls:
            self.line.append(results(*((call.id, f"found {move.words}") for call in last.calls)))
        else:
            self.line.append(self._words(move))

    def _change_course(self, move: Move) -> None:
        match move.deed:
            case Deed.INTERRUPT if self.line and self.line[-1].calls:
                self._talk(move)
            case Deed.REMIND:
                self.line.append(system(f"reminder {move.words}"))
            case Deed.RESTART:
                self.line = []
            case Deed.OTHER_SYSTEM:
                text = SYSTEMS[move.place % len(SYSTEMS)]
                self.prompt = system(text) if text else None
            case Deed.OTHER_TOOLS:
                self.with_tools = not self.with_tools
            case _ if self.line:
                self._rewrite(move.deed, move.place % len(self.line))

    def _rewrite(self, deed: Deed, at: int) -> None:
        """Changes what was said."""
        line = self.line
        match deed:
            case Deed.FORK:
                del line[at:]
            case Deed.EDIT if not (self.drops_text and line[at].calls):  # of that text nothing would arrive
                line[at] = changed(line[at])
            case Deed.COMPACT:
                del line[at : at + 2]
            case Deed.SWAP:
                line[at], line[0] = line[0], line[at]
            case _:
                pass

    def _words(self, move: Move) -> Saying:
        self._said += 1
        mark = f" ({self.name} {self._said})" if move.marked else ""
        once = f"[[once:{self.name}.{self._said}]]" if WISHES[move.wish] in ONCE else ""
        text = f"{OPENINGS[move.words % len(OPENINGS)]}{mark}"
        images = () if not move.image else (IMAGES[move.image - 1],)
        return user(f"{text} {move.wish}{once}".strip(), *images)
