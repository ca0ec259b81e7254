"""Chat Completions answers as bytes: the frames of a stream, and the one object of a whole answer.

What never changes within a run (id, time, model) is encoded once into templates; a text frame is then one JSON string
between two constants (0.2 µs, where encoding a dict per chunk takes 0.9, and 4.5 with the standard library). Frames end with a blank line and are meant to
be joined: everything that is pending leaves in one write.
"""

from collections.abc import Iterator
from itertools import chain
from typing import Any, Final

import msgspec
from attrs import define, field, frozen

from mix2api.events.kinds import Usage
from mix2api.vocabulary import FinishReason, RunId
from mix2api.wire.error_answer import DONE, error_frame
from mix2api.wire.passed_on import GatheredFields, PassedOn, joined, raw_fields
from mix2api.wire.roomy import json_of, room_for

KEEP_ALIVE: Final = b": keep-alive\n"
"""An SSE comment: parsers skip it, idle timers and disconnect detection see it. No blank line follows: openai-go before 3.43
takes one without an event before it for the stream's end."""

_encode = msgspec.json.Encoder().encode
_SHORT: Final = 120
"""Characters: so many fit into the encoder's first buffer of 512 bytes, however they are written."""
_ROOM: Final = 4096
"""Bytes for what stands beside the texts: ids, and names of tools."""


PIECE_CHARS: Final = 5000
"""Characters of a text in one chunk. As JSON they take 30,000 bytes at most, and readers that take lines of 64 KiB at most (Go's
`bufio.Scanner`) or 32 KB see none that is longer."""


def _pieces(text: str) -> Iterator[str]:
    return (text[start : start + PIECE_CHARS] for start in range(0, len(text), PIECE_CHARS))


_NO_COUNTS: Final = Usage(prompt_tokens=0, completion_tokens=0, total_tokens=0)


@frozen(kw_only=True)
class AnswerFrame:
    """What is the same in every chunk of one answer."""

    run_id: RunId
    created_s: int
    """Unix seconds."""
    model: str = field(repr=False)
    """As the client wrote it."""
    legacy_functions: bool = False
    """Answer with `function_call` instead of `tool_calls`."""
    include_usage: bool = False
    """Streams only: every chunk has `usage`, null but in the last."""

    def head(self, kind: str) -> bytes:
        """The object's beginning, up to and without `choices`."""
        return (
            f'{{"id":"chatcmpl-{self.run_id}","object":"{kind}","created":{self.created_s},"model":'.encode()
            + _encode(self.model)
            + b","
        )


class ChunkWriter:
    """The chunks of one stream. Methods give whole frames; nothing is kept of what was written."""

    __slots__ = (
        "_head",
        "_include_usage",
        "_legacy",
        "_object",
        "_reasoning",
        "_tail",
        "_text",
        "_usage_field",
    )

    def __init__(self, frame: AnswerFrame) -> None:
        self._legacy = frame.legacy_functions
        self._include_usage = frame.include_usage
        self._object = frame.head("chat.completion.chunk")
        self._head = b"data: " + self._object + b'"choices":[{"index":0,"delta":{'
        self._usage_field = b',"usage":null' if frame.include_usage else b""
        self._tail = b'},"logprobs":null,"finish_reason":null}]' + self._usage_field + b"}\n\n"
        self._text = self._head + b'"content":'
        self._reasoning = self._head + b'"reasoning_content":'

    def role(self) -> bytes:
        """The first chunk of every stream."""
        return self._head + b'"role":"assistant","content":""' + self._tail

    def texts(self, texts: list[str]) -> bytes:
        """Pieces of the answer, at least one: a chunk for each."""
        if max(map(len, texts)) > _SHORT:
            return b"".join(map(self._long_text, texts))
        if len(texts) == 1:
            return self._text + _encode(texts[0]) + self._tail
        return self._text + (self._tail + self._text).join(map(_encode, texts)) + self._tail

    def _long_text(self, text: str) -> bytes:
        if len(text) > PIECE_CHARS:
            return b"".join(map(self._long_text, _pieces(text)))
        return self._text + json_of(text, room_for(text) + 2) + self._tail

    def reasoning(self, text: str) -> bytes:
        """A piece of reasoning, in the field that OpenAI-compatible clients read."""
        if len(text) > PIECE_CHARS:
            return b"".join(map(self.reasoning, _pieces(text)))
        encoded = _encode(text) if len(text) <= _SHORT else json_of(text, room_for(text) + 2)
        return self._reasoning + encoded + self._tail

    def tool_call(self, index: int, arguments: str, call_id: str | None, name: str | None) -> bytes:
        """A piece of a tool call; `call_id` and `name` with the first piece of each index only."""
        if len(arguments) > PIECE_CHARS:
            first, *others = _pieces(arguments)
            begun = self.tool_call(index, first, call_id, name)
            return begun + b"".join(self.tool_call(index, other, None, None) for other in others)
        function: dict[str, Any] = (
            {"arguments": arguments} if name is None else {"name": name, "arguments": arguments}
        )
        if self._legacy:
            return self._head + b'"function_call":' + _encode(function) + self._tail
        call: dict[str, Any] = {"index": index}
        if call_id is not None:
            call |= {"id": call_id, "type": "function"}
        return self._head + b'"tool_calls":' + _encode([call | {"function": function}]) + self._tail

    def passed_on(self, fields: PassedOn) -> bytes:
        """Fields of the upstream's own, in a chunk of their own."""
        choice = {
            "index": 0,
            "delta": raw_fields(fields.delta),
            "logprobs": None,
            **raw_fields(fields.choice),
            "finish_reason": None,
        }
        beside = _encode(raw_fields(fields.chunk))[1:-1]
        return b"".join(
            (
                b"data: ",
                self._object,
                b'"choices":',
                _encode([choice]),
                self._usage_field,
                *((b",", beside) if beside else ()),
                b"}\n\n",
            )
        )

    def finish(self, reason: FinishReason, usage: Usage | None) -> bytes:
        """All that ends a successful stream: finish chunk, usage chunk if asked for, `[DONE]`."""
        end = (
            self._head
            + b'},"logprobs":null,"finish_reason":"'
            + finish_word(reason, legacy=self._legacy).encode()
            + b'"}]'
            + self._usage_field
            + b"}\n\n"
        )
        if self._include_usage:
            end += (
                b"data: " + self._object + b'"choices":[],"usage":' + _encode(usage_object(usage)) + b"}\n\n"
            )
        return end + DONE

    def failure(self, error: bytes, usage: Usage | None) -> bytes:
        """All that ends a failing stream: error frame, terminal chunk, `[DONE]`.

        Args:
            error: the object under `error` (`mix2api.wire.error_answer.stream_error`).
            usage: counts known so far; stands in the terminal chunk if the client asked for usage.
        """
        counts = b""
        if self._include_usage:
            counts = b',"usage":' + _encode(usage_object(usage) if usage is not None else None)
        terminal = (
            self._head + b'},"logprobs":null,"finish_reason":"error"}],"error":' + error + counts + b"}\n\n"
        )
        return error_frame(error) + terminal + DONE


@define
class _Call:
    call_id: str
    name: str
    arguments: list[str]


class WholeAnswer:
    """Collects the same pieces that a stream would carry and gives the one object of a whole answer.

    Args:
        frame: what is the same in all of them.
        session_id: stands in the body, beside the header, as the earlier adapter's answers had it.
    """

    def __init__(self, frame: AnswerFrame, session_id: str | None = None) -> None:
        self._frame = frame
        self._session_id = session_id
        self._texts: list[str] = []
        self._reasonings: list[str] = []
        self._calls: dict[int, _Call] = {}
        self._passed_on: tuple[GatheredFields, GatheredFields, GatheredFields] | None = None
        """Of the message, the choice and the object."""

    def text(self, text: str) -> None:
        """A piece of the answer."""
        self._texts.append(text)

    def reasoning(self, text: str) -> None:
        """A piece of reasoning."""
        self._reasonings.append(text)

    def tool_call(self, index: int, arguments: str, call_id: str | None, name: str | None) -> None:
        """A piece of a tool call."""
        call = self._calls.get(index)
        if call is None:
            self._calls[index] = _Call(call_id or "", name or "", [arguments])
        else:
            call.arguments.append(arguments)

    def passed_on(self, fields: PassedOn) -> None:
        """Fields of the upstream's own."""
        if self._passed_on is None:
            self._passed_on = GatheredFields(), GatheredFields(), GatheredFields()
        for gathered, said in zip(self._passed_on, (fields.delta, fields.choice, fields.chunk), strict=True):
            gathered.add(said)

    def finish(self, reason: FinishReason, usage: Usage | None) -> bytes:
        """The `chat.completion` object."""
        word = finish_word(reason, legacy=self._frame.legacy_functions)
        choice = {"index": 0, "message": self._message(), "logprobs": None, "finish_reason": word}
        beside = b""
        if self._passed_on is not None:
            message, beside_message, beside_choices = (gathered.whole() for gathered in self._passed_on)
            choice["message"] = joined(choice["message"], message)
            choice |= beside_message
            beside = _encode(beside_choices)[1:-1]
        return (
            self._frame.head("chat.completion")
            + b'"choices":'
            + json_of([choice], _ROOM + self._room())
            + b',"usage":'
            + _encode(usage_object(usage))
            + (b"," + beside if beside else b"")
            + (b"" if self._session_id is None else b',"session_id":' + _encode(self._session_id))
            + b"}"
        )

    def _room(self) -> int:
        arguments = (part for call in self._calls.values() for part in call.arguments)
        return sum(map(room_for, chain(self._texts, self._reasonings, arguments)))

    def _message(self) -> dict[str, Any]:
        content = "".join(self._texts)
        message: dict[str, Any] = {
            "role": "assistant",
            "content": content if content or not self._calls else None,
            "refusal": None,
            "annotations": [],
        }
        if self._reasonings:
            message["reasoning_content"] = "".join(self._reasonings)
        calls = [self._calls[index] for index in sorted(self._calls)]
        if calls and self._frame.legacy_functions:
            message["function_call"] = _function(calls[0])
        elif calls:
            message["tool_calls"] = [
                {"id": call.call_id, "type": "function", "function": _function(call)} for call in calls
            ]
        return message


def _function(call: _Call) -> dict[str, str]:
    return {"name": call.name, "arguments": "".join(call.arguments)}


def finish_word(reason: FinishReason, *, legacy: bool) -> str:
    """OpenAI's `finish_reason`; callers of the legacy form get the legacy word."""
    return "function_call" if legacy and reason is FinishReason.TOOL_CALLS else reason.value


def usage_object(usage: Usage | None) -> dict[str, Any]:
    """OpenAI's `usage`: always an object of whole numbers. Only an edge whose worker is of an older version knows none."""
    if usage is None:
        usage = _NO_COUNTS
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
    }
