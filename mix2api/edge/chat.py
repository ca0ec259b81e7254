"""`POST /v1/chat/completions`: from a request to a submitted turn, and from its replies to an answer.

Other APIs in front of the same turns bring an `ApiForm` of their own (`mix2api.edge.responses`).
"""

from collections.abc import Callable
from functools import partial
from typing import Final

import msgspec
import trio
from attrs import evolve, frozen

from mix2api.clock import Clock
from mix2api.edge.answers import JSON, retry_after
from mix2api.edge.api_form import CHAT, ApiForm, SubmittedRun
from mix2api.edge.auth import Authenticator, Caller, authorization_of
from mix2api.edge.bridged_words import asked_of
from mix2api.edge.clients import word_of
from mix2api.edge.continuing import Continuing
from mix2api.edge.delivery import Delivery, LiveDeliveries, PiecesAtOnce
from mix2api.edge.options import EdgeOptions
from mix2api.edge.owned_turns import OwnedTurns
from mix2api.edge.refusals import EdgeFault, EdgeObserver, Refusals
from mix2api.edge.rendering import (
    Rendering,
    collect,
    error_of,
    finish_reason_of,
    receipt_of,
)
from mix2api.edge.request import EdgeRequest
from mix2api.edge.stopwatch import Stopwatch
from mix2api.edge.unpacking import unpack_steps
from mix2api.edge.upstream_bases import UpstreamBases
from mix2api.errors import ClientVisibleError, StoreUnavailable, UnsupportedMediaType
from mix2api.identity import Mint
from mix2api.redaction import redact_body
from mix2api.sealing import Seal
from mix2api.sessions.bridged import Bridged, bridged_of
from mix2api.sessions.client_words import refused, status_of_failure
from mix2api.sessions.prepared_turn import PreparedTurn, prepare
from mix2api.sessions.sites import Sites
from mix2api.sessions.worker_port import Accepted, Dispatch, Ended, Replies, Reply, Submission
from mix2api.stepping import in_turn
from mix2api.store_watch import StoreWatch
from mix2api.tools.checks import tool_check_steps
from mix2api.tools.legacy import with_named_calls
from mix2api.vocabulary import SUCCESSES, Detail, Digest, EndReason, SessionId
from mix2api.wire.chat_answer import KEEP_ALIVE
from mix2api.wire.error_answer import envelope
from mix2api.wire.lenient_limits import lenient_steps
from mix2api.wire.turn import Turn

_STREAM_HEADERS: Final = (
    ("content-type", "text/event-stream; charset=utf-8"),
    ("cache-control", "no-cache"),
    ("x-accel-buffering", "no"),
)


@frozen(kw_only=True)
class ChatParts:
    """What the endpoint works with; built in `mix2api.edge.app`."""

    options: EdgeOptions
    dispatch: Dispatch
    authenticator: Authenticator
    continuing: Continuing
    sites: Sites
    owned: OwnedTurns
    bases: UpstreamBases
    seal: Seal
    mint: Mint
    clock: Clock
    live: LiveDeliveries
    refusals: Refusals
    observer: EdgeObserver
    store: StoreWatch


class ChatEndpoint:
    """The endpoint. Raises the errors that are found before a turn is submitted; what comes after ends in an answer."""

    def __init__(self, parts: ChatParts, form: ApiForm | None = None) -> None:
        self._parts = parts
        self._form = CHAT if form is None else form
        self._options = parts.options
        self._session_key = parts.options.session_key_header.lower().encode()

    async def answer(self, request: EdgeRequest) -> None:
        """Answers one chat request.

        Raises:
            mix2api.errors.ClientVisibleError: refused, nothing was submitted.
        """
        watch = request.watch = Stopwatch(self._parts.clock, request.started_ms)
        submission = await self._submission(request, watch)
        if submission.taken is not None and submission.session_id is not None:
            request.give_back = partial(self._put_back, submission.taken, submission.session_id)
        try:
            replies = await self._submit(submission)
        except ClientVisibleError:
            await request.give_session_back()
            raise
        watch.submitted()
        request.delivery = Delivery(replies, self._parts.live, watch)
        request.submitted_as = submission.run_id
        request.forget_headers()
        run = SubmittedRun(
            request=request,
            delivery=request.delivery,
            turn=submission.turn,
            submitted_as=submission.run_id,
            created_s=self._parts.clock.now_ms() // 1000,
        )
        del submission, replies
        if run.turn.stream:
            await self._stream(run)
        else:
            await self._whole(run)

    async def _submission(self, request: EdgeRequest, watch: Stopwatch) -> Submission:
        parts, given = self._parts, request.given
        caller = parts.authenticator.caller(given)
        _check_media_type(given)
        body = await request.body.read(self._options.body_timeout_s)
        watch.body_read()
        if self._options.log_bodies:
            parts.observer.on_body(request.request_id, redact_body(body))
        request.line.listen(watch)
        if b"content-encoding" in given:
            body = await in_turn(unpack_steps(body, given[b"content-encoding"], self._options.body_limit))
        read = partial(self._form.turn_steps, request, sites=parts.sites)
        lenient = self._options.lenient_limits
        steps = lenient_steps(read, body, parts.refusals.ignored) if lenient else read(body)
        turn = request.turn = await in_turn(steps)
        if turn.refers:
            turn = request.turn = await self._owned(turn, caller.fingerprint)
        prepared = prepare(turn)
        if prepared.uses_tools and not turn.is_responses:  # else its history is the upstream's to check
            prepared = await _with_checked_tools(prepared)
            turn = request.turn = prepared.turn
        if turn.asked_base is not None:
            base = await parts.bases.chosen(turn.asked_base)
            turn = request.turn = msgspec.structs.replace(turn, asked_base=None, base=base)
            prepared = evolve(prepared, turn=turn)
        client = request.client
        authorization = authorization_of(given) if self._options.pass_authorization else None
        # An empty one comes from a gateway's template: it would be everybody's one name.
        key = given.get(self._session_key) or None
        word = word_of(given)
        application = client if word is None else f"{client}:{word.decode('latin1')}"
        isolation = parts.authenticator.isolation(caller, turn.model, application, key)
        bridged = request.bridged = self._bridged(given, turn, caller)
        watch.understood()
        try:
            found = await parts.continuing.find(
                prepared,
                given,
                isolation,
                keyed=key is not None,
                bridged=bridged,
                patience=parts.store.patience,
            )
        except StoreUnavailable:
            # A session that the index has given out as the store went away is lost to its conversation.
            parts.store.on_refused()
            raise
        watch.found()
        return Submission(
            run_id=parts.mint.run_id(),
            request_id=request.request_id,
            turn=turn,
            body_bytes=len(body),
            client=client.value,
            isolation=found.isolation,
            edge=self._options.process,
            edge_channel=self._options.channel,
            caller=caller.fingerprint,
            session_id=found.session_id,
            claimed=found.claimed,
            reason=found.reason.value,
            taken=found.taken,
            bind=found.bind,
            lineage=found.lineage,
            authorization=authorization.decode("latin1") if authorization is not None else None,
            bridged=bridged,
            prepared=prepared,
        )

    async def _owned(self, turn: Turn, caller: Digest) -> Turn:
        """The turn with the account that alone can serve it.

        Raises:
            mix2api.errors.ClientVisibleError: nobody knows the account, or the store does not answer.
        """
        store = self._parts.store
        try:
            with store.patience():
                return await self._parts.owned.owned(turn, caller)
            raise StoreUnavailable  # the wait was cut short
        except StoreUnavailable:
            store.on_refused()
            raise

    def _bridged(self, given: dict[bytes, bytes], turn: Turn, caller: Caller) -> Bridged | None:
        """Whose run it is in a runtime; None where the upstream is none."""
        parts = self._parts
        if not (parts.sites.only or parts.sites.of(turn.model)).bridges:
            return None
        return bridged_of(asked_of(given, turn), caller.fingerprint, parts.seal.digest, parts.mint.word)

    async def _submit(self, submission: Submission) -> Replies:
        """Hands the turn over.

        Raises:
            mix2api.errors.ClientVisibleError: it was not taken.
        """
        store, session_id = self._parts.store, submission.session_id
        if store.is_away or (store.lacks is not None and session_id is not None and store.lacks(session_id)):
            store.on_refused()
            raise StoreUnavailable
        store.look_soon()
        return await self._parts.dispatch.submit(submission)

    async def _put_back(self, at: Digest, session_id: SessionId) -> None:
        """Puts a session back to where it waited. If the store is away, that is done once it is back, and not waited for."""
        with self._parts.store.patience():
            await self._parts.continuing.put_back(at, session_id)

    async def _stream(self, run: SubmittedRun) -> None:
        held: list[Reply] = []
        early_s = self._options.early_headers_ms / 1000
        with trio.move_on_after(self._options.hold_headers_s + early_s) as patience:
            held = await _first_output(run.delivery, lambda: _shorten(patience, early_s))
        if held and isinstance(held[0], Ended) and held[0].end_reason not in SUCCESSES:
            await self._fail(run, held[0])
            return
        run.delivery.replies.headers_sent()
        renderer = self._form.renderer(run, lambda ended: self._report_unaccepted(run, ended))
        run.request.line.begin(200, [*run.headers(), *_STREAM_HEADERS])
        await self._send_pieces(run, renderer, held)

    async def _send_pieces(self, run: SubmittedRun, renderer: Rendering, replies: list[Reply]) -> None:
        """The body of a stream: one piece, and one write, for all replies that are pending at a time.

        Args:
            run: whose it is.
            renderer: replies to frames.
            replies: the first; empty if the headers leave early.
        """
        line, delivery = run.request.line, run.delivery
        at_once = PiecesAtOnce(delivery, renderer.render, line.send_now, line.send_rest)
        take = delivery.take if delivery.accepted is None else at_once.take
        is_first = True
        while renderer.ended is None:
            try:
                if not is_first:
                    replies = await take()
                    if await at_once.finish() and not replies:
                        continue
                # Silence, and headers that leave early: a comment shows them to the client, and a disconnect to us.
                piece = renderer.render(replies) if replies else KEEP_ALIVE
            except Exception as fault:  # noqa: BLE001 - the supervisor of this stream: never a silent cut (FR11)
                piece = self._broken(run, renderer, fault)
            is_first = False
            replies.clear()
            if piece:
                delivery.writes += 1
                is_last = renderer.ended is not None
                if is_last:
                    delivery.watch.write_begins()
                await line.send(piece, is_last=is_last)
        delivery.confirm(receipt_of(renderer.ended), renderer.ended.end_reason)

    def _broken(self, run: SubmittedRun, renderer: Rendering, fault: Exception) -> bytes:
        """Ends a stream whose frames could not be made."""
        told = EdgeFault.of(fault)
        self._parts.refusals.fault(told)
        run.delivery.replies.abort(Detail.EDGE_LOST)
        return renderer.ending(
            refused(
                EndReason.ADAPTER_ERROR, told.exception, "The adapter failed while it streamed the answer."
            )
        )

    async def _whole(self, run: SubmittedRun) -> None:
        replies = await _first_output(run.delivery)
        answer = self._form.whole(run)  # now, because a turn whose output has begun does not run again
        while (ended := collect(answer, replies)) is None:
            replies = await run.delivery.take()
        if ended.end_reason not in SUCCESSES:
            await self._fail(run, ended)
            return
        await _send_whole(run, answer.finish(finish_reason_of(ended), ended.usage), ended, 200)

    async def _fail(self, run: SubmittedRun, ended: Ended) -> None:
        self._report_unaccepted(run, ended)
        await run.request.give_session_back()  # before the answer: its client may ask again at once
        await _send_whole(run, envelope(error_of(ended)), ended, status_of_failure(ended))

    def _report_unaccepted(self, run: SubmittedRun, ended: Ended) -> None:
        # Accepted runs are reported by the worker that ran them.
        if run.delivery.accepted is None:
            self._parts.refusals.unaccepted(run.request, run.submitted_as, ended)


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


async def _send_whole(run: SubmittedRun, body: bytes, ended: Ended, status: int) -> None:
    headers = [*run.headers(), JSON, *retry_after(ended.retry_after_s)]
    run.delivery.writes += 1
    run.delivery.watch.write_begins()
    await run.request.line.answer(status, headers, body)
    run.delivery.confirm(receipt_of(ended), ended.end_reason)


async def _with_checked_tools(prepared: PreparedTurn) -> PreparedTurn:
    """The turn with the names of its calls; its calls and their results were checked.

    Raises:
        InvalidRequest: a result is missing, unknown or there twice.
    """
    turn = prepared.turn
    messages = with_named_calls(turn.messages)
    if messages is not turn.messages:
        turn = msgspec.structs.replace(turn, messages=messages)
        prepared = prepare(turn)
    if turn.previous_response is None:  # else its calls are the session's to know
        await in_turn(tool_check_steps(turn))
    return prepared


def _check_media_type(given: dict[bytes, bytes]) -> None:
    declared = given.get(b"content-type")
    if declared is not None and b"json" not in declared.lower():
        raise UnsupportedMediaType("The body must be JSON: send `content-type: application/json`.")
