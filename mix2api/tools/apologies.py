"""What a client is told instead of a call that it does not get, in the language of its user's last words. Pure.

Never the raw text of the call: it would teach both sides to speak the protocol. And never nothing at all: an empty answer
looks like a fault of the connection.
"""

import re
from typing import Final

from attrs import frozen

from mix2api.tools.instruction import text_of
from mix2api.wire.turn import Message

_LOOKED_AT: Final = 2000
"""Characters of the user's text, its last ones."""
_CHINESE: Final = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]")
_LATIN_WORD: Final = re.compile(r"[A-Za-z]+")


@frozen
class Apologies:
    """The sentences of one language."""

    malformed: str
    """Where a call cannot be read."""
    not_there: str
    """Where every call was to something that was not offered."""


ENGLISH: Final = Apologies(
    malformed="Sorry, I tried to call a tool, but the call was malformed. Please try again.",
    not_there="Sorry, I tried to call a tool that is not available here.",
)
CHINESE: Final = Apologies(
    malformed="\u62b1\u6b49\uff0c\u6211\u5c1d\u8bd5\u8c03\u7528\u5de5\u5177\uff0c\u4f46\u8c03\u7528\u683c\u5f0f\u6709\u8bef\u3002\u8bf7\u518d\u8bd5\u4e00\u6b21\u3002",
    not_there="\u62b1\u6b49\uff0c\u6211\u5c1d\u8bd5\u8c03\u7528\u7684\u5de5\u5177\u5728\u8fd9\u91cc\u4e0d\u53ef\u7528\u3002",
)


def apologies_for(messages: list[Message]) -> Apologies:
    """In Chinese if the last user message has more Chinese characters than English words, else in English."""
    users = (text_of(message) for message in reversed(messages) if message.role == "user")
    said = next((text for text in users if text), "")[-_LOOKED_AT:]
    return CHINESE if len(_CHINESE.findall(said)) > len(_LATIN_WORD.findall(said)) else ENGLISH
