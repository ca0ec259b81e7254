"""JSON lines in, JSON lines out: what both programs in Python have in common."""

import sys
from collections.abc import Callable
from typing import Any

import msgspec
from asks import Ask, Seen, SeenCall
from loops import LoopAsk, LoopSeen


def answer_asks(see: Callable[[Ask], Seen]) -> None:
    """Answers every ask on stdin, one after another; a program that breaks says so and goes on."""
    _answer(see, Ask, Seen)


def answer_loops(see: Callable[[LoopAsk], LoopSeen]) -> None:
    """The same for loops."""
    _answer(see, LoopAsk, LoopSeen)


def _answer(see: Callable[[Any], Any], of: type[Any], broken: type[Any]) -> None:
    decode, encode = msgspec.json.Decoder(of).decode, msgspec.json.Encoder().encode
    sys.stdout.buffer.write(b"ready\n")
    sys.stdout.buffer.flush()
    for line in sys.stdin.buffer:
        try:
            seen = see(decode(line))
        except Exception as fault:  # noqa: BLE001  # whatever breaks is one finding, not the end of all trials
            seen = broken(complaints=[f"the program broke: {fault!r}"])
        sys.stdout.buffer.write(encode(seen) + b"\n")
        sys.stdout.buffer.flush()


def answered(calls: list[SeenCall], result: str) -> list[dict[str, Any]]:
    """The messages that go on after tool calls: the calls once more, and `result` for each."""
    called = [
        {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
        for call in calls
    ]
    results = [{"role": "tool", "tool_call_id": call.id, "content": result} for call in calls]
    return [{"role": "assistant", "content": None, "tool_calls": called}, *results]
