"""Chat histories for tests: messages from plain dicts, digests of them, and how clients re-serialise what they echo."""

import json
from typing import Any

import msgspec

from mix2api.sealing import Seal
from mix2api.sessions.lineage import Lineage, lineage_of
from mix2api.vocabulary import Digest
from mix2api.wire.turn import Message

Given = dict[str, Any]

DIGESTER = Seal(b"a secret of the histories' tests").digester("lineage")
REALM = Digest("5" * 32)


def messages(*given: Given) -> list[Message]:
    """As the wire decodes them: unknown keys are dropped, content parts stay as they are."""
    return [msgspec.json.decode(json.dumps(each), type=Message) for each in given]


def lineage(*given: Given, realm: Digest = REALM) -> Lineage:
    return lineage_of(messages(*given), realm, DIGESTER)


def user(content: Any = "hi") -> Given:
    return {"role": "user", "content": content}


def answer(content: Any = "hello", **more: Any) -> Given:
    return {"role": "assistant", "content": content, **more}


def call(arguments: str = "{}", name: str = "read", call_id: str = "call_1") -> Given:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def calling(*arguments: str, text: str | None = None) -> Given:
    """An answer with one call for each argument text, their ids `call_0`, `call_1` and so on."""
    return answer(
        text, tool_calls=[call(each, call_id=f"call_{place}") for place, each in enumerate(arguments)]
    )


def result(content: Any = "done", call_id: str = "call_0") -> Given:
    return {"role": "tool", "tool_call_id": call_id, "content": content}
