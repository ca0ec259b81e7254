"""Ordinary text: lets it flow, and finds what in it may open a call: a brace of an enclosure, or the first character of a tag.

Where none may: in inline code, in a code block, and in JSON that is no enclosure itself, where a brace stands as a value.
A code block may *be* an enclosure, if that is the first thing in it and its language is none or JSON's. White space that
begins the answer and the opening line of such a block are held until it is known whether they belong to a call.
"""

import re
from collections.abc import Callable
from typing import Final

from mix2api.tools.text.loose_tokens import COLONS, COMMAS
from mix2api.tools.text.pieces import Gathered

_FENCE: Final = 3
"""Backticks or tildes of a fence, at least. Fewer backticks are inline code, fewer tildes are text."""
_LANGUAGES: Final = ("", "json", "json5", "jsonc", "tool", "tool_call", "tool_calls", "tool_code")
"""Of code blocks that may be enclosures."""

_SPACE: Final = re.compile(r"[\s\ufeff]+")
_TILDE: Final = "~"
_RUNS: Final = {mark: re.compile(f"{mark}+") for mark in ("`", _TILDE)}
_OPEN_STOP: Final = re.compile(r"[{`<\[~]")
_NESTED_STOP: Final = re.compile(r"[{}`\n<~]")
_INLINE_STOP: Final = re.compile(r"[`\n]")
_CODE: Final = frozenset("=(")
"""What stands before a brace that is code, though nothing marks it as such."""
_CONTINUED: Final = frozenset((*COLONS, *COMMAS, *_CODE, "["))
"""What ends a line of JSON or code that goes on with a brace on the next one."""
_SENTENCE_ENDS: Final = frozenset(".!?。！？")  # noqa: RUF001 - Chinese sentences
_TAGS: Final = frozenset("<[")
"""What a tag begins with in the middle of an answer."""
_FIRST_TAGS: Final = _TAGS | frozenset("◁")
"""And where something begins; in the middle it would have to be looked for in every delta."""
OPEN: Final = "{`<[~"
"""`Prose.calm` of text in which a call may open."""
CODE: Final = "`"
"""`Prose.calm` of a code block."""


class Prose:
    """The text of one answer outside enclosures."""

    def __init__(self, out: Gathered) -> None:
        self._out = out
        self._take: Callable[[str, int], int] = self._leading
        self.calm = ""
        """If nothing is held: the characters without which text is ordinary from end to end, `OPEN` or `CODE`."""
        self.candidate = ""
        """The last character read, if it may open a call or thought. Then `accept` or `reject` is due."""
        self.flowed = False
        """Whether any text has flowed since the last candidate was accepted."""
        self._before: list[str] = []
        self._held: list[str] = []
        self._fenced = False
        self._mark = "`"
        """What the run of a fence or of inline code consists of."""
        self._ticks = 0
        self._closing = 0
        self._language = ""
        self._language_ended = False
        self._depth = 0
        self.seen = ""
        """The last ordinary text that was not white space, with the white space behind it as far as it has line ends."""

    def feed(self, text: str, position: int) -> int:
        """Reads on from there up to a candidate, or to the end; gives where it stopped."""
        while position < len(text) and not self.candidate:
            position = self._take(text, position)
        return position

    @property
    def fenced(self) -> bool:
        """Whether the candidate stands in a code block."""
        return self._fenced

    @property
    def begins_anew(self) -> bool:
        """Whether the candidate begins the answer, a line, or what follows a sentence."""
        return not self.seen or self._line_empty or self._last in _SENTENCE_ENDS

    def accept(self) -> list[str]:
        """The candidate opens something: gives what was held, which is its own, but for what waits before that."""
        self.candidate = ""
        self._before = []
        self.flowed = False
        held, self._held = self._held, []
        return held

    def reject(self, head: str) -> None:
        """The candidate is none: all that was held flows, then `head`, its character and what was read behind it."""
        self.candidate = ""
        self._held.append(head)
        self._release()
        if self._fenced:
            self._enter_code()
        else:
            self._depth += head.count("{")
            self._see(head)
            self._enter_text()

    def resume(self, before: list[str], held: list[str], *, fenced: bool) -> None:
        """After an enclosure, or thought.

        Args:
            before: what waits to be text; flows if ordinary text goes on. Not copied: it may be long.
            held: white space behind it; likewise, but a candidate that is accepted takes it.
            fenced: whether the code block has not ended.
        """
        self._before, self._held = before, held
        self._fenced = fenced
        self._depth = 0
        self.seen = ""
        self.calm = ""
        self._take = self._leading

    def go_on(self, text: str, *, fenced: bool) -> None:
        """What was taken for something else is ordinary: it flows, and its code block goes on if it is `fenced`."""
        self._out.plain(text)
        self._fenced = fenced
        self._depth = 0
        self.seen = ""
        if fenced:
            self._enter_code()
        else:
            self._see(text)
            self._enter_text()

    def end(self) -> None:
        """There is no more text: what is held was ordinary."""
        self._release()

    def _release(self) -> None:
        self.flowed = True
        for text in (*self._before, *self._held):
            self._out.plain(text)
        self._before, self._held = [], []

    def _enter_text(self) -> None:
        self._fenced = False
        self._take = self._nested if self._depth else self._open
        self.calm = "" if self._depth else OPEN

    def _enter_code(self) -> None:
        self._take = self._code
        self.calm = CODE if self._mark != _TILDE else ""
        self._closing = 0

    def _hold(self, char: str) -> None:
        """At what may open something, or at the first backtick or tilde of a run."""
        self.calm = ""
        if char not in _RUNS:
            self.candidate = char
        else:
            self._held.append(char)
            self._mark = char
            self._ticks = 1
            self._take = self._run

    def _leading(self, text: str, position: int) -> int:
        space = _SPACE.match(text, position)
        if space is not None:
            self._held.append(space[0])
            return space.end()
        char = text[position]
        if char in "{`~" or (char in _FIRST_TAGS and not self._fenced):
            self._hold(char)
            return position + 1
        self._release()
        if self._fenced:
            self._enter_code()
        else:
            self._enter_text()
        return position

    def _open(self, text: str, position: int) -> int:
        end = self._flow(_OPEN_STOP, text, position)
        if end == len(text):
            return end
        char = text[end]
        if (char == "{" and self._last in _CODE) or (char == _TILDE and not self._line_empty):
            self._depth = int(char == "{")
            self._out.plain(char)
            self._see(char)
            self._enter_text()
        else:
            self._hold(char)
        return end + 1

    def _nested(self, text: str, position: int) -> int:
        """Behind a brace that is not closed yet."""
        end = self._flow(_NESTED_STOP, text, position)
        if end == len(text):
            return end
        char = text[end]
        if char == "`" or (char in "{<" and self._begins_anew()) or (char == _TILDE and self._line_empty):
            self._hold(char)
            return end + 1
        self._count(char)
        self._out.plain(char)
        self._see(char)
        if not self._depth:
            self._enter_text()
        return end + 1

    def _begins_anew(self) -> bool:
        """Whether a brace here has nothing to do with the open one before it."""
        if self._line_empty:
            return self._last not in _CONTINUED
        return self._last in _SENTENCE_ENDS

    @property
    def _last(self) -> str:
        return self.seen.rstrip()[-1:]

    def _count(self, char: str) -> None:
        if char == "{":
            self._depth += 1
        elif char == "}":
            self._depth -= 1
        elif char == "\n" and self._line_empty:
            # An empty line: whatever that brace was, this is another paragraph.
            self._depth = 0

    def _see(self, text: str) -> None:
        """Remembers what a brace behind this text is judged by."""
        if text and not text.isspace():
            self.seen = text
        else:
            self.see_space(text)

    def see_space(self, text: str) -> None:
        """Remembers that a line ended behind what was seen last."""
        if "\n" in text and self.seen and not self.seen.endswith("\n"):
            self.seen = self.seen.rstrip() + "\n"

    @property
    def _line_empty(self) -> bool:
        """Whether nothing but white space stands in this line."""
        return "\n" in self.seen[len(self.seen.rstrip()) :]

    def _run(self, text: str, position: int) -> int:
        """Within the backticks or tildes that begin something."""
        run = _RUNS[self._mark].match(text, position)
        if run is not None:
            self._held.append(run[0])
            self._ticks += len(run[0])
            return run.end()
        if self._mark == _TILDE:
            self._release()
            self._behind_tildes()
        elif self._ticks >= _FENCE:
            self._depth = 0
            self._language = ""
            self._language_ended = False
            self._take = self._fence
        else:
            self._release()
            self._closing = 0
            self._take = self._inline
        return position

    def _behind_tildes(self) -> None:
        """A block within tildes is code: models write no calls there, but documents write examples there."""
        if self._ticks >= _FENCE:
            self._depth = 0
            self._enter_code()
        else:
            self._see(_TILDE)
            self._enter_text()

    def _fence(self, text: str, position: int) -> int:
        """Behind the backticks of a fence, up to the first character of what it encloses."""
        char = text[position]
        if char == "{" and self._language in _LANGUAGES:
            self._fenced = True
            self.candidate = char
            return position + 1
        if self._is_code(char):
            self._release()
            self._enter_code()
            return position
        self._held.append(char)
        return position + 1

    def _is_code(self, char: str) -> bool:
        """Whether the block is no enclosure: another language, or something else than a brace in it."""
        if char.isspace():
            self._language_ended = True
            return self._language not in _LANGUAGES
        self._language += char.lower()
        return self._language_ended or not any(known.startswith(self._language) for known in _LANGUAGES)

    def _code(self, text: str, position: int) -> int:
        run = _RUNS[self._mark].match(text, position)
        if run is not None:
            return self._closing_run(run)
        if self._closing >= self._ticks:
            self._see(self._mark)
            self._mark = "`"
            self._enter_text()
            return position
        self._enter_code()
        return self._flow(_RUNS[self._mark], text, position)

    def _inline(self, text: str, position: int) -> int:
        """Inline code ends with as many backticks as it began with, or with its line."""
        run = _RUNS["`"].match(text, position)
        if run is not None:
            return self._closing_run(run)
        if self._closing == self._ticks or text[position] == "\n":
            self._see("`")
            self._enter_text()
            return position
        self._closing = 0
        return self._flow(_INLINE_STOP, text, position)

    def _closing_run(self, run: re.Match[str]) -> int:
        self._out.plain(run[0])
        self._closing += len(run[0])
        self.calm = ""
        return run.end()

    def _flow(self, until: re.Pattern[str], text: str, position: int) -> int:
        stop = until.search(text, position)
        end = len(text) if stop is None else stop.start()
        self._out.plain(text[position:end])
        self._see(text[position:end])
        return end
