"""The openai SDK for Python over the Responses API.

Streams are read by its helper `responses.stream()`, which raises on any wrong order, id or index, and send the whole
history with each request. Whole answers are gone on from by `previous_response_id`.
"""

import json
from typing import Any

from asks import SeenUsage
from lines import answer_loops
from loops import LoopAsk, LoopSeen, Ran
from openai import OpenAI

_SCHEMA = {
    "type": "object",
    "properties": {"n": {"type": "integer"}},
    "required": ["n"],
    "additionalProperties": False,
}
_ENOUGH = 10


def see(ask: LoopAsk) -> LoopSeen:
    """Runs the loop until an answer calls nothing."""
    with OpenAI(
        base_url=ask.base_url,
        api_key=ask.key,
        max_retries=0,
        default_headers={"x-request-id": ask.request_id},
    ) as client:
        return _loop(ask, client)


def _loop(ask: LoopAsk, client: OpenAI) -> LoopSeen:
    ran: list[Ran] = []
    given: dict[str, Any] = {
        "model": ask.model,
        "tools": [_offered(name) for name in ask.tools],
        "input": [{"role": "user", "content": ask.prompt}],
    }
    for _ in range(_ENOUGH):
        answer = _asked(ask, client, given)
        calls = [item for item in answer.output if item.type == "function_call"]
        if not calls:
            told = answer.usage
            usage = SeenUsage(told.input_tokens, told.output_tokens, told.total_tokens)
            return LoopSeen(text=answer.output_text, ran=ran, usage=usage)
        results = [
            {"type": "function_call_output", "call_id": call.call_id, "output": _run(call, ran)}
            for call in calls
        ]
        if ask.stream:
            said = [
                item.model_dump(exclude_none=True, exclude={"parsed_arguments"}) for item in answer.output
            ]
            given["input"] += [*said, *results]
        else:
            given |= {"input": results, "previous_response_id": answer.id}
    return LoopSeen(ran=ran, complaints=["the loop does not end"])


def _asked(ask: LoopAsk, client: OpenAI, given: dict[str, Any]) -> Any:
    if not ask.stream:
        return client.responses.create(**given)
    with client.responses.stream(**given) as stream:
        for _ in stream:
            pass
        return stream.get_final_response()


def _offered(name: str) -> dict[str, Any]:
    return {
        "type": "function",
        "name": name,
        "description": f"{name} at a number",
        "parameters": _SCHEMA,
        "strict": True,
    }


def _run(called: Any, ran: list[Ran]) -> str:
    ran.append(Ran(called.name, json.loads(called.arguments)["n"]))
    return f"{ran[-1].name}:{ran[-1].n}"


answer_loops(see)
