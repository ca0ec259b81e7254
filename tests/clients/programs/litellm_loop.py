"""litellm: a loop over `completion`, or over `responses` if that word is given."""

import json
import sys
from typing import Any

import litellm
from asks import SeenUsage
from lines import answer_loops
from loops import LoopAsk, LoopSeen, Ran

litellm.suppress_debug_info = True  # it would go to stdout, where the answers are
_SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
_ENOUGH = 10


def see(ask: LoopAsk) -> LoopSeen:
    """Runs the loop until an answer calls nothing."""
    given = {
        "model": f"openai/{ask.model}",
        "api_base": ask.base_url,
        "api_key": ask.key,
        "max_retries": 0,
        "extra_headers": {"x-request-id": ask.request_id},
    }
    return _responses(ask, given) if "responses" in sys.argv else _chat(ask, given)


def _chat(ask: LoopAsk, given: dict[str, Any]) -> LoopSeen:
    ran: list[Ran] = []
    tools = [{"type": "function", "function": _offered(name)} for name in ask.tools]
    messages: list[Any] = [{"role": "user", "content": ask.prompt}]
    streaming = {"stream": True, "stream_options": {"include_usage": True}} if ask.stream else {}
    for _ in range(_ENOUGH):
        answer: Any = litellm.completion(**given, messages=messages, tools=tools, **streaming)
        if ask.stream:
            answer = litellm.stream_chunk_builder(list(answer), messages=messages)
        message = answer.choices[0].message
        if not message.tool_calls:
            told = answer.usage
            usage = SeenUsage(told.prompt_tokens, told.completion_tokens, told.total_tokens)
            return LoopSeen(text=message.content or "", ran=ran, usage=usage)
        messages.append(message.model_dump())
        messages += [
            {"role": "tool", "tool_call_id": call.id, "content": _run(call.function, ran)}
            for call in message.tool_calls
        ]
    return LoopSeen(ran=ran, complaints=["the loop does not end"])


def _responses(ask: LoopAsk, given: dict[str, Any]) -> LoopSeen:
    ran: list[Ran] = []
    tools = [{"type": "function", **_offered(name)} for name in ask.tools]
    items: list[Any] = [{"role": "user", "content": ask.prompt}]
    for _ in range(_ENOUGH):
        answer: Any = litellm.responses(**given, input=items, tools=tools, stream=ask.stream)
        if ask.stream:
            answer = list(answer)[-1].response
        calls = [item for item in answer.output if item.type == "function_call"]
        if not calls:
            told = answer.usage
            usage = SeenUsage(told.input_tokens, told.output_tokens, told.total_tokens)
            return LoopSeen(text=answer.output_text, ran=ran, usage=usage)
        items += [item.model_dump(exclude_none=True) for item in answer.output]
        items += [
            {"type": "function_call_output", "call_id": call.call_id, "output": _run(call, ran)}
            for call in calls
        ]
    return LoopSeen(ran=ran, complaints=["the loop does not end"])


def _offered(name: str) -> dict[str, Any]:
    return {"name": name, "description": f"{name} at a number", "parameters": _SCHEMA}


def _run(called: Any, ran: list[Ran]) -> str:
    ran.append(Ran(called.name, json.loads(called.arguments)["n"]))
    return f"{ran[-1].name}:{ran[-1].n}"


answer_loops(see)
