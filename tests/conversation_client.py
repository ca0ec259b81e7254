"""A caller of the conversations API."""

import re
from typing import Any

import msgspec
from attrs import define
from openapi_schema_validator import OAS30Validator
from wire_client import Answer, WireClient

from mix2api.openapi.conversation_paths import ROWS
from mix2api.openapi.conversation_schemas import CONVERSATION_SCHEMAS, DATA, answer_name

PLANNED = {"MIX2API_CONVERSATIONS": "true"}
"""The setting without which there is no such API."""
OFFER = {**PLANNED, "MIX2API_CONVERSATIONS_DRAFTS": "false"}
"""The API where each message is answered by one task, unless a definition is for it."""


_PATTERNS = [
    (row, re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(row.path))))
    for row in ROWS
    if row.operation_id in DATA
]


def check_answer(method: str, path: str, told: object) -> None:
    """Holds what a request gives to the document."""
    bare = path.partition("?")[0]
    operation = next(
        row.operation_id
        for row, pattern in _PATTERNS
        if row.method == method.lower() and pattern.fullmatch(bare)
    )
    schema = {**CONVERSATION_SCHEMAS[answer_name(operation)], "components": {"schemas": CONVERSATION_SCHEMAS}}
    OAS30Validator(schema).validate(told)


@define
class Caller:
    """Calls the API with one credential."""

    client: WireClient

    @classmethod
    def other(cls, client: WireClient) -> "Caller":
        """Another caller of the same edge."""
        return cls(WireClient(client.port, token="sk-of-another-tenant"))

    async def call(self, method: str, path: str, body: object = None, **headers: str) -> Answer:
        """One request, whatever becomes of it."""
        data = b"" if body is None else msgspec.json.encode(body)
        async with self.client.request(method, path, data, headers) as conversation:
            return await conversation.answer()

    async def data(self, method: str, path: str, body: object = None) -> Any:
        """What a request gives that succeeds."""
        answer = await self.call(method, path, body)
        told = answer.json()
        assert (answer.status, told["code"]) == (200, "0000"), told
        check_answer(method, path, told)
        return told["data"]

    async def refusal(self, method: str, path: str, body: object = None) -> tuple[int, str, str]:
        """Status, code and text of a request that is refused."""
        answer = await self.call(method, path, body)
        told = answer.json()
        assert set(told) == {"code", "info", "data"}
        return answer.status, told["code"], told["info"]

    async def session(self, **fields: Any) -> str:
        """A new session's id."""
        created = await self.data("POST", "/api/sessions", {"userId": "u1", **fields})
        return str(created["sessionId"])

    async def chat(self, session: str, message: str, **fields: Any) -> Any:
        """What a message gives, once its turn has ended."""
        body = {"message": message, "wait": True, **fields}
        return await self.data("POST", f"/api/sessions/{session}/chat", body)
