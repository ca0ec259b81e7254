"""A turn as a runtime's prompt. Pure.

The runtime session lives for one run, so the prompt brings all: leading instructions as `system`, the history as a text
before the last message, the last messages of the user as they are. Images go as files.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from mix2api.upstreams.opencode.options import Profile
from mix2api.upstreams.port import UpstreamCall
from mix2api.wire.turn import Message, is_text

_INSTRUCTIONS: Final = frozenset({"system", "developer"})
_BEFORE: Final = "The conversation so far:\n\n"
_AFTER: Final = "\n\nThe user's new message follows. Answer it."


def prompt_of(call: UpstreamCall, profile: Profile) -> dict[str, Any]:
    """The body of `prompt_async`."""
    messages = call.messages
    leading, last = borders(messages)
    history = [_line(message) for message in messages[leading:last]]
    parts: list[dict[str, Any]] = []
    if history:
        parts.append(_text(_BEFORE + "\n\n".join(history) + (_AFTER if last < len(messages) else "")))
    for message in messages[last:]:
        parts += _parts(message)
    body: dict[str, Any] = {"parts": parts}
    if leading:
        body["system"] = "\n\n".join(_text_of(message) for message in messages[:leading])
    if profile.model is not None:
        provider, _, model = profile.model.partition("/")
        body["model"] = {"providerID": provider, "modelID": model}
    if profile.agent is not None:
        body["agent"] = profile.agent
    return body


def borders(messages: Sequence[Message]) -> tuple[int, int]:
    """Where the history of messages begins and ends: behind leading instructions, before the user's last messages."""
    leading = 0
    while leading < len(messages) and messages[leading].role in _INSTRUCTIONS:
        leading += 1
    last = len(messages)
    while last > leading and messages[last - 1].role == "user":
        last -= 1
    return leading, last


def words_of(message: Message) -> str:
    """One message of the history in words, its calls included. For a part that is no text the word of its type stands."""
    words = _text_of(message)
    for call in message.tool_calls or ():
        if call.function is not None:
            words += f"\n[called {call.function.name} with {call.function.arguments}]"
    return words.strip()


def _line(message: Message) -> str:
    return f"{message.role}: {words_of(message)}"


def _text_of(message: Message) -> str:
    content = message.content
    if content is None or isinstance(content, str):
        return content or ""
    return "\n".join(str(part["text"]) if is_text(part) else f"[{part.get('type')}]" for part in content)


def _parts(message: Message) -> Iterable[dict[str, Any]]:
    """A user's message, part by part. A part that a runtime has no word for goes as its JSON: nothing is dropped."""
    content = message.content
    if content is None or isinstance(content, str):
        yield _text(content or "")
        return
    for part in content:
        if is_text(part):
            yield _text(part["text"])
        elif (url := _image(part)) is not None:
            yield {"type": "file", "mime": _mime(url), "url": url}
        else:
            yield _text(msgspec.json.encode(part).decode())


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def _image(part: dict[str, Any]) -> str | None:
    image = part.get("image_url")
    url = image.get("url") if isinstance(image, dict) else image
    return url if isinstance(url, str) else None


def _mime(url: str) -> str:
    """Of a data URL its own type; of another what most images are."""
    if url.startswith("data:"):
        return url[5:].partition(",")[0].partition(";")[0] or "image/png"
    return "image/png"
