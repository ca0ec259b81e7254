"""`POST /v2/chats`: from a request to an answer on the wire.

Of several directives that end an answer, the first in this order acts: `forget`, `status`, `429`, (a full context
window,) `slow_head`, `hang`, `garbage`, `html`, the non-streaming forms and their faults, then those of `script`.
401, 403, 429, 503 and a full window refuse the turn: the context stays as it was. Everything else has taken it: the
messages are in the context, and so is what was said, even if the client left before it was all written.
"""

from collections.abc import Iterable
from http import HTTPStatus
from itertools import chain
from typing import Final, assert_never

import msgspec
import trio
from attrs import evolve

from mix2api.demo.answers import Answer, compose, cut, group_of, is_shaped, wanted_group
from mix2api.demo.bodies import Chat
from mix2api.demo.connection import Connection, Incoming
from mix2api.demo.contexts import Asked, SiteSession, read_asked
from mix2api.demo.dialects import DIALECTS, Spoken
from mix2api.demo.directives import Directives, WrongDirective, find_directives
from mix2api.demo.kept_responses import RefusedChat
from mix2api.demo.offers import Offer, native_offer, told_offer
from mix2api.demo.plans import planned_answer
from mix2api.demo.script import Break, Ending, Frame, Pause, Silence, Step, usage_of
from mix2api.demo.site import Received, Site, UnknownSession
from mix2api.demo.transcript import Transcript
from mix2api.demo.whole import error_body, failing, quota_body
from mix2api.demo.words import Word

_GARBAGE: Final = b"\x00\xff\x13 this is not HTTP \r\n\r\n"
_HTML: Final = b"<!doctype html><title>Down</title><p>The site is being worked at.</p>"
_REFUSING: Final = frozenset(
    {
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.SERVICE_UNAVAILABLE,
    }
)
"""Statuses under which the site has not taken the turn."""


async def answer_chat(incoming: Incoming, connection: Connection, site: Site) -> None:
    """Answers one chat request; counts it, and whether its client stayed."""
    try:
        chat = DIALECTS[site.options.kind].decode(incoming.body)
    except msgspec.MsgspecError as fault:
        await connection.send_body(HTTPStatus.BAD_REQUEST, error_body(str(fault), "invalid_request"))
        return
    site.received.append(Received(incoming.headers, incoming.body))
    site.stats.requests += 1
    site.stats.open_streams += 1
    stayed = True
    try:
        stayed = await connection.watched(lambda: _admit(chat, incoming, connection, site))
    finally:
        site.stats.open_streams -= 1
        site.stats.cut_by_client += not stayed


_THOUGHT: Final = ("I look at the words first, ", "then at what they ask for.")
"""The reasoning of a turn that asks for reasoning, if no directive gives its text."""


async def _admit(chat: Chat, incoming: Incoming, connection: Connection, site: Site) -> None:
    """Refuses, or goes on to the answer."""
    scheme, _, token = incoming.headers.get("authorization", "").partition(" ")
    if site.options.require_token and not (scheme.lower() == "bearer" and site.knows(token)):
        refused = error_body("the token is missing or has expired", "invalid_token")
        await connection.send_body(HTTPStatus.UNAUTHORIZED, refused)
        return
    try:
        chat = DIALECTS[site.options.kind].continued(chat, token, site)
        session, words = _resolve(chat, token, site)
    except RefusedChat as fault:
        await connection.send_body(HTTPStatus.BAD_REQUEST, error_body("it is not this account's", fault.code))
    except UnknownSession:
        unknown = error_body("no such session", "session_not_found")
        await connection.send_body(HTTPStatus.NOT_FOUND, unknown)
    except WrongDirective as fault:
        await connection.send_body(HTTPStatus.BAD_REQUEST, error_body(str(fault), "invalid_directive"))
    else:
        turn = _Turn(chat, session, words, connection, site, token)
        await turn.answer(streams=chat.stream and _accepts_stream(incoming))


def _accepts_stream(incoming: Incoming) -> bool:
    accepted = incoming.headers.get("accept", "*/*")
    return "text/event-stream" in accepted or "*/*" in accepted


def _resolve(chat: Chat, account: str, site: Site) -> tuple[SiteSession | None, Directives]:
    """The session to continue (None: a fresh one), and the directives of the turn's newest user text."""
    known = None if chat.session_id is None else site.session(chat.session_id)
    context = [*known.kept, *chat.messages] if known is not None else chat.messages
    asked = find_directives(read_asked(context, chat.ask.query).text)
    words = site.first_sight(asked).of(account, chat.model)
    fault = site.fault_of((*(kept.seen.text for kept in context), chat.ask.query))
    words = Directives(words.values | fault.values, words.groups)
    return (None if known is None else site.continue_session(known.id, words)), words


class _Turn:
    """One turn on its way to its answer."""

    def __init__(
        self,
        chat: Chat,
        session: SiteSession | None,
        words: Directives,
        connection: Connection,
        site: Site,
        account: str,
    ) -> None:
        self._account = account
        self._chat = chat
        self._session = session
        self._words = words
        self._connection = connection
        self._site = site
        self._dialect = DIALECTS[site.options.kind]
        self._count = site.options.count

    async def answer(self, *, streams: bool) -> None:
        """Refuses the turn, or takes it and answers."""
        status = self._status()
        if status in _REFUSING:
            await self._refuse(status)
        elif self._overflows():
            await self._send_overflow(streams=streams)
        else:
            await self._take(status, streams=streams and Word.JSON not in self._words)

    def _status(self) -> int:
        wanted = self._words.number(Word.STATUS, HTTPStatus.OK)
        is_limited = Word.TOO_MANY in self._words or Word.QUOTA in self._words
        return HTTPStatus.TOO_MANY_REQUESTS if is_limited else wanted

    async def _refuse(self, status: int) -> None:
        retry = (("retry-after", self._words.text(Word.TOO_MANY)),) if Word.TOO_MANY in self._words else ()
        body = error_body(f"refused with {status}, as asked for")
        if Word.QUOTA in self._words:
            body = quota_body(self._words.number(Word.QUOTA, 0))
        await self._connection.send_body(status, body, headers=retry)

    def _overflows(self) -> bool:
        held = self._count.context(self._session, self._chat.messages, self._chat.tools)
        return held > self._site.options.context_window

    async def _send_overflow(self, *, streams: bool) -> None:
        self._site.stats.overflows += 1
        window = self._site.options.context_window
        why = f"context_length_exceeded: the session may hold {window} tokens"
        steps = self._dialect.overflow(why)
        if steps is not None and streams:
            await self._send_stream(steps, None)
            return
        status = HTTPStatus.BAD_REQUEST if steps is None else HTTPStatus.OK
        await self._connection.send_body(status, error_body(why, "context_length_exceeded"))

    async def _take(self, status: int, *, streams: bool) -> None:
        session = self._session
        if session is None:
            site = self._site
            session = site.open_session() if self._dialect.keeps_sessions else SiteSession(site.mint("chat"))
        session.keep(self._chat.messages)
        asked = read_asked(session.kept, self._chat.ask.query)
        transcript = Transcript(self._site, session, self._words)
        try:
            if not await self._no_answer(status):
                await self._say(asked, session, transcript, streams=streams)
        finally:
            transcript.keep()

    async def _no_answer(self, status: int) -> bool:
        """Sends what a directive puts in the place of an answer; says whether there was such a directive."""
        words, connection = self._words, self._connection
        await trio.sleep(words.number(Word.SLOW_HEAD, 0) / 1000)
        if status != HTTPStatus.OK:
            await self._refuse(status)
        elif Word.HANG in words:
            await trio.sleep_forever()
        elif Word.GARBAGE in words:
            await connection.send_garbage(_GARBAGE)
        elif Word.HTML in words:
            await connection.send_body(HTTPStatus.OK, _HTML, "text/html; charset=utf-8")
        else:
            return False
        return True

    async def _say(
        self, asked: Asked, session: SiteSession, transcript: Transcript, *, streams: bool
    ) -> None:
        answer = self._answer(asked, session)
        spoken = Spoken(
            answer=answer,
            chat=self._chat,
            ids=transcript.ids,
            words=self._words,
            pace_ms=self._words.number(Word.PACE, self._site.options.pace_ms),
            account=self._account,
            keep=self._site.keep_response,
            usage=usage_of(answer, self._count.context(session, (), self._chat.tools), self._count),
        )
        if not streams or Word.JSON_ERROR in self._words:
            await self._send_whole(spoken, transcript)
        else:
            await self._send_stream(self._dialect.steps(spoken), transcript)

    def _answer(self, asked: Asked, session: SiteSession) -> Answer:
        words, options = self._words, self._site.options
        planned = planned_answer(session.kept, self._chat.ask.query)
        if planned is not None:
            return Answer(pieces=cut(planned, words.number(Word.SIZE, options.size)))
        group = group_of(asked, words)
        if group is None and not is_shaped(words, options):
            group = wanted_group(asked, self._offer(session))
        call_ids = [self._site.mint("call") for _ in group.calls] if group is not None else []
        answer = compose(asked, words, options, group, call_ids)
        if self._chat.reasons and not is_shaped(words, options):
            answer = evolve(answer, reasoning=answer.reasoning or _THOUGHT)
        return answer

    def _offer(self, session: SiteSession) -> Offer:
        """The tools that this turn offers: by its own fields, else by the words to it and to its session."""
        chat = self._chat
        if chat.tools:
            return native_offer(chat.tools, chat.tool_choice, single=chat.one_call)
        # The newest words count. The query comes last: tools told in the messages need not be told there again.
        told = (each.seen.text for each in reversed(session.kept) if each.seen.role == "system")
        now = [each.seen.text for each in chat.messages if each.seen.role == "system"]
        return told_offer(chain(told, (chat.ask.query,)), "\n".join((*now, chat.ask.query)))

    async def _send_whole(self, spoken: Spoken, transcript: Transcript) -> None:
        words, answer = self._words, spoken.answer
        body = self._dialect.whole(spoken)
        if Word.SILENT in words:
            await self._connection.send_head(HTTPStatus.OK, "application/json")
            await trio.sleep_forever()
        await trio.sleep(words.number(Word.SILENCE, 0) / 1000)
        if Word.CUT in words or Word.CUT_MID_FRAME in words:
            self._connection.drop(reset=words.text(Word.CUT_MID_FRAME) == "reset")
            await self._connection.send_half_body(body)
            return
        if failing(words) is None:
            transcript.add("".join(answer.pieces), None)
            for call in answer.calls:
                transcript.add("", call)
        transcript.keep()
        await self._connection.send_body(HTTPStatus.OK, body)

    async def _send_stream(self, steps: Iterable[Step], transcript: Transcript | None) -> None:
        await self._connection.send_head(HTTPStatus.OK, "text/event-stream", self._dialect.head)
        for step in steps:
            if transcript is not None:
                _note(step, transcript)
            await self._perform(step)

    async def _perform(self, step: Step) -> None:
        match step:
            case Frame(data):
                await self._connection.send_data(data)
            case Pause(ms):
                await trio.sleep(ms / 1000)
            case Silence():
                await trio.sleep_forever()
            case Ending(data):
                await self._connection.send_end(data)
            case Break(data, reset):
                self._connection.drop(reset=reset)
                if data:
                    await self._connection.send_half(data)
            case _:
                assert_never(step)


def _note(step: Step, transcript: Transcript) -> None:
    """Keeps the answer before its last byte leaves, so that a client that has read it finds it in the context."""
    match step:
        case Frame(_, said, called):
            transcript.add(said, called)
        case Ending() | Break():
            transcript.keep()
        case Pause() | Silence():
            pass
        case _:
            assert_never(step)
