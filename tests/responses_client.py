"""A client of the Responses API: asks, reads whole answers, and checks the order of every stream that it reads."""

from collections.abc import Mapping
from typing import Any

import msgspec
from attrs import field, frozen
from whole_system import WholeSystem
from wire_client import Answer

MODEL = "mix/qwen-3-235b-instruct"
READ = {
    "type": "function",
    "name": "read",
    "description": "Reads a file.",
    "parameters": {"type": "object", "properties": {"path": {"type": "string"}}},
    "strict": False,
}


@frozen
class Told:
    """What a request was answered."""

    answer: Answer = field(repr=False)

    @property
    def events(self) -> list[dict[str, Any]]:
        """The events of a stream; their names, numbers and end are checked."""
        blocks = self.answer.body.decode().split("\n\n")
        assert blocks[-2:] == ["data: [DONE]", ""], blocks[-2:]
        events = []
        for number, block in enumerate(blocks[:-2]):
            name, data = (line for line in block.split("\n") if not line.startswith(":"))
            event = msgspec.json.decode(data.removeprefix("data: "))
            assert (name, event["sequence_number"]) == (f"event: {event['type']}", number)
            events.append(event)
        return events

    @property
    def response(self) -> dict[str, Any]:
        """The response object, of a stream the last one."""
        if not self.answer.is_stream:
            response: dict[str, Any] = self.answer.json()
            return response
        last: dict[str, Any] = self.events[-1]["response"]
        return last

    @property
    def text(self) -> str:
        """All text of its messages."""
        messages = (item for item in self.response["output"] if item["type"] == "message")
        return "".join(part["text"] for item in messages for part in item["content"])

    @property
    def calls(self) -> list[dict[str, Any]]:
        """Its function calls."""
        return [item for item in self.response["output"] if item["type"] == "function_call"]


async def respond(
    system: WholeSystem, said: Any, *, headers: Mapping[str, str] | None = None, **fields: Any
) -> Told:
    """Asks; `said` is the `input`."""
    body = msgspec.json.encode({"model": MODEL, "input": said, **fields})
    async with system.client.request("POST", "/v1/responses", body, headers) as conversation:
        return Told(await conversation.answer())


def output_of(call: dict[str, Any], text: str) -> dict[str, Any]:
    """The input item that answers a call."""
    return {"type": "function_call_output", "call_id": call["call_id"], "output": text}
