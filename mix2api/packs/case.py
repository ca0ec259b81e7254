"""A case: its requests, and the judgement of their answers. Data."""

from collections.abc import Callable
from enum import StrEnum
from typing import Any

from attrs import frozen

from mix2api.packs.evidence import Ask, Evidence, Json, Seen, part, parts
from mix2api.packs.judging import Complaints


class Pack(StrEnum):
    """Which pack a case belongs to."""

    A = "A"
    B = "B"
    C = "C"


PACK_TITLES = {Pack.A: "streams", Pack.B: "tools", Pack.C: "cancel, timeout, error"}


class Needs(StrEnum):
    """What a case needs."""

    NOTHING = "nothing"
    DEMO = "the demo site behind the endpoint"
    SITE = "the demo site's own address"


class ToolForm(StrEnum):
    """How the endpoint gives tools to the site (`SEND_UPSTREAM_TOOLS`)."""

    NATIVE = "native"
    """Unchanged; the site calls them itself."""
    TEXT = "text"
    """In words; the site's text is read for calls."""


@frozen(kw_only=True)
class World:
    """What a case's requests are made with."""

    model: str
    demo: bool
    """The demo site is behind the endpoint and obeys directives."""
    timeout_s: float
    """A whole answer may take so long."""
    mcp_url: str = ""
    """An address to which nobody may connect."""

    def chat(self, said: str, directive: str = "", **fields: Any) -> Ask:
        """A chat request with one user message.

        Args:
            said: the message.
            directive: words to the demo site before it; left out for a real model.
            fields: further fields of the body.
        """
        content = directive + said if self.demo else said
        return Ask(body={"model": self.model, "messages": [{"role": "user", "content": content}], **fields})


Step = Callable[[World, tuple[Seen, ...]], Ask]
"""Makes one request; it may depend on what was seen before."""


@frozen(kw_only=True)
class Case:
    """One case."""

    id: str
    """The pack's letter and a word: `A-order`."""
    title: str
    """A sentence: what holds if the case passes."""
    steps: tuple[Step, ...]
    judge: Callable[[Evidence], Complaints]
    needs: Needs = Needs.NOTHING
    tools: ToolForm | None = None
    """It holds in this form alone; None: in both."""
    ours_only: bool = False
    """It judges a promise of mix2api's that other endpoints do not make."""

    @property
    def pack(self) -> Pack:
        """Which it belongs to."""
        return Pack(self.id[0])


def with_result(first: Seen, content: str) -> list[Json]:
    """The messages that carry on after the first answer's tool calls, each with this result."""
    asked = first.ask.body
    messages: list[Json] = list(asked["messages"]) if isinstance(asked, dict) else []
    message = part(first.choices[0], "message") if first.choices else {}
    results = [
        {"role": "tool", "tool_call_id": call.get("id"), "content": content}
        for call in parts(message, "tool_calls")
    ]
    return [*messages, {"role": "assistant", "content": None, **message}, *results]
