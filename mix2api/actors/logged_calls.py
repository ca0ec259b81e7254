"""By which digest the log knows a tool call, so that a result is seen to be its own, whichever session brings it. Pure.

A call in today's form is known by its id. A legacy one has none that its client is told, and its result names no more than
the function: it is known by its place, the history that it ends. That is seeded with who asks, not with the realm, because
such clients leave `functions` out of the request that brings the last result.
"""

from typing import Final

from mix2api.sealing import Seal
from mix2api.sessions.lineage import lineage_of
from mix2api.vocabulary import Digest
from mix2api.wire.turn import Message

CALL_ID: Final = "tool_call_id"
"""The purpose under which call ids are digested and sealed."""


def by_id(call_id: str, seal: Seal) -> str:
    """A call that its client knows by this id."""
    return str(seal.digest(call_id, CALL_ID))


def by_place(history: list[Message], isolation: Digest, seal: Seal) -> str:
    """The legacy call that ends a history; texts beside calls do not count, for clients drop them.

    Args:
        history: up to and including the call's message.
        isolation: digest of who asks.
        seal: for the digest.
    """
    return str(lineage_of(history, isolation, seal.digester(CALL_ID)).head)


def of_result(result: Message, history: list[Message], isolation: Digest, seal: Seal) -> str:
    """The call that a result answers.

    Args:
        result: of role `tool` or `function`.
        history: what stands before the results, up to and including the last answer.
        isolation: digest of who asks.
        seal: for the digest.
    """
    if result.tool_call_id is not None and result.role == "tool":
        return by_id(result.tool_call_id, seal)
    name = result.name or ""
    for message in reversed(history):
        if message.function_call is not None and message.function_call.name == name:
            return by_place(history, isolation, seal)
        for call in message.tool_calls or ():
            if call.function is not None and call.function.name == name:
                return by_id(call.id, seal)
    return by_id(name, seal)
