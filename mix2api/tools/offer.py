"""What a turn offers: the functions that may be called, by which rule, and how many at once. Pure.

The wire's form (`mix2api.wire.tool_fields`) stays in `Turn.tools` and loses nothing; this is the reading of it. Tools that are
no functions are not in it: they are passed on and never called.
"""

from collections.abc import Mapping
from itertools import takewhile
from typing import Any

from attrs import evolve, field, frozen

from mix2api.tools.choice import CallMode, Choice, choice_of
from mix2api.tools.results import result_key
from mix2api.wire.turn import Message, Turn


@frozen
class FunctionTool:
    """One function that the client offers."""

    name: str
    description: str = ""
    parameters: Mapping[str, Any] | None = None
    """JSON Schema, as the client wrote it."""


@frozen(kw_only=True)
class Offer:
    """A turn's tools as far as this adapter acts on them."""

    functions: tuple[FunctionTool, ...] = ()
    """In the client's order; of two with one name the later counts."""
    choice: Choice = field(factory=Choice)
    single: bool = False
    """At most one call in an answer: `parallel_tool_calls: false`, or a legacy caller, whose answers hold but one."""

    @property
    def callable_names(self) -> frozenset[str]:
        """The functions that the model may call in this turn."""
        names = (function.name for function in self.functions)
        return frozenset(name for name in names if self.choice.allows(name))


NO_OFFER = Offer()


def offer_of(turn: Turn) -> Offer:
    """The turn's offer.

    Raises:
        InvalidRequest: param `tool_choice`: a call is demanded that nothing is offered for.
    """
    functions = _functions(turn)
    return Offer(
        functions=tuple(functions.values()),
        choice=choice_of(turn, frozenset(functions)),
        single=turn.legacy_functions or turn.parallel_tool_calls is False,
    )


def forced(offer: Offer, messages: list[Message]) -> Offer:
    """The offer with a call demanded where the caller leaves it open (`FORCE_TOOL_CALL`).

    Not of the turn that brings results: no loop would end.
    """
    if not (offer.functions and offer.choice.mode is CallMode.FREELY and _asks(messages)):
        return offer
    return evolve(offer, choice=evolve(offer.choice, mode=CallMode.ALWAYS))


def _asks(messages: list[Message]) -> bool:
    """Whether a user spoke since the last answer, and no results came: agents put reminders and notes behind either."""
    new = list(takewhile(lambda message: message.role != "assistant", reversed(messages)))
    return any(message.role == "user" for message in new) and not any(map(result_key, new))


def _functions(turn: Turn) -> dict[str, FunctionTool]:
    found: dict[str, FunctionTool] = {}
    for tool in turn.tools or ():
        match tool:
            case {"type": "function", "function": {"name": str(name)} as function}:
                found[name] = _function(name, function)
            case _:
                pass
    return found


def _function(name: str, function: Mapping[str, Any]) -> FunctionTool:
    description, parameters = function.get("description"), function.get("parameters")
    return FunctionTool(
        name=name,
        description=description if isinstance(description, str) else "",
        parameters=parameters if isinstance(parameters, dict) else None,
    )
