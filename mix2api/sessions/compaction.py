"""How agents begin a history that they have compacted: with a summary in place of what they left out. Pure (ADR 61).

An agent that runs out of context asks a model for a summary, and goes on with a history that begins with it. The summary
stands before any answer, or is the first answer. Each agent marks it in words of its own, which are part of its program.
"""

import re
from collections.abc import Iterable
from itertools import islice
from typing import Final

from mix2api.wire.responses_items import SUMMARY_HEAD
from mix2api.wire.turn import RESULT_ROLES, Message, is_text

HEADS: Final = (
    # Claude Code, 2.0 and 2.1
    "This session is being continued from a previous conversation",
    # Codex, `templates/compact/summary_prefix.md`
    "Another language model started to solve this problem and produced a summary",
    # Codex up to 0.4x, `templates/compact/history_bridge.md`: the user's messages first, then the summary
    "You were originally given instructions from a user over one or more turns.",
    # Codex by `POST /v1/responses/compact`: the item, as a message (ADR 50)
    SUMMARY_HEAD,
    # OpenCode 2, `session/runner/to-llm-message.ts`
    "<conversation-checkpoint>",
    # pi, `core/messages.ts`
    "The conversation history before this point was compacted into the following summary:",
    # Copilot CLI
    "Some of the conversation history has been summarized to free up context.",
)
"""First words of a user message that is a summary."""
QUESTION: Final = "What did we do so far?"
"""OpenCode 1, `session/message-v2.ts`: the whole user message to which the summary is the answer."""
_OPEN, _CLOSE = "<system-reminder>", "</system-reminder>"
"""Claude Code puts reminders before the user's words."""
_SOLID: Final = re.compile(r"\S")
_SPACES: Final = 64
"""White space that is passed over before a reminder or a summary: agents write a few line breaks."""
_MESSAGES: Final = 1024
"""Messages that are read, in about a millisecond: Codex keeps the user's messages of 20,000 tokens before its summary."""


def summary_in(messages: Iterable[Message]) -> str | None:
    """The text that holds the summary with which a history begins; None: it begins with none.

    Reads no further than the first answer.
    """
    was_asked = False
    for message in islice(messages, _MESSAGES):
        if message.role in RESULT_ROLES:
            return None
        if message.role == "assistant":
            return "".join(_texts(message)) if was_asked else None
        if message.role == "user":
            texts = list(_texts(message))
            summary = next((text for text in texts if _is_summary(text)), None)
            if summary is not None:
                return summary
            was_asked = len(texts) == 1 and texts[0].strip() == QUESTION
    return None


def _is_summary(text: str) -> bool:
    found = _SOLID.search(text, 0, _SPACES)
    while found is not None:
        at = found.start()
        if not text.startswith(_OPEN, at):
            return text.startswith(HEADS, at)
        closes = text.find(_CLOSE, at)
        behind = closes + len(_CLOSE)
        found = None if closes < 0 else _SOLID.search(text, behind, behind + _SPACES)
    return False


def _texts(message: Message) -> Iterable[str]:
    if isinstance(message.content, str):
        return (message.content,)
    return (part["text"] for part in message.content or () if is_text(part))
