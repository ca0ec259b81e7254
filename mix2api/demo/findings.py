"""Finds values for a tool in a text: quoted words, paths, addresses, numbers, places and the like. Pure.

`Findings` gives each thing once, in the order of the text, so that two parameters of one kind get two values.
"""

import re
import shlex
from collections.abc import Callable
from typing import Final

from attrs import define, field

_QUOTED: Final = re.compile(r"`([^`\n]+)`|\"([^\"\n]+)\"|“([^”\n]+)”|「([^」\n]+)」|(?<!\w)'([^'\n]+)'(?!\w)")
_URL: Final = re.compile(r"https?://[^\s<>\"'`)\]]*[^\s<>\"'`)\].,;:!?]")
_EMAIL: Final = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_PATH: Final = re.compile(
    r"(?<![\w/:])(?:~?\.{0,2}/)?(?:[\w.-]+/)*[\w-]*\.?[\w-]*\.[A-Za-z]\w{0,7}\b|(?<!\w)(?:~|\.{1,2})?/[\w./-]*"
)
_GLOB: Final = re.compile(r"[\w./-]*\*[\w.*/{},-]*")
_NUMBER: Final = re.compile(r"(?<![\w.-])-?\d+(?:\.\d+)?(?![\w-])")
_CODE: Final = re.compile(r"(?<![\w.-])[A-Za-z]{0,6}[-#]?\d[\w-]*(?![\w.]\w)")
_DATE: Final = re.compile(r"\b\d{4}-\d{2}-\d{2}(?:T[\d:.]+(?:Z|[+-]\d\d:\d\d)?)?")
_ZONE: Final = re.compile(r"\b[A-Z][a-z]+/[A-Z][A-Za-z_]+\b|\bUTC\b|\bGMT\b")
_FORMULA: Final = re.compile(r"[\d(][\d\s+*/().^%-]*[+*/^%-][\d\s+*/().^%-]*[\d)]")
_COMMAND: Final = re.compile(
    r"\b((?:ls|cat|pwd|echo|git|python3?|pip|make|npm|npx|node|pytest|date|whoami|uname|grep|find|head|tail|wc|df|du|ps|env"
    r"|curl|go|cargo|uv|ruff)\b[^\n,;?!]*)"
)
_READ: Final = re.compile(
    r"(?:\b(?:cat|display|open|print|read|show|view)\b|打开|读取)([^\n]*)", re.IGNORECASE
)
_SAID: Final = re.compile(
    r"\b(?:saying|says|containing|contains|with (?:the )?(?:text|content|words)|reading)\s+(.+)", re.DOTALL
)
_PUT: Final = re.compile(r"\b(?:[Ww]rite|[Pp]ut|[Ss]ave|[Aa]dd)\s+(?!a\b|an\b|the\b)(.+?)\s+(?:to|into|in)\s")
_ABOUT: Final = re.compile(r"\b(?:for|about|called|named|titled)\s+([^\n.,;?!]+)")
_AT: Final = re.compile(
    r"\b(?:in|at|near|for|from|to|of)\s+(?!the\b|a\b|an\b|my\b|me\b|this\b|that\b|it\b|today\b|tomorrow\b)(\w[\w'-]*)"
)
_AT_CHINESE: Final = re.compile(
    r"(?:在|查一下|查询|查)?([\u4e00-\u9fff]{2,6}?)(?:的|今天|明天|现在)*(?:天气|气温)|(?:查一下|查询|在)([\u4e00-\u9fff]{2,6})"
)
_SOUGHT: Final = re.compile(r"\bfor\s+([\w.-]*\w)")
_FILES: Final = re.compile(r"\b(?:files?|directory|folder)\b", re.IGNORECASE)
_EXTENSIONS: Final = {
    "python": "**/*.py",
    "markdown": "**/*.md",
    "javascript": "**/*.js",
    "typescript": "**/*.ts",
}
_END: Final = " \t\r\n.,;:!?"
_PROPER_WORDS_MAX: Final = 4


@define(eq=False)
class Findings:
    """The things of one text, each given once."""

    text: str
    _given: set[str] = field(factory=set)
    """Things that were given already; overlapping texts share this set."""
    _all: dict[str, list[str]] = field(factory=dict, init=False)

    def kind(self, kind: str) -> str | None:
        """The next thing of a kind (a key of `KINDS`); None if there is none left."""
        if kind not in self._all:
            self._all[kind] = KINDS[kind](self.text)
        for found in self._all[kind]:
            if found and found not in self._given:
                self._given.add(found)
                return found
        return None

    def mentions(self, word: str) -> bool:
        """Whether a word or a phrase stands in the text."""
        return re.search(rf"(?<!\w){re.escape(word)}(?!\w)", self.text, re.IGNORECASE) is not None

    def stated(self, key: str) -> str | None:
        """The value that the text states for a key, behind `key=` or `key:`."""
        spelt = re.escape(key).replace("_", "[_ ]")
        found = re.search(
            rf"\b{spelt}\s*[=:]\s*(?:[\"'`“]([^\"'`”\n]+)[\"'`”]|([^\s,;]+))", self.text, re.IGNORECASE
        )
        return (found[1] or found[2]).rstrip(_END) if found is not None else None


def _all(pattern: re.Pattern[str]) -> Callable[[str], list[str]]:
    def find(text: str) -> list[str]:
        return [
            next((group for group in each.groups() if group), each[0]).strip(" \t\r\n")
            for each in pattern.finditer(text)
        ]

    return find


def _proper(text: str) -> list[str]:
    """Names: words with a capital that do not begin a sentence, neighbours together."""
    names: list[str] = []
    within: list[str] = []
    begins = True
    for word in text.split():
        bare = word.strip(_END + "\"'`“”()")
        if bare[:1].isupper() and bare != "I" and not begins and len(within) < _PROPER_WORDS_MAX:
            within.append(bare)
        elif within:
            names.append(" ".join(within))
            within = []
        begins = word[-1:] in ".!?:"
        if within and word[-1:] in ",.;:!?":
            names.append(" ".join(within))
            within = []
    return [*names, " ".join(within)]


def _places(text: str) -> list[str]:
    return [*_proper(text), *_all(_AT)(text), *_all(_AT_CHINESE)(text)]


def _patterns(text: str) -> list[str]:
    found = [*_all(_GLOB)(text), *_all(_QUOTED)(text), *_all(_SOUGHT)(text)]
    named = [glob for word, glob in _EXTENSIONS.items() if word in text.lower()]
    return [*found, *named, "*"] if _FILES.search(text) else [*found, *named]


def _commands(text: str) -> list[str]:
    """Commands that stand in the text, then what a shell would run to read the files that the text asks to read."""
    quoted = _all(_QUOTED)(text)
    stated = [each for each in quoted if _PATH.fullmatch(each) is None]
    paths = [path for each in _all(_READ)(text) for path in _all(_PATH)(each)]
    reading = [f"cat {shlex.quote(path)}" for path in paths]
    return [each.rstrip(_END) for each in (*stated, *_all(_COMMAND)(text), *reading, *quoted)]


def _contents(text: str) -> list[str]:
    return [*_all(_QUOTED)(text), *_all(_SAID)(text), *_all(_PUT)(text)]


def _subjects(text: str) -> list[str]:
    return [*_all(_QUOTED)(text), *_all(_ABOUT)(text), text.strip(_END)]


KINDS: Final[dict[str, Callable[[str], list[str]]]] = {
    "quoted": _all(_QUOTED),
    "url": _all(_URL),
    "email": _all(_EMAIL),
    "path": _all(_PATH),
    "pattern": _patterns,
    "number": _all(_NUMBER),
    "date": _all(_DATE),
    "zone": _all(_ZONE),
    "formula": _all(_FORMULA),
    "code": _all(_CODE),
    "command": _commands,
    "content": _contents,
    "subject": _subjects,
    "place": _places,
    "name": _proper,
}
"""The kinds of things. Each finder gives all things of its kind in a text, the best first."""
