"""How the site counts tokens: what a session holds against its window, and the figures of its usage. Pure.

By default a token is four characters. A site that is given a tokenizer counts texts by it, and frames and images by OpenAI's
rules. All of this is the demo's own code: what is tested must not test itself.
"""

import base64
import binascii
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import msgspec
from attrs import frozen

from mix2api.demo.contexts import Kept, SeenMessage, SiteSession, tokens

_MESSAGE_FRAME: Final = 4
_CALL_FRAME: Final = 3
_ANSWER_FRAME: Final = 3
"""Tokens beside the texts. Source: OpenAI's cookbook, "How to count tokens with tiktoken"; a call's are a guess."""
_IMAGE: Final = 85
_TILE: Final = 170
_MOST_TILES: Final = 8
"""Tokens of an image and of each of its tiles. Source: OpenAI's guide "Images and vision", for GPT-4o."""
_TILE_EDGE: Final = 512
_LONG_EDGE: Final = 2048
_SHORT_EDGE: Final = 768
"""Pixels: of a tile, and of the edges to which an image is made smaller first."""
_PNG: Final = b"\x89PNG\r\n\x1a\n"
_PNG_HEAD: Final = 32
"""Characters of base64 that hold a PNG's first 24 bytes: its width and height are the last eight of them."""


@frozen
class TokenCount:
    """The site's way of counting."""

    of_text: Callable[[str], int] | None = None
    """A tokenizer; None: four characters are a token, and frames, images and tools are none."""

    def context(self, session: SiteSession | None, new: Iterable[Kept], tools: Iterable[Any]) -> int:
        """Tokens that a session holds with new messages, and what the turn offers as tools. None: a fresh session."""
        if self.of_text is None:
            held = 0 if session is None else session.chars
            return tokens(held + sum(message.chars for message in new))
        kept = () if session is None else session.kept
        offered = [*tools]
        told = self.of_text(msgspec.json.encode(offered).decode()) if offered else 0
        return _ANSWER_FRAME + told + sum(self._message(message.seen) for message in (*kept, *new))

    def texts(self, texts: Iterable[str]) -> int:
        """Tokens of texts that were said."""
        if self.of_text is None:
            return tokens(sum(map(len, texts)))
        return sum(map(self.of_text, texts))

    def _message(self, message: SeenMessage) -> int:
        texts = [message.text, message.tool_call_id or "", message.name or ""]
        for call in message.tool_calls or ():
            texts += [call.id, call.name, call.function.arguments if call.function is not None else ""]
        parts = message.content if isinstance(message.content, list) else ()
        images = sum(image_tokens(part["image_url"]) for part in parts if "image_url" in part)
        return _MESSAGE_FRAME + _CALL_FRAME * len(message.tool_calls or ()) + self.texts(texts) + images


def image_tokens(image: Mapping[str, Any]) -> int:
    """Tokens of an image by its size; the most that one can take where the size is not known."""
    if image.get("detail") == "low":
        return _IMAGE
    size = _png_size(str(image.get("url")))
    if size is None:
        return _IMAGE + _TILE * _MOST_TILES
    shrunk = min(1.0, _LONG_EDGE / max(size), _SHORT_EDGE / min(size))
    across, down = (-int(-edge * shrunk // _TILE_EDGE) for edge in size)
    return _IMAGE + _TILE * across * down


def _png_size(url: str) -> tuple[int, int] | None:
    """Pixels across and down of a PNG in a `data:` URL."""
    try:
        head = base64.b64decode(url.partition(";base64,")[2][:_PNG_HEAD])
    except binascii.Error:
        return None
    size = int.from_bytes(head[16:20], "big"), int.from_bytes(head[20:24], "big")
    return size if head.startswith(_PNG) and min(size) > 0 else None
