"""What is said in a conversation, apart from how a client writes it down; and the many ways of writing it down.

A `Saying` is the oracle's own notion of a message: two are the same if the same was typed or got. Which of its written
forms may stand for it is known here because they are made here: nothing of the adapter's normal form is asked.
"""

import json
from enum import StrEnum
from typing import Any, Final

from attrs import evolve, frozen

BROKEN_ARGUMENTS: Final = '{"x":'
"""What the demo site's `[[bad_tool]]` gives."""
_SHOWN: Final = 60
Written = dict[str, Any]
"""One message as it goes into a request."""


class Style(StrEnum):
    """How a client writes messages down. The same saying under every style is the same history."""

    PLAIN = "plain"
    PARTS = "parts"
    """Content as a list of parts, cut in two."""
    PADDED = "padded"
    """White space around it; calls with other white space and key order; results in another order."""
    NULLS = "nulls"
    """`null` instead of nothing, empty lists, `developer` for `system`."""
    THINKING = "thinking"
    """The assistant's thoughts before its text, unknown keys."""
    SPLIT = "split"
    """Text and calls of one answer as two messages."""


@frozen
class Call:
    """A tool call that a user got."""

    id: str
    name: str
    arguments: str
    """JSON text, as it was got."""


@frozen(kw_only=True)
class Saying:
    """Something typed or got. Equal if the same was said, whoever said it."""

    role: str
    """`system`, `user`, `assistant` or `results`."""
    text: str = ""
    """Without white space at its ends, but for what was got."""
    images: tuple[str, ...] = ()
    calls: tuple[Call, ...] = ()
    results: tuple[tuple[str, str], ...] = ()
    """Call id and text, by id."""

    def __str__(self) -> str:
        """Short, for the story that a failure tells."""
        shown = [self.text if len(self.text) < _SHOWN else f"{self.text[:_SHOWN]}…"]
        shown += [f"<{image[-4:]}>" for image in self.images]
        shown += [f"{call.name}#{call.id[-4:]}{call.arguments}" for call in self.calls]
        shown += [f"#{call_id[-4:]}={text}" for call_id, text in self.results]
        return f"{self.role}: {' '.join(shown)}"


def user(text: str, *images: str) -> Saying:
    return Saying(role="user", text=text, images=images)


def system(text: str) -> Saying:
    return Saying(role="system", text=text)


def results(*given: tuple[str, str]) -> Saying:
    return Saying(role="results", results=tuple(sorted(given)))


def changed(saying: Saying) -> Saying:
    """The saying edited: something that means something else."""
    if saying.role == "results":
        first, *rest = saying.results
        return evolve(saying, results=((first[0], "no: " + first[1]), *rest))
    return evolve(saying, text="no: " + saying.text)


def write(saying: Saying, style: Style, *, drops_text: bool = False) -> list[Written]:
    """The saying in a style, as messages of a request; `drops_text` as gateways do it beside calls."""
    match saying.role:
        case "results":
            return _results(saying, style)
        case "assistant":
            return _assistant(evolve(saying, text="") if drops_text and saying.calls else saying, style)
        case "system":
            role = "developer" if style is Style.NULLS else "system"
            return [{"role": role, "content": _content(saying.text, style)}]
        case _:
            return [{"role": "user", "content": _user_content(saying, style)}]


def _results(saying: Saying, style: Style) -> list[Written]:
    given = saying.results[::-1] if style is Style.PADDED else saying.results
    return [
        {"role": "tool", "tool_call_id": call_id, "content": _content(text, style)} for call_id, text in given
    ]


def _user_content(saying: Saying, style: Style) -> Any:
    if not saying.images:
        return _content(saying.text, style)
    images = [{"type": "image_url", "image_url": {"url": url}} for url in saying.images]
    return [{"type": "text", "text": saying.text}, *images]


def _content(text: str, style: Style) -> Any:
    if style is Style.PARTS:
        middle = len(text) // 2
        return [{"type": "text", "text": text[:middle]}, {"type": "text", "text": text[middle:]}]
    return f" \n{text}\r\n" if style is Style.PADDED else text


def _assistant(saying: Saying, style: Style) -> list[Written]:
    calls = [_call(call, style) for call in saying.calls]
    if style is Style.SPLIT and calls and saying.text:
        return [
            {"role": "assistant", "content": saying.text},
            {"role": "assistant", "content": None, "tool_calls": calls},
        ]
    message: Written = {"role": "assistant", "content": _content(saying.text, style)}
    if style is Style.NULLS:
        message |= {"content": saying.text or None, "refusal": None, "annotations": []}
    if style is Style.THINKING:
        message |= {"content": f"<think>so and so</think>\n{saying.text}", "reasoning_content": "so and so"}
    if calls:
        message["tool_calls"] = calls
    return [message]


def _call(call: Call, style: Style) -> dict[str, Any]:
    arguments = call.arguments
    if style is Style.PADDED and arguments != BROKEN_ARGUMENTS:
        given = json.loads(arguments)
        arguments = json.dumps(dict(reversed(given.items())), indent=1)
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}}


_SEEN: Final = ("role", "content", "name", "tool_call_id")


def fingerprint(message: Written) -> str:
    """A written message as a site may keep it: what it says, byte for byte, without nulls and unknown keys."""
    kept: dict[str, Any] = {key: message[key] for key in _SEEN if message.get(key) is not None}
    if message.get("tool_calls"):
        kept["tool_calls"] = [
            (call["id"], call["function"]["name"], call["function"]["arguments"])
            for call in message["tool_calls"]
        ]
    return json.dumps(kept, sort_keys=True)
