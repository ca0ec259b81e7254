"""What the site says in readable sentences: about a message, and about the results of tools. Pure.

Both texts are functions of what was asked alone, so a test knows every character that its client must get. The reference
at the end of an answer is the digest of the whole user text: two different questions never have the same answer.
"""

import hashlib
import re
from collections.abc import Iterable
from typing import Final

from mix2api.demo.contexts import ToolOutcome

_QUOTED_CHARS: Final = 120
"""Of the user's words: a line and a half on a terminal, enough to recognise a question."""
_TOLD_CHARS: Final = 2000
"""Of a tool's result: a screenful. An agent's files have hundreds of kilobytes, and repeating them tells its user nothing."""
_ABOUT_THE_SITE: Final = (
    "This is the demo site of mix2api: there is no model behind it, so it can only tell you what it received."
)
_ABOUT_TOOLS: Final = (
    "Offer it tools and ask for one of them in plain words: it calls the tool and tells you what came back."
)
_SPACE: Final = re.compile(r"\s+")


def digest_of(asked: str) -> str:
    """The reference of a user text: the first eight hex digits of its SHA-256."""
    return hashlib.sha256(asked.encode("utf-8", "surrogatepass")).hexdigest()[:8]


def answer_about(asked: str, plain: str) -> str:
    """The answer to a message without tools.

    Args:
        asked: the newest user text as it came.
        plain: the same without its directives.
    """
    words = len(plain.split())
    told = f"Your message has {_counted(words, 'word')} in {_counted(len(plain), 'character')}."
    reference = f"The reference of this answer is {digest_of(asked)}."
    return "\n".join((*_opening(plain), f"{_ABOUT_THE_SITE} {told} {_ABOUT_TOOLS} {reference}"))


def answer_from(plain: str, outcomes: Iterable[ToolOutcome]) -> str:
    """The answer once tools were called: each result on a line of its own, in the order that they came.

    Args:
        plain: the newest user text without its directives.
        outcomes: the newest round of results.
    """
    told = [f"The tool {outcome.name} answered: {_beginning(outcome.content)}" for outcome in outcomes]
    return "\n".join((*_opening(plain), *told))


def _opening(plain: str) -> tuple[str, ...]:
    """What was asked, quoted; nothing if the message held directives only."""
    words = _SPACE.sub(" ", plain).strip()
    if not words:
        return ()
    verb = "asked" if words.endswith(("?", "？")) else "wrote"  # noqa: RUF001 - the question mark of Chinese texts
    quoted = words if len(words) <= _QUOTED_CHARS else words[:_QUOTED_CHARS].rstrip() + "…"
    # Half a surrogate pair is not text that JSON in UTF-8 can hold.
    readable = quoted.encode("utf-8", "replace").decode()
    return (f"You {verb}: “{readable}”",)


def _beginning(content: str) -> str:
    if len(content) <= _TOLD_CHARS:
        return content
    return f"{content[:_TOLD_CHARS]}… ({len(content)} characters in all)"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
