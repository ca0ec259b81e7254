"""Tool calls as the site tells them, and what the client and the log get of them."""

from itertools import count

from actor_parts import SEAL

from mix2api.actors.tool_calls import CallRules, ToolCalls
from mix2api.events.kinds import ToolCall
from mix2api.sessions.worker_port import ToolCallDelta
from mix2api.tools.ids import CallIds
from mix2api.upstreams.port import ToolInputAvailable, ToolInputDelta, ToolInputStarted
from mix2api.vocabulary import RunId

RUN = RunId("run_1")


def calls(*offered: str, single: bool = False, streamed: bool = True) -> ToolCalls:
    numbers = count(1)
    rules = CallRules(
        callable_names=frozenset(offered or ("weather", "time")),
        ids=CallIds(lambda: f"call_drawn{next(numbers)}", {"call_old"}.__contains__),
        single=single,
        streamed=streamed,
    )
    return ToolCalls(RUN, SEAL, rules)


def pieces(made: ToolCalls) -> list[ToolCallDelta]:
    """What has come since the last look."""
    taken, made.pieces = made.pieces, []
    return taken


def told(made: ToolCalls) -> list[ToolCall]:
    taken, made.events = made.events, []
    return taken


def start(made: ToolCalls, call_id: str = "c1", name: str = "weather") -> list[ToolCallDelta]:
    made.started(ToolInputStarted(call_id, name))
    return pieces(made)


def more(made: ToolCalls, text: str, call_id: str = "c1") -> list[ToolCallDelta]:
    made.delta(ToolInputDelta(call_id, text))
    return pieces(made)


def whole(
    made: ToolCalls, call_id: str = "c1", name: str = "weather", arguments: str = "{}"
) -> list[ToolCallDelta]:
    made.available(ToolInputAvailable(call_id, name, arguments))
    return pieces(made)


def first(index: int, call_id: str, name: str = "weather") -> ToolCallDelta:
    return ToolCallDelta(index=index, call_id=call_id, name=name)


def further(index: int, arguments: str) -> ToolCallDelta:
    return ToolCallDelta(index=index, arguments=arguments)
