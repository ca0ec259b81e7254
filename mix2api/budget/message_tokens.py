"""The tokens of messages, of tools and of a whole history. Pure but for the tokenizer, which is given.

Source of the overheads: OpenAI's cookbook, "How to count tokens with tiktoken": three tokens frame each message, one
more goes with a name, three begin the answer. What a call or a part adds beside its texts is a rule of ours.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec
from attrs import field, frozen

from mix2api.budget.images import ImageRule, image_tokens
from mix2api.budget.tokenizers import Tokenizer
from mix2api.wire.turn import Message, MessageToolCall, is_text

MESSAGE_TOKENS: Final = 3
"""A message's frame, its role included in them but for the word itself."""
ROLE_TOKENS: Final = 1
"""Every role is one token in both vocabularies."""
NAME_TOKENS: Final = 1
ANSWER_TOKENS: Final = 3
"""The frame of the answer to come: once a request."""
CALL_TOKENS: Final = 3
"""A call's frame, as a message has one."""
_IMAGES: Final = frozenset({"image_url", "input_image", "image"})

_encode = msgspec.json.Encoder().encode


@frozen
class MessageCounter:
    """Counts messages for one model."""

    tokenizer: Tokenizer
    images: ImageRule = field(factory=ImageRule)
    name: str = field(init=False)
    """Names the way of counting: counts of a message under one name are equal."""

    @name.default
    def _name(self) -> str:
        return f"{self.tokenizer.name} {self.images}"

    def message(self, message: Message) -> int:
        """One message with its frame."""
        count = self.tokenizer.count
        total = MESSAGE_TOKENS + ROLE_TOKENS + self.content(message.content)
        if message.name:
            total += NAME_TOKENS + count(message.name)
        if message.tool_call_id:
            total += count(message.tool_call_id)
        if message.refusal:
            total += count(message.refusal)
        if message.function_call is not None:
            total += CALL_TOKENS + count(message.function_call.name) + count(message.function_call.arguments)
        return total + sum(map(self._call, message.tool_calls or ()))

    def content(self, content: str | list[dict[str, Any]] | None) -> int:
        """A message's content: text, and parts by their kind."""
        if content is None or isinstance(content, str):
            return self.tokenizer.count(content or "")
        return sum(map(self._part, content))

    def history(self, messages: Iterable[Message]) -> int:
        """Messages, without the frame of the answer."""
        return sum(map(self.message, messages))

    def _call(self, call: MessageToolCall) -> int:
        count = self.tokenizer.count
        total = CALL_TOKENS + count(call.id)
        if call.function is not None:
            total += count(call.function.name) + count(call.function.arguments)
        return total if call.custom is None else total + count(_json(call.custom))

    def _part(self, part: Mapping[str, Any]) -> int:
        if is_text(part):
            return self.tokenizer.count(part["text"])
        if part.get("type") in _IMAGES:
            return image_tokens(part, self.images)
        return self.tokenizer.count(_json(part))  # a file or a sound: nobody's rule, so by its JSON

    def native_tools(self, tools: list[dict[str, Any]] | None) -> int:
        """Tools that a site gets as they are: their JSON, which is at least what a model's own form of them takes."""
        return self.tokenizer.count(_json(tools)) if tools else 0


def _json(value: object) -> str:
    return _encode(value).decode()
