"""The openai SDK as a client that compares what it was given, byte for byte, with what the site said.

Its calls block, so they belong in a thread. Whatever happens on the way, an answer is a beginning of what the site said; one
that ends without a finish must have ended by an exception, or the SDK's user would take it for whole.
"""

from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from typing import Any, Final, Self

import openai
from attrs import define, field, frozen

from mix2api.demo import answer_text
from mix2api.demo.contexts import ToolOutcome

MODEL: Final = "mix/qwen-3-235b-instruct"
_TIMEOUT_S: Final = 90.0
"""Without a byte. An edge that lives, paused or not, ends its streams sooner."""
_TRIES: Final = 6
"""Of one round of a loop, as an agent repeats a round that failed."""
_CUTS: Final = frozenset({"APIConnectionError", "RemoteProtocolError", "ReadError", "ConnectError"})
"""By name: the SDK lets exceptions of its HTTP library through, and which library that is depends on its version."""


class Fault(StrEnum):
    """How an answer failed."""

    REFUSED = "refused"
    """By a status."""
    BROKEN = "broken"
    """By the failing ending of a stream."""
    CUT = "cut"
    """The connection ended before any ending."""


@frozen
class Seen:
    """One answer."""

    expected: str
    """What the site says."""
    text: str
    finish: str | None
    fault: Fault | None = None
    said: str = ""
    """By the exception."""
    port: int = 0
    """Of the edge that was asked."""

    @property
    def wrong(self) -> str:
        """What is wrong with it; empty if nothing is. Whether a cut is wrong, only who knows the edge can say."""
        if not self.expected.startswith(self.text):
            return f"other bytes: {self.text!r} instead of {self.expected!r}"
        if self.fault is None and self.finish is None:
            return f"neither finish nor exception after {self.text!r}"
        if self.fault is None and self.text != self.expected:
            return f"a finish ({self.finish}) after {self.text!r} of {self.expected!r}"
        return ""


@frozen
class Round:
    """Calls that the site makes in one answer: names, each with the number that is its argument."""

    calls: tuple[tuple[str, int], ...]

    @property
    def directive(self) -> str:
        return f"[[tools:{self.text}]]"

    @property
    def text(self) -> str:
        """The calls as the directive writes them, arguments and all."""
        return ";".join(f'{name}{{"n": {number}}}' for name, number in self.calls)

    @property
    def outcomes(self) -> tuple[ToolOutcome, ...]:
        """What the local functions give."""
        return tuple(ToolOutcome(name, f"{name}:{number}") for name, number in self.calls)


@define(eq=False)
class SdkClient:
    """One client.

    Args:
        port: of an edge.
        elsewhere: gives the port of an edge for a loop whose connection was cut. Called in the client's thread.
    """

    port: int
    elsewhere: Callable[[], int] | None = None
    seen: list[Seen] = field(factory=list)

    _sdk: openai.OpenAI = field(init=False)

    @_sdk.default
    def _of_port(self) -> openai.OpenAI:
        return openai.OpenAI(
            base_url=f"http://127.0.0.1:{self.port}/v1", api_key="sk-of-the-tests", timeout=_TIMEOUT_S
        )

    def ask(self, prompt: str, *, stream: bool) -> Seen:
        """Asks for a text."""
        seen, _ = self._ask(answer_text(prompt), [_user(prompt)], stream=stream)
        return seen

    def loop(self, words: str, rounds: Sequence[Round], *, stream: bool) -> bool:
        """Runs a loop of tools to its end, or until one of its rounds has failed too often; says whether it has ended."""
        prompt = words + "".join(each.directive for each in rounds)
        messages: list[Any] = [_user(prompt)]
        last = answer_text(prompt, *rounds[-1].outcomes)
        for expected, outcomes in [*((each.text, each.outcomes) for each in rounds), (last, ())]:
            answer = self._insisted(expected, messages, stream=stream)
            if answer is None:
                return False
            messages.append(answer)
            messages += [
                {"role": "tool", "tool_call_id": call["id"], "content": outcome.content}
                for call, outcome in zip(answer.get("tool_calls", ()), outcomes, strict=True)
            ]
        return True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._sdk.close()

    def _insisted(self, expected: str, messages: list[Any], *, stream: bool) -> dict[str, Any] | None:
        for _ in range(_TRIES):
            seen, answer = self._ask(expected, messages, stream=stream)
            if seen.fault is None and not seen.wrong:
                return answer
            if seen.fault is Fault.CUT:
                if self.elsewhere is None:
                    return None
                self._sdk.close()
                self.port = self.elsewhere()
                self._sdk = self._of_port()
        return None

    def _ask(self, expected: str, messages: list[Any], *, stream: bool) -> tuple[Seen, dict[str, Any]]:
        answer = _Answer()
        fault, said = None, ""
        try:
            self._read(answer, messages, stream=stream)
        except Exception as raised:  # noqa: BLE001 - what the SDK raises is what is tried here
            fault, said = _fault_of(raised), f"{type(raised).__name__}: {raised}"
        seen = Seen(expected, answer.all_text(), answer.finish, fault, said, self.port)
        self.seen.append(seen)
        return seen, answer.message()

    def _read(self, answer: "_Answer", messages: list[Any], *, stream: bool) -> None:
        asked: dict[str, Any] = {"model": MODEL, "messages": messages}
        if any("[[tools:" in message["content"] for message in messages if message["role"] == "user"):
            asked["tools"] = [_tool(name) for name in TOOLS]
        if stream:
            with self._sdk.chat.completions.create(**asked, stream=True) as chunks:
                for chunk in chunks:
                    answer.take(chunk)
            return
        choice = self._sdk.chat.completions.create(**asked).choices[0]
        answer.text, answer.finish = choice.message.content or "", choice.finish_reason
        for number, call in enumerate(choice.message.tool_calls or ()):
            function = call.function  # type: ignore[union-attr]
            answer.calls[number] = [call.id, function.name, function.arguments]


TOOLS: Final = ("look", "fetch")


@define(eq=False)
class _Answer:
    """An answer as far as it has come."""

    text: str = ""
    finish: str | None = None
    calls: dict[int, list[str]] = field(factory=dict)
    """Id, name and arguments."""

    def take(self, chunk: Any) -> None:
        for choice in chunk.choices:
            self.text += choice.delta.content or ""
            self.finish = choice.finish_reason or self.finish
            for delta in choice.delta.tool_calls or ():
                call = self.calls.setdefault(delta.index, ["", "", ""])
                call[0] = delta.id or call[0]
                call[1] += delta.function.name or ""
                call[2] += delta.function.arguments or ""

    def all_text(self) -> str:
        """The text, and the calls as directives write them."""
        return self.text + ";".join(name + arguments for _, name, arguments in self.calls.values())

    def message(self) -> dict[str, Any]:
        """As it goes back to the site."""
        calls = [
            {"id": id_, "type": "function", "function": {"name": name, "arguments": arguments}}
            for id_, name, arguments in self.calls.values()
        ]
        return {"role": "assistant", "content": self.text, **({"tool_calls": calls} if calls else {})}


def _fault_of(raised: Exception) -> Fault:
    """Raises it again where it is nothing that a failing service explains."""
    if isinstance(raised, openai.APIStatusError):
        return Fault.REFUSED
    if type(raised).__name__ in _CUTS:
        return Fault.CUT
    if type(raised) is openai.APIError:
        return Fault.BROKEN
    raise raised


def _user(prompt: str) -> dict[str, Any]:
    return {"role": "user", "content": prompt}


def _tool(name: str) -> dict[str, Any]:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    return {"type": "function", "function": {"name": name, "description": name, "parameters": schema}}


def wrong_of(seen: Sequence[Seen]) -> Iterator[str]:
    """A line for each answer that is wrong."""
    return (each.wrong for each in seen if each.wrong)
