"""The port to an upstream: what it is asked, what it says, and how it fails. Nothing of HTTP answers to clients.

`Upstream.open(call)` gives an async context manager of an async iterator of *batches* of `UpstreamEvent`: one batch
per piece that the socket gave, because one wake-up per frame costs eight times as much (`bench/RESULTS.md`).
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Final, Protocol

from attrs import field, frozen
from msgspec import Struct

from mix2api.accounts.hints import ResetHint
from mix2api.budget.usage import ReportedUsage
from mix2api.events.kinds import Usage
from mix2api.sessions.bridged import Bridged
from mix2api.sessions.prepared_turn import PreparedTurn, prepare
from mix2api.vocabulary import ChunkKind, Detail, Digest, EndReason, RequestId, RunId
from mix2api.wire.passed_on import PassedOn
from mix2api.wire.turn import Message, Turn


class Opened(Struct, frozen=True):
    """The answer's status line and headers are there."""

    status: int


class Served(Struct, frozen=True):
    """An account of a pool was chosen for the call, and why (`mix2api.accounts.port.Why`)."""

    account: str
    why: str


class Started(Struct, frozen=True):
    """The site took the turn. Ids are in clear: the actor seals them before they go anywhere."""

    session: str | None = None
    exchange: str | None = None


class IdsSeen(Struct, frozen=True):
    """A later frame named the ids (again); what is None was not said and erases nothing."""

    session: str | None = None
    exchange: str | None = None


class Text(Struct, frozen=True):
    """A piece of the answer."""

    text: str


class Reasoning(Struct, frozen=True):
    """A piece of reasoning."""

    text: str


class ToolInputStarted(Struct, frozen=True):
    """A tool call begins; `call_id` is the site's."""

    call_id: str
    name: str


class ToolInputDelta(Struct, frozen=True):
    """A piece of a call's argument text."""

    call_id: str
    text: str


class ToolInputAvailable(Struct, frozen=True):
    """A whole call; `arguments` is JSON text of its input, empty where the site gave none."""

    call_id: str
    name: str
    arguments: str


class ToolInputBroken(Struct, frozen=True):
    """The site could not read the call's JSON, or does not know the tool."""

    call_id: str
    name: str


class ToolOutputSeen(Struct, frozen=True):
    """The site ran this call itself: it is not the client's business."""

    call_id: str


class RuntimeToolRan(Struct, frozen=True):
    """A runtime ran a tool of its own, well or not. The client's tools are not run anywhere but at the client's."""


class StepFinished(Struct, frozen=True):
    """A step's border."""


class UsageSeen(Struct, frozen=True):
    """Token counts; a later one replaces an earlier one."""

    usage: Usage
    reported: ReportedUsage | None = None
    """The same, where the site gave one of input and output only. None: it gave both."""


class Relayed(Struct, frozen=True):
    """An event of a stream, or a whole answer, as it came: the client speaks the upstream's own API.

    Pieces of content of one type that came together are one `Relayed`: of a fast stream each costs a fraction then (ADR 119).
    """

    type: str
    data: str
    """JSON; of several events one a line."""
    kind: ChunkKind | None = None
    """What its content is."""
    text: str = ""
    """Its content, for the counts."""
    made: tuple[str, ...] = ()
    """What only the account that made it can serve: ids of responses, conversations and items, and encrypted content."""
    count: int = 1
    """How many events it is."""


class Skipped(Struct, frozen=True):
    """Frames that say nothing to us (borders, sources, files, unknown types), counted."""

    frames: int


class Finished(Struct, frozen=True):
    """The site said that the turn is over; `reason` in its own words (`tool-calls`), None if it gave none."""

    reason: str | None


class Failed(Struct, frozen=True):
    """An `error` frame; `message` is the site's text, for the client only, redacted by the actor."""

    message: str
    detail: Detail = Detail.ERROR_FRAME
    """What the words mean: `error_frame` where OpenAI has no word of its own for it."""
    status: int | None = None
    """The HTTP status that the error names; such an error is that of a refusal (`mix2api.upstreams.site_errors`)."""


class AbortedByUpstream(Struct, frozen=True):
    """The site gave up."""


UpstreamEvent = (
    Opened
    | Served
    | Started
    | IdsSeen
    | Text
    | Reasoning
    | ToolInputStarted
    | ToolInputDelta
    | ToolInputAvailable
    | ToolInputBroken
    | ToolOutputSeen
    | RuntimeToolRan
    | StepFinished
    | UsageSeen
    | PassedOn
    | Relayed
    | Skipped
    | Finished
    | Failed
    | AbortedByUpstream
)


CONTENT: Final = frozenset(
    {Text, Reasoning, ToolInputStarted, ToolInputDelta, ToolInputAvailable, PassedOn, Relayed}
)
"""The events that are part of an answer. A site that sends none of them for long is silent, whatever else it sends."""


class UpstreamFault(Exception):
    """The call failed outside the site's own frames: connection, status, time, protocol.

    `end_reason` is `timeout`, `upstream_error` or `upstream_auth_error`. Where we did not call, it is `overloaded` for a limit of
    ours, and `invalid_request` or `unavailable` for a history that is not there. `detail` is `session_lost` where a call
    continued a session that the site does not know. `message` is for the client (may quote the site, gets redacted). `taken` is
    False where the site certainly did not take the turn. `reset` is when a limit ends, where a refusal says it.
    """

    def __init__(
        self,
        end_reason: EndReason,
        detail: Detail,
        message: str,
        *,
        status: int | None = None,
        retry_after_s: int | None = None,
        taken: bool = True,
    ) -> None:
        super().__init__(f"{end_reason}/{detail}")
        self.end_reason = end_reason
        self.detail = detail
        self.message = message
        self.status = status
        self.retry_after_s = retry_after_s
        self.taken = taken
        self.reset: ResetHint | None = None

    def again(self) -> "UpstreamFault":
        """A fault that says the same and was never raised.

        A raised exception refers to the frames that it passed, and these refer to the call's content. Whoever keeps a
        fault therefore keeps such a copy, and raises a further one.
        """
        fault = UpstreamFault(
            self.end_reason,
            self.detail,
            self.message,
            status=self.status,
            retry_after_s=self.retry_after_s,
            taken=self.taken,
        )
        fault.reset = self.reset
        return fault


@frozen(kw_only=True)
class UpstreamCall:
    """One turn as it is put to an upstream."""

    run_id: RunId
    request_id: RequestId
    turn: Turn = field(repr=False)
    messages: list[Message] = field(repr=False)
    """What the upstream session has not seen: all of them on a fresh session."""
    session: str | None = field(default=None, repr=False)
    """The site's session id when continuing, in clear."""
    exchange: str | None = field(default=None, repr=False)
    same_realm: bool = False
    """Whether the session's turn before was of this turn's realm: a session that a name continues may have had other tools."""
    call_ids: Mapping[str, str] = field(factory=dict, repr=False)
    """What a result names (`mix2api.tools.results.result_key`) -> the site's own id of that call, where it has another."""
    call_names: Mapping[str, str] = field(factory=dict, repr=False)
    """Likewise -> the function that was called, where neither the request nor the result says it."""
    authorization: str | None = field(default=None, repr=False)
    """The `authorization` header, where it is not the deployment's own: the caller's (`pass_through`), the managed one, or
    the account's."""
    caller: Digest | None = None
    """Digest of the caller's API key."""
    isolation: Digest | None = None
    """Digest of who may share sessions: the API key, and what the client says of its session."""
    bridged: Bridged | None = None
    """Whose run it is, for a runtime."""
    line: Digest | None = None
    """Whose transcript it goes on, for a runtime: its client session's with the same model, instructions and tools."""
    base_url: str | None = None
    """Of the account that serves the call; None: the deployment's."""
    traceparent: str | None = None
    """Under which the site is called (W3C Trace Context). None: nothing is traced."""
    prepared: PreparedTurn = field(repr=False)
    """The turn, read."""

    @prepared.default
    def _prepare(self) -> PreparedTurn:
        return prepare(self.turn)


class UpstreamStream(Protocol):
    """An answer under way."""

    def __aiter__(self) -> AsyncIterator[list[UpstreamEvent]]:
        """Batches in order. Ends after the last frame.

        Raises:
            UpstreamFault: cut, garbled, silent for too long, or refused.
        """
        ...

    def pause(self) -> None:
        """Nobody reads until the next batch is asked for, because a client is slow: that time counts in no limit.

        To be called before any wait for somebody else inside the call's context.
        """
        ...

    async def aclose(self) -> None:
        """Cuts the connection now; safe to call twice."""
        ...


class Upstream(Protocol):
    """A kind of upstream, configured."""

    def open(self, call: UpstreamCall) -> AbstractAsyncContextManager[UpstreamStream]:
        """Puts the turn. Entering connects and sends, and may wait for the answer to begin; nothing needs to have come.

        Leaving after the last frame gives the connection back for reuse; leaving before that closes it at once.
        """
        ...
