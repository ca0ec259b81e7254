"""What is different from API to API in front of the same turns: how a body is read, and how an answer is written."""

from collections.abc import Callable
from typing import Final, Protocol

from attrs import frozen

from mix2api.edge.answers import Headers
from mix2api.edge.delivery import Delivery
from mix2api.edge.rendering import Collecting, Rendering, StreamRenderer
from mix2api.edge.request import EdgeRequest
from mix2api.sessions.sites import Sites
from mix2api.sessions.worker_port import Ended
from mix2api.steps import Steps
from mix2api.vocabulary import RunId
from mix2api.wire.chat_answer import AnswerFrame, WholeAnswer
from mix2api.wire.chat_request import chat_request_steps
from mix2api.wire.turn import AskedBase, Turn

BASE_HEADER: Final = b"x-upstream-base-url"


@frozen(kw_only=True)
class SubmittedRun:
    """One submitted turn on its way back."""

    request: EdgeRequest
    delivery: Delivery
    turn: Turn
    submitted_as: RunId
    created_s: int

    @property
    def run_id(self) -> RunId:
        """Of the run that answers, as far as is known: the turn may have run again."""
        accepted = self.delivery.accepted
        return RunId(accepted.run_id) if accepted is not None and accepted.run_id else self.submitted_as

    @property
    def session_id(self) -> str | None:
        """None before its turn was accepted."""
        accepted = self.delivery.accepted
        return None if accepted is None else accepted.session_id

    def headers(self) -> Headers:
        """What every answer says. The session's id is there unless headers left before it was accepted."""
        known: Headers = [
            ("x-request-id", self.request.request_id),
            ("x-mix2api-run-id", self.run_id),
        ]
        accepted = self.delivery.accepted
        if accepted is not None:
            how = f"{accepted.resolution}; reason={accepted.reason}"
            bridged = self.request.bridged
            if bridged is not None:
                # What the client has to say again is its own session's id.
                known += [("x-session-id", bridged.client_session), ("x-trace-id", bridged.trace)]
            else:
                known.append(("x-session-id", accepted.session_id))
            known.append(("x-mix2api-session", how))
            if accepted.withheld:
                known.append(("x-mix2api-withheld", accepted.withheld))
            if accepted.budget:
                known.append(("x-mix2api-budget", accepted.budget))
            if accepted.account:
                known.append(("x-mix2api-account", accepted.account))
        return known

    def frame(self) -> AnswerFrame:
        """What is the same in every chunk."""
        return AnswerFrame(
            run_id=self.run_id,
            created_s=self.created_s,
            model=self.turn.model,
            legacy_functions=self.turn.legacy_functions,
            include_usage=self.turn.include_usage,
        )


class TurnReading(Protocol):
    """Reads a body."""

    def __call__(self, request: EdgeRequest, body: bytes, *, sites: Sites) -> Steps[Turn]:
        """The turn that it asks for, in steps.

        Args:
            request: for its headers; what the answer has to repeat of the body is left in `request.echo`.
            body: unpacked.
            sites: the upstream of each model: whether a turn is to have the body's fields as they came.

        Raises:
            mix2api.errors.InvalidRequest: it asks for none.
            mix2api.errors.NotFound: no upstream serves its model.
        """
        ...


@frozen(kw_only=True)
class ApiForm:
    """How an API is read and answered."""

    turn_steps: TurnReading
    renderer: Callable[[SubmittedRun, Callable[[Ended], None]], Rendering]
    """Makes the frames of one stream; the callable is told of the ending."""
    whole: Callable[[SubmittedRun], Collecting]
    """Makes the one object of a whole answer."""


def _turn_steps(request: EdgeRequest, body: bytes, *, sites: Sites) -> Steps[Turn]:
    """The turn; what headers say wins over the body."""
    given = request.given
    persona = given.get(b"x-persona-id") or given.get(b"x-persona_id")
    base = given.get(BASE_HEADER)
    return chat_request_steps(
        body,
        persona_id=persona.decode("latin1") if persona else None,
        asked_base=AskedBase(base.decode("latin1"), BASE_HEADER.decode()) if base else None,
        keeps_given=sites.passes_through if sites.only is None or sites.only.passes_through else None,
    )


def _renderer(run: SubmittedRun, on_ended: Callable[[Ended], None]) -> StreamRenderer:
    return StreamRenderer(run.frame(), run.request.request_id, on_ended=on_ended)


def _whole(run: SubmittedRun) -> WholeAnswer:
    return WholeAnswer(run.frame(), run.session_id)


CHAT: Final = ApiForm(turn_steps=_turn_steps, renderer=_renderer, whole=_whole)
"""How Chat Completions are read and answered."""
