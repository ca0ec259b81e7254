"""The table of trials: what is asked of a client, what it must see, and what the log must say. Data only.

Prompts hold directives of the demo site (`mix2api demo-upstream --help`). Each row is tried with every client that has
the endpoint.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

from asks import Kind, Tool
from attrs import frozen

from mix2api.demo import ToolOutcome, answer_text
from mix2api.vocabulary import EndReason

WEATHER: Final = Tool(
    name="get_weather",
    description="The weather of a city.",
    parameters={"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)
ARGUMENTS: Final = {"city": "Zürich"}
_CALLS_WEATHER: Final = 'What is the weather? [[tools:get_weather{"city":"Zürich"}]]'
_NONSENSE_MODEL: Final = "no-such-model"


class Text(StrEnum):
    """How much of the site's numbered text a client must have."""

    WHOLE = "whole"
    BEGINNING = "beginning"
    """Some of it, not all; what is there is right."""
    NOTHING = "nothing"


class Failure(StrEnum):
    """What the client must tell its user; each client has its own words for it (`clients.CLIENTS`)."""

    BAD_REQUEST = "bad_request"
    AUTHENTICATION = "authentication"
    NOT_FOUND = "not_found"
    RATE_LIMIT = "rate_limit"
    SERVER = "server"
    IN_STREAM = "in_stream"
    """After the answer began: no status is left to tell it with."""
    TIMEOUT = "timeout"


@frozen(kw_only=True)
class Ended:
    """One `request.completed` line."""

    end_reason: EndReason
    http_status: int = 200
    detail: str | None = None

    @property
    def accepted(self) -> bool:
        """Whether a run was accepted: what the edge refuses is not in the event log."""
        return self.end_reason not in {EndReason.INVALID_REQUEST, EndReason.AUTH_ERROR}


@frozen(kw_only=True)
class Failed:
    """A failure as the client must tell it."""

    failure: Failure
    status: int | None = None
    code: str | None = None
    param: str | None = None
    retry_after: str | None = None


@frozen(kw_only=True)
class Case:
    """One row."""

    name: str
    kind: Kind = Kind.CHAT
    prompt: str = ""
    """`KEY` in it becomes the request's id: a word that no other request has."""
    stream: bool = False
    include_usage: bool = False
    tool: Tool | None = None
    tool_result: str | None = None
    fields: Mapping[str, Any] = {}
    model: str | None = None
    """None: the first that is configured."""
    wrong_key: bool = False
    max_retries: int = 0
    abort_after: int | None = None
    timeout_ms: int | None = None
    text: Text | str = Text.WHOLE
    """A plain string is the text itself."""
    reasoning: str = ""
    finish: str | None = "stop"
    usage: bool = False
    calls: bool = False
    """The weather must have been called once."""
    models: bool = False
    """All configured models are listed, or the one is shown."""
    failed: Failed | None = None
    cut: bool = False
    """The site must see that its client went away."""
    lines: tuple[Ended, ...] = (Ended(end_reason=EndReason.STOP),)


_CALLED: Final = Ended(end_reason=EndReason.TOOL_CALLS)
_STOPPED: Final = Ended(end_reason=EndReason.STOP)
_REFUSED: Final = Ended(end_reason=EndReason.UPSTREAM_ERROR, http_status=502, detail="status")
_LIMITED: Final = Ended(end_reason=EndReason.UPSTREAM_ERROR, http_status=429, detail="status")
_BAD_GATEWAY: Final = Failed(failure=Failure.SERVER, status=502, code="upstream_error")
_IN_STREAM: Final = Failed(failure=Failure.IN_STREAM, code="upstream_error")


def _broken(detail: str, http_status: int = 200) -> tuple[Ended, ...]:
    return (Ended(end_reason=EndReason.UPSTREAM_ERROR, http_status=http_status, detail=detail),)


def _both(**row: Any) -> tuple[Case, Case]:
    """The same whole and streamed."""
    name = row.pop("name")
    return Case(name=f"{name}, whole", **row), Case(name=f"{name}, streamed", stream=True, **row)


CASES: Final[tuple[Case, ...]] = (
    Case(name="answer, whole", prompt="Hello. [[usage]]", usage=True),
    Case(name="answer, streamed", prompt="Hello.", stream=True),
    Case(name="usage in the stream", prompt="[[usage]]", stream=True, include_usage=True, usage=True),
    Case(name="400 deltas", prompt="[[chunks:400]]", stream=True),
    *_both(name="U+2028, emoji, CJK", prompt="[[unicode]]"),
    Case(
        name="cut off by length",
        prompt="[[length]]",
        stream=True,
        finish="length",
        lines=(Ended(end_reason=EndReason.LENGTH),),
    ),
    Case(name="reasoning", prompt="[[reasoning:First I think.]]", stream=True, reasoning="First I think."),
    *_both(
        name="tool call",
        prompt=_CALLS_WEATHER,
        tool=WEATHER,
        text=Text.NOTHING,
        finish="tool_calls",
        calls=True,
        lines=(_CALLED,),
    ),
    *_both(
        name="tool loop",
        prompt=_CALLS_WEATHER,
        tool=WEATHER,
        tool_result="18 degrees",
        text=answer_text(_CALLS_WEATHER, ToolOutcome(WEATHER.name, "18 degrees")),
        calls=True,
        lines=(_CALLED, _STOPPED),
    ),
    Case(name="models", kind=Kind.MODELS, text=Text.NOTHING, finish=None, models=True, lines=()),
    Case(name="one model", kind=Kind.MODEL, text=Text.NOTHING, finish=None, models=True, lines=()),
    Case(
        name="unknown model",
        kind=Kind.MODEL,
        model=_NONSENSE_MODEL,
        text=Text.NOTHING,
        finish=None,
        failed=Failed(failure=Failure.NOT_FOUND, status=404, code="model_not_found", param="model"),
        lines=(Ended(end_reason=EndReason.INVALID_REQUEST, http_status=404),),
    ),
    *_both(
        name="wrong key",
        prompt="Hello.",
        wrong_key=True,
        text=Text.NOTHING,
        finish=None,
        failed=Failed(failure=Failure.AUTHENTICATION, status=401, code="invalid_api_key"),
        lines=(Ended(end_reason=EndReason.AUTH_ERROR, http_status=401),),
    ),
    *_both(
        name="impossible field",
        prompt="Hello.",
        fields={"n": 2},
        text=Text.NOTHING,
        finish=None,
        failed=Failed(failure=Failure.BAD_REQUEST, status=400, code="invalid_value", param="n"),
        lines=(Ended(end_reason=EndReason.INVALID_REQUEST, http_status=400),),
    ),
    *_both(
        name="site answers 500",
        prompt="[[status:500]]",
        text=Text.NOTHING,
        finish=None,
        failed=_BAD_GATEWAY,
        lines=(_REFUSED,),
    ),
    *_both(
        name="error before the first token",
        prompt="[[error_before:out of order]]",
        text=Text.NOTHING,
        finish=None,
        failed=_BAD_GATEWAY,
        lines=_broken("error_frame", 502),
    ),
    Case(
        name="error in the middle, whole",
        prompt="[[error_mid:out of order]]",
        text=Text.NOTHING,
        finish=None,
        failed=_BAD_GATEWAY,
        lines=_broken("error_frame", 502),
    ),
    Case(
        name="error in the middle, streamed",
        prompt="[[error_mid:out of order]]",
        stream=True,
        text=Text.BEGINNING,
        finish=None,
        failed=_IN_STREAM,
        lines=_broken("error_frame"),
    ),
    Case(
        name="site ends too early",
        prompt="[[cut]]",
        stream=True,
        text=Text.BEGINNING,
        finish=None,
        failed=_IN_STREAM,
        lines=_broken("truncated"),
    ),
    Case(
        name="site resets in a frame",
        prompt="[[cut_mid_frame:reset]]",
        stream=True,
        text=Text.BEGINNING,
        finish=None,
        failed=_IN_STREAM,
        lines=_broken("truncated"),
    ),
    *_both(
        name="429",
        prompt="[[429:7]]",
        text=Text.NOTHING,
        finish=None,
        failed=Failed(failure=Failure.RATE_LIMIT, status=429, code="rate_limit_exceeded", retry_after="7"),
        lines=(_LIMITED,),
    ),
    *_both(
        name="429, tried again",
        prompt="[[once:KEY]] [[429:1]]",
        max_retries=1,
        lines=(_LIMITED, _STOPPED),
    ),
    Case(
        name="client leaves",
        prompt="[[chunks:2000]] [[pace:20]]",
        stream=True,
        abort_after=5,
        text=Text.BEGINNING,
        finish=None,
        cut=True,
        lines=(Ended(end_reason=EndReason.CLIENT_ABORT, http_status=499, detail="hung_up"),),
    ),
    *_both(
        name="client's patience ends",
        prompt="[[hang]]",
        timeout_ms=300,
        text=Text.NOTHING,
        finish=None,
        failed=Failed(failure=Failure.TIMEOUT),
        cut=True,
        lines=(Ended(end_reason=EndReason.CLIENT_ABORT, http_status=499, detail="hung_up"),),
    ),
)
