"""Tool loops that a framework closes by itself: what it is asked, what it must have done, and the table of trials. Data only.

The site calls tools round after round, as the prompt's directives say; the framework runs its local functions, sends
their results back and asks again, until the site's answer calls nothing.
"""

from collections.abc import Iterator
from enum import StrEnum
from typing import Final

from asks import SeenUsage
from attrs import frozen
from msgspec import Struct

TOOLS: Final = ("look", "fetch", "store")
"""Each takes an integer `n` and gives `<name>:<n>`."""


class LoopAsk(Struct, frozen=True, kw_only=True):
    """One loop to be run."""

    base_url: str
    """With `/v1`."""
    key: str
    request_id: str
    """Sent as `x-request-id` with every request of the loop."""
    model: str
    prompt: str
    stream: bool
    tools: tuple[str, ...] = TOOLS


class Ran(Struct, frozen=True, order=True):
    """A local function that was run."""

    name: str
    n: int


class LoopSeen(Struct, frozen=True, kw_only=True):
    """What came of it."""

    text: str = ""
    """The framework's own last word."""
    ran: list[Ran] = []
    usage: SeenUsage | None = None
    """What the framework counted: of the last round, or of all rounds."""
    complaints: list[str] = []
    """A program that broke says so here."""


class Site(StrEnum):
    """How the site calls tools."""

    NATIVE = "native"
    TEXT = "text"

    @property
    def directive(self) -> str:
        """What makes the demo site call."""
        return {Site.NATIVE: "tools", Site.TEXT: "text_tools"}[self]

    @property
    def settings(self) -> dict[str, str]:
        """What tells the product of it."""
        return {"SEND_UPSTREAM_TOOLS": "true" if self is Site.NATIVE else "false"}


@frozen
class Loop:
    """One row."""

    name: str
    rounds: tuple[tuple[Ran, ...], ...]
    """What is called in each."""
    said: str = ""
    """What the site says beside its calls."""
    stream: bool = False
    usage_told: bool = True
    """Whether the site tells its usage; where it does not, mix2api counts."""

    def prompt(self, site: Site) -> str:
        """The user's words, with the directives."""
        groups = (";".join(f'{ran.name}{{"n": {ran.n}}}' for ran in calls) for calls in self.rounds)
        said = f"[[say:{self.said}]]" if self.said and site is Site.NATIVE else ""
        usage = "" if self.usage_told else "[[usage:none]]"
        return f"{self.name} {said}{usage}" + "".join(f"[[{site.directive}:{group}]]" for group in groups)

    @property
    def text(self) -> set[str]:
        """What the site says at last: the results that it got in the last round."""
        return {f"The tool {ran.name} answered: {ran.name}:{ran.n}" for ran in self.rounds[-1]}

    @property
    def ran(self) -> list[Ran]:
        """All calls, sorted: frameworks run parallel ones in any order."""
        return sorted(ran for calls in self.rounds for ran in calls)


def _loops() -> Iterator[Loop]:
    one = ((Ran("look", 1),),)
    three = ((Ran("look", 1),), (Ran("fetch", 2),), (Ran("store", 3),))
    wide = tuple(tuple(Ran(name, 10 * step + n) for n, name in enumerate(TOOLS)) for step in range(3))
    for stream in (False, True):
        how = "streamed" if stream else "whole"
        yield Loop(f"one call, {how}", one, stream=stream)
        yield Loop(f"one call, no usage, {how}", one, stream=stream, usage_told=False)
        yield Loop(f"three rounds, {how}", three, stream=stream)
        yield Loop(f"three rounds of three, no usage, {how}", wide, stream=stream, usage_told=False)
        yield Loop(f"text beside the calls, {how}", three, said="I look.", stream=stream)


LOOPS: Final = tuple(_loops())
