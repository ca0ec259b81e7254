"""`POST /v1/chat/completions`: from a request to a submitted turn, and from its replies to an answer."""

from collections.abc import Callable
from functools import partial
from typing import Final

import msgspec
import trio
from attrs import evolve, frozen
from quart import Response
from werkzeug.datastructures import Headers

from mix2api.clock import Clock
from mix2api.edge.answers import bytes_answer
from mix2api.edge.auth import Authenticator
from mix2api.edge.connection import EdgeRequest
from mix2api.edge.continuing import Continuing, Found
from mix2api.edge.delivery import Delivery, LiveDeliveries
from mix2api.edge.options import EdgeOptions
from mix2api.edge.refusals import Refusals
from mix2api.edge.rendering import StreamRenderer, collect, error_of, finish_reason_of
from mix2api.edge.responder import StreamBody, WholeBody
from mix2api.edge.stepping import in_turn
from mix2api.edge.upstream_bases import UpstreamBases
from mix2api.errors import ClientVisibleError, StoreUnavailable, UnsupportedMediaType
from mix2api.identity import Mint
from mix2api.sessions.prepared_turn import PreparedTurn, prepare
from mix2api.sessions.worker_port import Accepted, Dispatch, Ended, Replies, Reply, Submission
from mix2api.steps import Steps
from mix2api.store_watch import StoreWatch
from mix2api.tools.checks import tool_check_steps
from mix2api.vocabulary import SUCCESSES, Digest, RunId, SessionId
from mix2api.wire.chat_answer import AnswerFrame, WholeAnswer
from mix2api.wire.chat_request import chat_request_steps
from mix2api.wire.error_answer import envelope
from mix2api.wire.turn import AskedBase, Turn

_EVENT_STREAM: Final = "text/event-stream; charset=utf-8"
_BASE_HEADER: Final = b"x-upstream-base-url"
_UNBUFFERED: Final = (("cache-control", "no-cache"), ("x-accel-buffering", "no"))


@frozen(kw_only=True)
class ChatParts:
    """What the endpoint works with; built in `mix2api.edge.app`."""

    options: EdgeOptions
    dispatch: Dispatch
    authenticator: Authenticator
    continuing: Continuing
    bases: UpstreamBases
    mint: Mint
    clock: Clock
    live: LiveDeliveries
    refusals: Refusals
    store: StoreWatch


@frozen(kw_only=True)
class _Run:
    """One submitted turn on its way back."""

    request: EdgeRequest
    submission: Submission
    delivery: Delivery
    created_s: int

    @property
    def run_id(self) -> RunId:
        """Of the run that answers, as far as is known: the turn may have run again."""
        accepted = self.delivery.accepted
        return RunId(accepted.run_id) if accepted is not None and accepted.run_id else self.submission.run_id

    def headers(self) -> list[tuple[str, str]]:
        """Beside `x-request-id`. The session's id is there unless headers left before it was accepted."""
        known = [("x-mix2api-run-id", str(self.run_id))]
        accepted = self.delivery.accepted
        if accepted is None:
            return known
        how = f"{accepted.resolution}; reason={accepted.reason}"
        return [*known, ("x-session-id", accepted.session_id), ("x-mix2api-session", how)]

    def frame(self) -> AnswerFrame:
        """What is the same in every chunk."""
        turn = self.submission.turn
        return AnswerFrame(
            run_id=self.run_id,
            created_s=self.created_s,
            model=turn.model,
            legacy_functions=turn.legacy_functions,
            include_usage=turn.include_usage,
        )


class ChatEndpoint:
    """The endpoint. Raises the errors that are found before a turn is submitted; what comes after ends in an answer."""

    def __init__(self, parts: ChatParts) -> None:
        self._parts = parts
        self._options = parts.options
        self._session_key = parts.options.session_key_header.lower().encode()

    async def complete(self, request: EdgeRequest) -> Response:
        """Answers one chat request.

        Raises:
            mix2api.errors.ClientVisibleError: refused, nothing was submitted.
        """
        submission = await self._submission(request)
        if submission.taken is not None and submission.session_id is not None:
            request.give_back = partial(self._put_back, submission.taken, submission.session_id)
        try:
            replies = await self._submit(submission)
        except ClientVisibleError:
            await request.give_session_back()
            raise
        request.delivery = Delivery(replies, self._parts.live, request.line)
        request.submitted_as = submission.run_id
        run = _Run(
            request=request,
            submission=submission,
            delivery=request.delivery,
            created_s=self._parts.clock.now_ms() // 1000,
        )
        if submission.turn.stream:
            return await self._stream(run)
        return await self._whole(run)

    async def _submission(self, request: EdgeRequest) -> Submission:
        parts, given = self._parts, request.given
        caller = parts.authenticator.caller(given)
        _check_media_type(given)
        body = await request.body.read(self._options.body_timeout_s)
        turn = request.turn = await in_turn(_turn_steps(body, given))
        prepared = prepare(turn)
        if prepared.uses_tools:
            await in_turn(tool_check_steps(turn))
        if turn.asked_base is not None:
            base = await parts.bases.chosen(turn.asked_base)
            turn = request.turn = msgspec.structs.replace(turn, asked_base=None, base=base)
            prepared = evolve(prepared, turn=turn)
        client = request.client
        authorization = given.get(b"authorization") if self._options.pass_authorization else None
        # An empty one comes from a gateway's template: it would be everybody's one name.
        key = given.get(self._session_key) or None
        isolation = parts.authenticator.isolation(caller, turn.model, client, key)
        found = await self._found(prepared, given, isolation, keyed=key is not None)
        return Submission(
            run_id=parts.mint.run_id(),
            request_id=request.request_id,
            turn=turn,
            body_bytes=len(body),
            client=client.value,
            isolation=found.isolation,
            edge=self._options.process,
            caller=caller.fingerprint,
            session_id=found.session_id,
            claimed=found.claimed,
            reason=found.reason.value,
            taken=found.taken,
            bind=found.bind,
            lineage=found.lineage,
            authorization=authorization.decode("latin1") if authorization is not None else None,
            prepared=prepared,
        )

    async def _found(
        self, prepared: PreparedTurn, given: dict[bytes, bytes], isolation: Digest, *, keyed: bool
    ) -> Found:
        """The session for a turn. One that the index has given out as the store went away is lost to its conversation.

        Raises:
            StoreUnavailable: the store is away.
        """
        store = self._parts.store
        try:
            with store.patience():
                return await self._parts.continuing.find(prepared, given, isolation, keyed=keyed)
            raise StoreUnavailable
        except StoreUnavailable:
            store.on_refused()
            raise

    async def _submit(self, submission: Submission) -> Replies:
        """Hands the turn over.

        Raises:
            mix2api.errors.ClientVisibleError: it was not taken.
        """
        store = self._parts.store
        if not store.is_away:
            with store.patience():
                return await self._parts.dispatch.submit(submission)
        store.on_refused()
        raise StoreUnavailable

    async def _put_back(self, at: Digest, session_id: SessionId) -> None:
        """Puts a session back to where it waited. If the store is away, that is done once it is back, and not waited for."""
        with self._parts.store.patience():
            await self._parts.continuing.put_back(at, session_id)

    async def _stream(self, run: _Run) -> Response:
        held: list[Reply] = []
        early_s = self._options.early_headers_ms / 1000
        with trio.move_on_after(self._options.hold_headers_s + early_s) as patience:
            held = await _first_output(run.delivery, lambda: _shorten(patience, early_s))
        if held and isinstance(held[0], Ended) and held[0].end_reason not in SUCCESSES:
            return await self._failed(run, held[0])
        run.delivery.replies.headers_sent()
        renderer = StreamRenderer(
            run.frame(),
            run.request.request_id,
            on_ended=lambda ended: self._report_unaccepted(run, ended),
        )
        body = StreamBody(
            run.delivery,
            renderer,
            held,
            on_fault=self._parts.refusals.fault,
        )
        headers = Headers([("x-request-id", run.request.request_id), *run.headers(), *_UNBUFFERED])
        return Response(body, 200, headers, content_type=_EVENT_STREAM)

    async def _whole(self, run: _Run) -> Response:
        replies = await _first_output(run.delivery)
        answer = WholeAnswer(run.frame())  # now, because a turn whose output has begun does not run again
        while (ended := collect(answer, replies)) is None:
            replies = await run.delivery.take()
        if ended.end_reason not in SUCCESSES:
            return await self._failed(run, ended)
        return _written(run, answer.finish(finish_reason_of(ended), ended.usage), ended, 200)

    async def _failed(self, run: _Run, ended: Ended) -> Response:
        self._report_unaccepted(run, ended)
        await run.request.give_session_back()  # before the answer: its client may ask again at once
        return _written(run, envelope(error_of(ended)), ended, ended.http_status)

    def _report_unaccepted(self, run: _Run, ended: Ended) -> None:
        # Accepted runs are reported by the worker that ran them.
        if run.delivery.accepted is None:
            self._parts.refusals.unaccepted(run.request, run.submission.run_id, ended)


async def _first_output(delivery: Delivery, on_accepted: Callable[[], None] = lambda: None) -> list[Reply]:
    """Waits for what decides the status line: output, or the ending. `Accepted` alone does not, and is told."""
    while True:
        replies: list[Reply] = [reply for reply in await delivery.take() if not isinstance(reply, Accepted)]
        if replies:
            return replies
        if delivery.accepted is not None:
            on_accepted()


def _shorten(patience: trio.CancelScope, limit_s: float) -> None:
    """From now on it lasts so long at most."""
    patience.deadline = min(patience.deadline, trio.current_time() + limit_s)


def _written(run: _Run, body: bytes, ended: Ended, status: int) -> Response:
    headers = run.headers()
    if ended.retry_after_s is not None:
        headers.append(("retry-after", str(ended.retry_after_s)))
    headers.append(("content-length", str(len(body))))
    return bytes_answer(run.request, WholeBody(run.delivery, body, ended), status, headers)


def _turn_steps(body: bytes, given: dict[bytes, bytes]) -> Steps[Turn]:
    """The turn; what headers say wins over the body."""
    persona, base = given.get(b"x-persona-id"), given.get(_BASE_HEADER)
    return chat_request_steps(
        body,
        persona_id=persona.decode("latin1") if persona else None,
        asked_base=AskedBase(base.decode("latin1"), _BASE_HEADER.decode()) if base else None,
    )


def _check_media_type(given: dict[bytes, bytes]) -> None:
    declared = given.get(b"content-type")
    if declared is not None and b"json" not in declared.lower():
        raise UnsupportedMediaType("The body must be JSON: send `content-type: application/json`.")
    if given.get(b"content-encoding", b"identity").lower() != b"identity":
        raise UnsupportedMediaType("The body must not be compressed: send it without `content-encoding`.")
