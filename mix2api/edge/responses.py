"""`/v1/responses`: the Responses API in front of the same turns as Chat Completions (ADR 50).

Here is what differs from chat: how a body is read, and in which events or object the replies of a run leave.
"""

from collections.abc import Callable
from typing import NoReturn, assert_never

from mix2api.edge.api_form import BASE_HEADER, ApiForm, SubmittedRun
from mix2api.edge.auth import Authenticator
from mix2api.edge.relayed_responses import RelayedAnswer, RelayedRenderer
from mix2api.edge.rendering import Collecting, Rendering, error_of, finish_reason_of
from mix2api.edge.request import EdgeRequest
from mix2api.errors import NotFound
from mix2api.sessions.sites import Sites
from mix2api.sessions.worker_port import Accepted, Ended, ReasoningDelta, Reply, TextDelta, ToolCallDelta
from mix2api.steps import Steps
from mix2api.vocabulary import SUCCESSES, SessionId
from mix2api.wire.passed_on import PassedOn
from mix2api.wire.responses_answer import ResponseFrame, WholeResponse, response_id
from mix2api.wire.responses_passed import model_in, passed_turn_steps
from mix2api.wire.responses_request import NO_ECHO, Echo, responses_request_steps
from mix2api.wire.responses_stream import ResponseWriter
from mix2api.wire.turn import AskedBase, Turn


class ResponseRenderer:
    """Makes the events of one stream. `ended` is None until the ending has been rendered."""

    def __init__(self, run: SubmittedRun, on_ended: Callable[[Ended], None]) -> None:
        self._run = run
        self._on_ended = on_ended
        self._writer: ResponseWriter | None = None
        """Made with the first event: only then it is known which run answers."""
        self.ended: Ended | None = None

    def render(self, replies: list[Reply]) -> bytes:
        """All events of these replies, as one piece; empty if they say nothing to the client."""
        frames: list[bytes] = []
        for reply in replies:
            match reply:
                case Accepted() | PassedOn():
                    continue  # fields of Chat Completions have no place here
                case Ended():
                    frames.append(self.ending(reply))
                case _:
                    frames.append(self._said(reply))
        return b"".join(frames)

    def ending(self, ended: Ended) -> bytes:
        """Completion or failure, with `[DONE]`."""
        self.ended = ended
        self._on_ended(ended)
        opening, writer = self._begun()
        if ended.end_reason in SUCCESSES:
            return opening + writer.finish(finish_reason_of(ended), ended.usage)
        request_id = self._run.request.request_id
        return opening + writer.failure(error_of(ended), ended.end_reason, request_id, ended.usage)

    def _said(self, reply: TextDelta | ReasoningDelta | ToolCallDelta) -> bytes:
        opening, writer = self._begun()
        match reply:
            case TextDelta():
                return opening + writer.text(reply.text)
            case ReasoningDelta():
                return opening + writer.reasoning(reply.text)
            case ToolCallDelta():
                return opening + writer.tool_call(reply.index, reply.arguments, reply.call_id, reply.name)
            case _:
                assert_never(reply)

    def _begun(self) -> tuple[bytes, ResponseWriter]:
        if self._writer is not None:
            return b"", self._writer
        self._writer = ResponseWriter(frame_of(self._run))
        return self._writer.opening(), self._writer


def frame_of(run: SubmittedRun) -> ResponseFrame:
    """What is the same from the first word of its answer to the last."""
    accepted = run.delivery.accepted
    session_id = SessionId(accepted.session_id if accepted is not None else "")
    echo = run.request.echo
    return ResponseFrame(
        response_id=response_id(session_id, run.run_id),
        run_id=run.run_id,
        created_s=run.created_s,
        model=run.turn.model,
        echo=echo if isinstance(echo, Echo) else NO_ECHO,
    )


def read_turn(request: EdgeRequest, body: bytes, opened: Callable[[str], str | None]) -> Steps[Turn]:
    """The turn that a body asks for; what headers say wins over the body. What its answer repeats is left in `request.echo`.

    Args:
        request: for its headers.
        body: unpacked.
        opened: reads a summary that this deployment has made.
    """
    given = request.given
    persona = given.get(b"x-persona-id")
    turn, request.echo = yield from responses_request_steps(
        body,
        opened,
        persona_id=persona.decode("latin1") if persona else None,
        asked_base=base_in(request),
    )
    return turn


def responses_form(opened: Callable[[str], str | None]) -> ApiForm:
    """How this API is read and answered.

    Args:
        opened: as for `read_turn`.
    """

    def turn_steps(request: EdgeRequest, body: bytes, *, sites: Sites) -> Steps[Turn]:
        if is_relayed(body, sites):
            return passed_turn_steps(body, asked_base=base_in(request))
        return read_turn(request, body, opened)

    return ApiForm(turn_steps=turn_steps, renderer=_renderer, whole=_whole)


def is_relayed(body: bytes, sites: Sites) -> bool:
    """Whether the body is for an upstream that speaks this API itself.

    Raises:
        NotFound: no upstream serves its model.
    """
    if not sites.keep_responses:
        return False
    model = model_in(body)
    return model is not None and sites.speaks_responses(model)


def base_in(request: EdgeRequest) -> AskedBase | None:
    """The base URL that a header asks for."""
    base = request.given.get(BASE_HEADER)
    return AskedBase(base.decode("latin1"), BASE_HEADER.decode()) if base else None


def _renderer(run: SubmittedRun, on_ended: Callable[[Ended], None]) -> Rendering:
    return (RelayedRenderer if run.turn.is_responses else ResponseRenderer)(run, on_ended)


def _whole(run: SubmittedRun) -> Collecting:
    return RelayedAnswer() if run.turn.is_responses else WholeResponse(frame_of(run))


class StoredResponses:
    """What is asked of responses that are over: none is stored, and that is said."""

    def __init__(self, authenticator: Authenticator) -> None:
        self._authenticator = authenticator

    def missing(self, request: EdgeRequest) -> NoReturn:
        """For every route of a single response.

        Raises:
            NotFound: always, after the caller was recognised.
        """
        self._authenticator.caller(request.given)
        raise not_stored()


def not_stored() -> NotFound:
    """What is said of a response that is over, where no upstream keeps any."""
    return NotFound(
        "Responses are not stored here: the answer said `store: false`. Send the history as `input`, or name the "
        "session by `previous_response_id`.",
        code="response_not_stored",
    )
