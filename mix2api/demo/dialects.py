"""How a demo site speaks: what differs between its kinds. The turn itself, its directives and its faults are the same."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

import msgspec
from attrs import frozen

from mix2api.demo import frames
from mix2api.demo.answers import Answer
from mix2api.demo.bodies import Chat, decode_chat
from mix2api.demo.contexts import Kept
from mix2api.demo.directives import Directives
from mix2api.demo.identities import Ids
from mix2api.demo.kept_responses import continued
from mix2api.demo.openai_bodies import decode_openai_chat
from mix2api.demo.openai_script import ChatScript
from mix2api.demo.openai_whole import completion_body
from mix2api.demo.options import DemoKind
from mix2api.demo.responses_bodies import decode_responses, messages_of
from mix2api.demo.responses_objects import KeptResponse, ResponseHead, finished
from mix2api.demo.responses_script import ResponseScript
from mix2api.demo.script import Ending, Frame, Script, Step, error_text
from mix2api.demo.site import Site
from mix2api.demo.whole import error_body, failing, whole_body
from mix2api.demo.words import Word


@frozen(kw_only=True)
class Spoken:
    """One answer that is to be said."""

    answer: Answer
    chat: Chat
    ids: Ids
    words: Directives
    pace_ms: int
    usage: Mapping[str, int]
    """Token figures by the site's own count."""
    account: str = ""
    """Whose token the call has."""
    keep: Callable[[KeptResponse], None] = lambda _: None
    """Keeps a response."""


@frozen(kw_only=True)
class Dialect:
    """One kind's words."""

    decode: Callable[[bytes], Chat]
    """A request's body; raises `msgspec.DecodeError`."""
    steps: Callable[[Spoken], Iterable[Step]]
    """A streamed answer."""
    whole: Callable[[Spoken], bytes]
    """An answer in one piece."""
    head: tuple[tuple[str, str], ...]
    """Header fields of a stream, beside its type."""
    overflow: Callable[[str], tuple[Step, ...] | None]
    """A stream that says that the context is full; None where that is a status, never a stream."""
    keeps_sessions: bool
    continued: Callable[[Chat, str, Site], Chat] = lambda chat, _account, _site: chat
    """The chat with the history that it goes on from, for an account. Raises `RefusedChat`."""


def _mix_steps(spoken: Spoken) -> Iterable[Step]:
    return Script(
        answer=spoken.answer,
        ids=spoken.ids,
        words=spoken.words,
        pace_ms=spoken.pace_ms,
        usage=spoken.usage,
    ).steps()


def _mix_overflow(why: str) -> tuple[Step, ...]:
    return Frame(frames.frame("error", errorText=why)), Ending(frames.DONE)


def _openai_steps(spoken: Spoken) -> Iterable[Step]:
    return ChatScript(
        answer=spoken.answer,
        ids=spoken.ids,
        words=spoken.words,
        pace_ms=spoken.pace_ms,
        usage=spoken.usage,
        model=spoken.chat.model,
        tells_usage=spoken.chat.tells_usage,
    ).steps()


def _head(spoken: Spoken) -> ResponseHead:
    return ResponseHead(f"resp_{spoken.ids.exchange}", spoken.chat.model, spoken.account)


def _kept(spoken: Spoken) -> ResponseHead:
    """The head of a response, which is kept if the chat asks for that."""
    head = _head(spoken)
    if spoken.chat.stores:
        response = finished(spoken.answer, head, spoken.usage)
        said = tuple(Kept.of(msgspec.json.encode(one)) for one in messages_of(response["output"]))
        spoken.keep(KeptResponse(spoken.account, response, spoken.chat.messages, said))
    return head


def _responses_steps(spoken: Spoken) -> Iterable[Step]:
    return ResponseScript(
        answer=spoken.answer,
        ids=spoken.ids,
        words=spoken.words,
        pace_ms=spoken.pace_ms,
        usage=spoken.usage,
        head=_kept(spoken),
    ).steps()


def _responses_whole(spoken: Spoken) -> bytes:
    fault = failing(spoken.words)
    if fault is not None:
        return error_body(error_text(spoken.words, fault))
    told = None if spoken.words.text(Word.USAGE) == "none" else spoken.usage
    encoded = msgspec.json.encode(finished(spoken.answer, _kept(spoken), told))
    return encoded[:-1] if Word.BAD_JSON in spoken.words else encoded


DIALECTS: Final = {
    DemoKind.MIX: Dialect(
        decode=decode_chat,
        steps=_mix_steps,
        whole=lambda spoken: whole_body(spoken.answer, spoken.ids, spoken.words, spoken.usage),
        head=(("cache-control", "no-cache"), ("x-vercel-ai-ui-message-stream", "v1")),
        overflow=_mix_overflow,
        keeps_sessions=True,
    ),
    DemoKind.OPENAI: Dialect(
        decode=decode_openai_chat,
        steps=_openai_steps,
        whole=lambda spoken: completion_body(
            spoken.answer, spoken.chat.model, spoken.ids.exchange, spoken.words, spoken.usage
        ),
        head=(("cache-control", "no-cache"),),
        overflow=lambda _: None,
        keeps_sessions=False,
    ),
    DemoKind.RESPONSES: Dialect(
        decode=decode_responses,
        steps=_responses_steps,
        whole=_responses_whole,
        head=(("cache-control", "no-cache"),),
        overflow=lambda _: None,
        keeps_sessions=False,
        continued=continued,
    ),
}
