"""What a site keeps of a turn, so that it can be counted before it is sent. Pure.

A site may keep other words than the client sent: calls as text, tools in a system message. A kind of upstream that does so
brings a function of its own (`mix2api.upstreams.kind.Kind.keeps`). All others keep what the client sent (`as_given`).
"""

from collections.abc import Callable
from typing import Any, Protocol

import msgspec
from attrs import frozen

from mix2api.sessions.prepared_turn import PreparedTurn
from mix2api.wire.turn import Message

_encode = msgspec.json.Encoder().encode


@frozen
class Kept:
    """The form in which a site keeps a turn."""

    of_message: Callable[[Message], Message] | None = None
    """A message as the site keeps it. None: as it is."""
    beside: tuple[Message, ...] = ()
    """System messages that go up beside the turn's own."""
    texts: tuple[str, ...] = ()
    """Other texts that the model reads: native tools as JSON, a query that tells tools."""


class Keeps(Protocol):
    """Gives the form in which a site keeps a turn."""

    def __call__(self, prepared: PreparedTurn, *, is_told: bool) -> Kept:
        """The form.

        Args:
            prepared: the turn.
            is_told: the site has the turn's tools already: the turn continues a session within its realm.
        """
        ...


PLAIN = Kept()


def as_given(prepared: PreparedTurn, *, is_told: bool) -> Kept:
    """The form of a site that keeps what the client sent."""
    tools = prepared.turn.tools
    return Kept(texts=(tools_text(tools),)) if tools and not is_told else PLAIN


def tools_text(tools: list[dict[str, Any]]) -> str:
    """Native tools as JSON, which is at least what a model's own form of them takes."""
    return _encode(tools).decode()
