"""Finds the directives in a text. Pure: text in, `Directives` out.

A directive is `[[word]]` or `[[word:value]]`; the value ends at the first `]]`, but for tool calls, whose JSON may
hold brackets: there it ends where the JSON does. What is not a word of the table is ordinary text, because real
prompts hold shell tests and wiki links. A word that stands twice counts as it stood last; groups of tool calls add up.
"""

import json
import re
from collections.abc import Iterator
from enum import StrEnum
from typing import Final

from attrs import field, frozen

from mix2api.demo.words import FAULTS, RULES, Rule, Takes, Word

_OPENING: Final = re.compile(r"\[\[([a-z0-9_]+)(:|\]\])")
_NAME: Final = re.compile(r"\s*([A-Za-z_][\w.-]*)\s*")
_SPACE: Final = re.compile(r"\s*")
_REMARK: Final = re.compile(r"<([a-z]+(?:[-_][a-z]+)+)>")
"""The tag of an agent's remark. Its name has several words, so that HTML in a user's text stays."""
_UNCLOSED_MAX: Final = 16
"""Tags without an end after which no more are looked for: each costs a look at the whole text."""
_QUOTED: Final = re.compile(r"\"((?:[^\"\\]|\\.)+)\"", re.DOTALL)


class WrongDirective(ValueError):
    """A word of the table with a value that it cannot have. The message names the word and what it takes."""

    def __init__(self, word: Word, allowed: str) -> None:
        super().__init__(f"directive {word}: {allowed}")


class CallForm(StrEnum):
    """How the site puts tool calls."""

    DELTAS = "tools"
    WHOLE = "tools_whole"
    INTERLEAVED = "tools_interleaved"
    TEXT = "text_tools"


@frozen
class WantedCall:
    """A tool call that a directive asks for; `arguments` is a JSON object's text, as it was written."""

    name: str
    arguments: str


@frozen
class CallGroup:
    """The calls of one answer."""

    form: CallForm
    calls: tuple[WantedCall, ...]


@frozen
class Directives:
    """What a text asks the site to do."""

    values: dict[Word, str] = field(factory=dict)
    """Words with their checked values; `""` where a word has none."""
    groups: tuple[CallGroup, ...] = ()

    def __contains__(self, word: object) -> bool:
        return word in self.values

    def number(self, word: Word, default: int) -> int:
        """The value of a word that takes a number."""
        return int(self.values.get(word, default))

    def text(self, word: Word, default: str = "") -> str:
        """The value of any other word; `default` also where it stood without one."""
        return self.values.get(word) or default

    def of(self, account: str, model: str) -> "Directives":
        """What they ask of a call: no faults where these are for another account or another model only."""
        if (
            self.values.get(Word.ONLY, account) == account
            and self.values.get(Word.ONLY_MODEL, model) == model
        ):
            return self
        kept = {word: value for word, value in self.values.items() if word not in FAULTS}
        return Directives(kept, self.groups)


NOTHING_ASKED: Final = Directives()


def find_directives(text: str) -> Directives:
    """All directives of a text.

    Raises:
        WrongDirective: a word of the table with a value that it cannot have.
    """
    values: dict[Word, str] = {}
    groups: list[CallGroup] = []
    for each in _scan(text):
        values[each.word] = each.value
        if each.calls:
            groups.append(CallGroup(CallForm(each.word), each.calls))
    return Directives(values, tuple(groups))


def without_directives(text: str) -> str:
    """The text's own words: all that stands outside its directives, stripped.

    Agents put words of their own around the user's, in tags such as `<system-reminder>`: those are not the user's words,
    unless there are no others. A text that is quoted as a whole loses the quotes: `opencode run` sends the words of its
    command line so.

    Raises:
        WrongDirective: as `find_directives` does.
    """
    words: list[str] = []
    position = 0
    for each in _scan(text):
        words.append(text[position : each.start])
        position = each.end
    whole = "".join((*words, text[position:])).strip()
    own = _without_remarks(whole).strip() or whole
    quoted = _QUOTED.fullmatch(own)
    return own if quoted is None else quoted[1].replace('\\"', '"')


def _without_remarks(text: str) -> str:
    """The text outside of agents' remarks."""
    outside: list[str] = []
    position = 0
    unclosed: set[str] = set()
    for tag in _REMARK.finditer(text):
        if tag.start() < position or tag[1] in unclosed:
            continue
        closing = f"</{tag[1]}>"
        end = text.find(closing, tag.end())
        if end >= 0:
            outside.append(text[position : tag.start()])
            position = end + len(closing)
        elif len(unclosed) == _UNCLOSED_MAX:
            break
        else:
            unclosed.add(tag[1])
    return "".join((*outside, text[position:]))


@frozen
class _Found:
    """One directive where it stands in a text, its value checked."""

    start: int
    end: int
    word: Word
    value: str = ""
    calls: tuple[WantedCall, ...] = ()


def _scan(text: str) -> Iterator[_Found]:
    position = 0
    while (opening := _OPENING.search(text, position)) is not None:
        position = opening.end()
        if opening[1] not in RULES:
            continue
        word, rule = Word(opening[1]), RULES[Word(opening[1])]
        if rule.takes is Takes.CALLS and opening[2] == ":":
            calls, position = _read_calls(word, text, position)
            yield _Found(opening.start(), position, word, calls=calls)
            continue
        raw: str | None = None
        if opening[2] == ":":
            raw, position = _read_value(word, text, position)
        yield _Found(opening.start(), position, word, _checked(word, rule, raw))


def _read_value(word: Word, text: str, start: int) -> tuple[str, int]:
    end = text.find("]]", start)
    if end < 0:
        raise WrongDirective(word, "`]]` is missing")
    return text[start:end], end + 2


def _checked(word: Word, rule: Rule, raw: str | None) -> str:
    match rule.takes:
        case Takes.NUMBER:
            return _checked_number(word, rule, raw or "")
        case Takes.CHOICE | Takes.CHOICES if raw is None:
            return rule.choices[0]
        case Takes.CHOICES if not set(rule.choices).issuperset((raw or "").split(",")):
            raise WrongDirective(word, f"some of {', '.join(rule.choices)}, with commas between them")
        case Takes.CHOICE if raw not in rule.choices:
            raise WrongDirective(word, f"one of {', '.join(rule.choices)}")
        case Takes.NOTHING if raw is not None:
            raise WrongDirective(word, "takes no value")
        case Takes.TEXT | Takes.CALLS if raw is None:
            raise WrongDirective(word, f"takes {rule.takes}")
        case _:
            return raw or ""


def _checked_number(word: Word, rule: Rule, raw: str) -> str:
    # Ten digits hold every bound of the table and keep int() from working at a megabyte of nines.
    if not re.fullmatch(r"[0-9]{1,10}", raw) or not rule.smallest <= int(raw) <= rule.largest:
        raise WrongDirective(word, f"a whole number from {rule.smallest} to {rule.largest}")
    return raw


def _read_calls(word: Word, text: str, start: int) -> tuple[tuple[WantedCall, ...], int]:
    calls: list[WantedCall] = []
    position = start
    while True:
        name = _NAME.match(text, position)
        if name is None:
            raise WrongDirective(word, "a tool's name is missing")
        arguments, position = _read_arguments(word, text, name.end())
        calls.append(WantedCall(name[1], arguments))
        if text.startswith("]]", position):
            return tuple(calls), position + 2
        if not text.startswith(";", position):
            raise WrongDirective(word, "`;` or `]]` is missing after a call")
        position += 1


def _read_arguments(word: Word, text: str, start: int) -> tuple[str, int]:
    """A JSON object's text, `{}` if there is none, and where the text goes on."""
    if not text.startswith("{", start):
        return "{}", start
    try:
        _, end = json.JSONDecoder().raw_decode(text, start)
    except (ValueError, RecursionError) as fault:
        raise WrongDirective(word, "the arguments are no JSON object") from fault
    after = _SPACE.match(text, end)
    return text[start:end], after.end() if after else end
