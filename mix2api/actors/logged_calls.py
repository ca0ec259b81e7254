"""By which digest the log knows a tool call, so that a result is seen to be its own, whichever session brings it. Pure.

A call in today's form is known by its id. A legacy one has none that its client is told, and its result names no more than
the function: it is known by its place, the history that it ends. That is seeded with who asks, not with the realm, because
such clients leave `functions` out of the request that brings the last result.
"""

from functools import cached_property
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


class AnsweredCalls:
    """The calls that the results behind one history answer.

    The history is read at most once, however many results name nothing but a function: it may hold thousands of calls.

    Args:
        history: what stands before the results, up to and including the last answer.
        isolation: digest of who asks.
        seal: for the digests.
    """

    def __init__(self, history: list[Message], isolation: Digest, seal: Seal) -> None:
        self._history = history
        self._isolation = isolation
        self._seal = seal

    def of(self, result: Message) -> str:
        """The call that a result of role `tool` or `function` answers."""
        if result.tool_call_id is not None and result.role == "tool":
            return by_id(result.tool_call_id, self._seal)
        name = result.name or ""
        call_id = self._newest.get(name, name)
        return self._place if call_id is None else by_id(call_id, self._seal)

    @cached_property
    def _newest(self) -> dict[str, str | None]:
        """A function's name -> the id of its newest call; None where that is a legacy one."""
        newest: dict[str, str | None] = {}
        for message in reversed(self._history):
            if message.function_call is not None:
                newest.setdefault(message.function_call.name, None)
            for call in message.tool_calls or ():
                if call.function is not None:
                    newest.setdefault(call.function.name, call.id)
        return newest

    @cached_property
    def _place(self) -> str:
        return by_place(self._history, self._isolation, self._seal)
