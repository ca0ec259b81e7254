"""Which of the offered tools a text asks for, in the order in which it asks. Pure.

A text asks for a tool by the tool's name, by a word of its name ("weather" asks for `get_weather`), or by a verb that
begins a clause ("run" asks for `bash`, "show" for `read`). A name that is an ordinary word of English (`read`, `task`)
counts only where a clause begins with it or after words such as "use". An agent offers a dozen such names, and many
questions hold one by chance. If the text names no tool, it is compared with the beginning of each description.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from attrs import frozen

from mix2api.demo.asking import ACTIONS, CHINESE, COMMON, FILLERS, LEADING, OBJECTS, ORDINARY, RELATED, USING
from mix2api.demo.offers import OfferedTool

_HALF: Final = 0.5
"""Of a name: with less of it, the words are about something else."""
READ_CHARS: Final = 2000
"""Characters of a text that may ask for tools. The rest of a longer text is usually pasted material."""
_PICKS_MAX: Final = 8
"""Tools of one text at most: a longer loop adds nothing to a demo."""
_DESCRIBED_CHARS: Final = 160
"""Of a description: its first sentence. An agent's go on for pages, and their words occur in every question."""
_TELLING_LETTERS: Final = 7
"""A word of so many letters in text and description is a hint by itself ("temperature"), a shorter one half of one."""
_TOKEN: Final = re.compile(
    rf"{'|'.join(CHINESE)}"
    r"|[A-Za-z0-9_\u00c0-\u024f][A-Za-z0-9_\u00c0-\u024f-]*(?:\.[A-Za-z0-9_\u00c0-\u024f-]+)*|[^\W\x00-\u024f]"
)
"""A word, a name or a file's name, or a character of a script without spaces: a name may stand right beside those."""
_PART: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\d_A-Za-z]+|\d+")
_BREAK: Final = re.compile(r"[.,;:!?\n()\u3002\uff0c]")


@frozen
class Pick:
    """A tool that is asked for."""

    tool: OfferedTool
    clause: str
    """The part of the text that asks for it, up to where the next one is asked for."""
    certain: bool = True
    """False if only a verb or a description led to the tool. The words must then give every required argument."""


@frozen
class _Token:
    start: int
    word: str
    """In lower case, and English if it is one of `CHINESE`."""
    stem: str
    leads: bool
    """Whether a clause begins here."""
    chosen: bool
    """Whether it stands after "use", or before "tool"."""
    purpose: bool
    """Whether it names a purpose: it stands after "to"."""


@frozen
class _Hit:
    tool: OfferedTool
    token: _Token
    named: bool = False
    """By its whole name."""
    certain: bool = True


@frozen
class _Names:
    """The offered tools by the words that ask for them."""

    tools: Sequence[OfferedTool]
    parts: dict[str, frozenset[str]]

    @classmethod
    def of(cls, tools: Sequence[OfferedTool]) -> "_Names":
        return cls(tools, {tool.name: name_words(tool.name) for tool in tools})

    def named(self, token: _Token) -> OfferedTool | None:
        return next((tool for tool in self.tools if tool.name.lower() == token.word), None)

    def sharing(self, token: _Token, said: frozenset[str]) -> tuple[OfferedTool | None, float]:
        """The tool with this word in its name of which most is said, and how much of its name that is."""
        best, most = None, 0.0
        for tool in self.tools:
            parts = self.parts[tool.name]
            share = len(parts & said) / len(parts) if token.stem in parts else 0.0
            if share > most:
                best, most = tool, share
        return best, most

    def acting(self, token: _Token, said: frozenset[str]) -> OfferedTool | None:
        """The tool that a verb at the beginning of a clause, or a related word anywhere, asks for.

        A verb does not ask for a tool that acts on a thing of its own: "show" asks for `view_image` only beside "image".
        """
        verbs = ACTIONS.get(token.word, ()) if token.leads else ()
        fitting = OBJECTS | said | frozenset(verbs)
        for wanted in verbs:
            for tool in self.tools:
                if wanted in self.parts[tool.name] <= fitting:
                    return tool
        for wanted in RELATED.get(token.word, ()):
            for tool in self.tools:
                if wanted in self.parts[tool.name]:
                    return tool
        return None


def picks_of(text: str, tools: Sequence[OfferedTool]) -> tuple[Pick, ...]:
    """The tools that the text asks for; the n-th is due after n rounds of results."""
    read = text[:READ_CHARS]
    hits = _hits(read, tools)
    if not hits:
        described = _described(read, tools)
        return () if described is None else (Pick(described, read, certain=False),)
    borders = [0, *(hit.token.start for hit in hits[1:]), len(read)]
    return tuple(
        Pick(hit.tool, read[borders[place] : borders[place + 1]], hit.certain)
        for place, hit in enumerate(hits)
    )


def name_words(name: str) -> frozenset[str]:
    """The words of a name that say something: of `getWeather`, `weather`; all of them if none does."""
    words = frozenset(_stem(part.lower()) for part in _PART.findall(name))
    return words - FILLERS or words or frozenset({name.lower()})


def _stem(word: str) -> str:
    """Without the plural's `s`."""
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word  # noqa: PLR2004 - "was", "yes"


def _tokens(text: str) -> Iterator[_Token]:
    found = list(_TOKEN.finditer(text))
    for place, each in enumerate(found):
        word = CHINESE.get(each[0], each[0].lower())
        before = found[place - 1] if place else None
        after = found[place + 1][0].lower() if place + 1 < len(found) else ""
        previous = before[0].lower() if before is not None else ""
        broken = before is None or _BREAK.search(text, before.end(), each.start()) is not None
        yield _Token(
            each.start(),
            word,
            _stem(word),
            leads=broken or previous in LEADING or each[0] in CHINESE,
            chosen=_is_chosen(found, place) or after in {"tool", "function"},
            purpose=previous == "to",
        )


def _is_chosen(found: list[re.Match[str]], place: int) -> bool:
    """Whether "use" stands before a word, an article between them or not."""
    before = [each[0].lower() for each in found[max(0, place - 2) : place]]
    return not USING.isdisjoint(before[-1:]) or (before[-1:] == ["the"] and not USING.isdisjoint(before))


def _hits(text: str, tools: Sequence[OfferedTool]) -> list[_Hit]:
    names = _Names.of(tools)
    tokens = list(_tokens(text))
    said = frozenset(token.stem for token in tokens)
    hits: list[_Hit] = []
    for token in tokens:
        hit = _hit(token, names, said)
        if hit is not None and _is_new(hit, hits):
            hits.append(hit)
    # Words that a tool named in full shares with others do not ask for the others.
    meant = frozenset(part for hit in hits if hit.named for part in names.parts[hit.tool.name])
    asking = [hit for hit in hits if hit.named or hit.token.stem not in meant]
    # Half a name, or a word that is only related, counts where nothing else asks for anything.
    strong = [hit for hit in asking if hit.certain or hit.token.leads]
    return (strong or asking)[:_PICKS_MAX]


def _is_new(hit: _Hit, hits: list[_Hit]) -> bool:
    """Whether a hit asks for one more call: of a tool asked for before only a new clause does."""
    if hits and hits[-1].token.chosen and hit.token.purpose:
        return False  # "use the shell to list files"
    return hit.token.leads or all(hit.tool != each.tool for each in hits)


def _hit(token: _Token, names: _Names, said: frozenset[str]) -> _Hit | None:
    ordinary = token.stem in ORDINARY
    if token.leads or token.chosen or not ordinary:
        if (named := names.named(token)) is not None:
            return _Hit(named, token, named=True, certain=token.chosen or not ordinary)
        tool, share = names.sharing(token, said)
        if tool is not None and share >= _HALF:
            return _Hit(tool, token, certain=share > _HALF)
    if (acting := names.acting(token, said)) is not None:
        return _Hit(acting, token, certain=False)
    return None


def _described(text: str, tools: Sequence[OfferedTool]) -> OfferedTool | None:
    said = _telling_words(text)
    best, most = None, 1
    for tool in tools:
        shared = said & _telling_words(tool.description[:_DESCRIBED_CHARS].partition(". ")[0])
        weight = sum(2 if len(word) >= _TELLING_LETTERS else 1 for word in shared)
        if weight > most:
            best, most = tool, weight
    return best


def _telling_words(text: str) -> frozenset[str]:
    words = (_stem(each[0].lower()) for each in _TOKEN.finditer(text))
    return frozenset(word for word in words if len(word) > 3 and word not in COMMON)  # noqa: PLR2004 - "the", "and"
