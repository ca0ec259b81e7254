"""The text of `request.query`: what the user said last, and around it what a site without native tools has to be told. Pure.

On a continued session the site has what was said in the `messages` that it keeps, and the query is only for its search: some
1,200 bytes. Else `QUERY_MAX_CHARS` bounds it. What gives way first are the results of tools, which stand in `messages` too;
then the beginning of the user's text; the instruction last, and in a brief form before it is cut.
"""

import sys
from typing import Final

import msgspec

from mix2api.tools.instruction import (
    brief_standing,
    for_now,
    reminder,
    results_text,
    selected,
    standing,
    text_of,
)
from mix2api.tools.offer import Offer
from mix2api.tools.results import without_middle
from mix2api.upstreams.mix.options import MixOptions
from mix2api.upstreams.mix.outgoing import is_told
from mix2api.upstreams.port import UpstreamCall

_GAP: Final = "\n\n"
_UNLIMITED: Final = sys.maxsize
_LEAST_RESULTS: Final = 200
"""Characters: results that are cut to less say nothing, and are left to `messages`."""
_SEARCH_BYTES: Final = 1200
"""Of the query on a continued session. Head and other fields take some 550: together they stay below 2 kB."""
_REMINDER_BYTES: Final = 700
"""Of it, where tools are told in words: the form of a call and some thirty names."""
_NOW_BYTES: Final = 200
"""Of that, for what holds for the next answer."""
_LARGEST: Final = 6
"""Bytes of a character in JSON, at most: a control character's."""
_encode: Final = msgspec.json.Encoder().encode


def query_of(call: UpstreamCall, options: MixOptions, offer: Offer) -> str:
    """The newest user text, with what was said before it if the options want that on a fresh session.

    At most `query_max_chars` characters; of the user's text the last ones: the newest words are what the site searches for.
    """
    tells = _tells_tools(options, offer)
    if call.session is not None and call.messages and (not tells or is_told(call, options, offer)):
        return _for_search(call, options, offer if tells else None)
    limit = options.query_max_chars or _UNLIMITED
    said = _said(call, options)
    if not tells:
        return said[-limit:]
    instruction = _instruction(call, options, offer, max(limit // 2, limit - len(said) - len(_GAP)))
    said = said[-max(1, limit - len(instruction) - len(_GAP)) :]
    results = _results(call, options, limit - len(instruction) - len(said) - 2 * len(_GAP))
    return _GAP.join(part for part in (instruction, said, results) if part)[:limit]


def _for_search(call: UpstreamCall, options: MixOptions, offer: Offer | None) -> str:
    reminded = "" if offer is None else _reminder(offer)
    said = _last(_said(call, options), _SEARCH_BYTES - _size(reminded) - _size(_GAP))
    return _GAP.join(part for part in (reminded, said) if part)[-(options.query_max_chars or _UNLIMITED) :]


def _reminder(offer: Offer) -> str:
    """The form, the names, and what holds for the next answer, unless that is long: it stands in the messages, too."""
    now = for_now(offer)
    if _size(now) > _NOW_BYTES:
        now = ""
    names = reminder(offer.functions, _REMINDER_BYTES - _size(now))
    return _GAP.join(part for part in (names, now) if part)


def _size(text: str) -> int:
    """Bytes as JSON, without the quotes."""
    return len(_encode(text)) - 2


def _last(text: str, limit_bytes: int) -> str:
    kept = text[-limit_bytes:]
    while (surplus := _size(kept) - limit_bytes) > 0:
        kept = kept[-(-surplus // _LARGEST) :]
    return kept


def _tells_tools(options: MixOptions, offer: Offer) -> bool:
    return bool(offer.functions) and not options.send_tools and options.tools.instruction.in_query


def _said(call: UpstreamCall, options: MixOptions) -> str:
    if options.context_in_query and call.session is None:
        lines = [f"{message.role}: {text}" for message in call.messages if (text := text_of(message))]
        return "\n".join(lines)
    users = (message for message in reversed(call.turn.messages) if message.role == "user")
    return next((text for message in users if (text := text_of(message))), "")


def _instruction(call: UpstreamCall, options: MixOptions, offer: Offer, room: int) -> str:
    tools = selected(offer, call.turn, options.tools.max_count)
    now = for_now(offer)
    whole = _GAP.join(part for part in (standing(tools, options.tools.description_max_chars), now) if part)
    if len(whole) <= room:
        return whole
    return _GAP.join(part for part in (brief_standing(tools), now) if part)[:room]


def _results(call: UpstreamCall, options: MixOptions, room: int) -> str:
    if options.context_in_query and call.session is None:
        return ""  # they stand in the context already
    text = results_text(call.messages, {**call.call_names, **call.prepared.names}, call.call_ids)
    if len(text) <= room:
        return text
    return without_middle(text, room) if room >= _LEAST_RESULTS else ""
