"""What the `mix` site keeps of a turn: OpenAI's form where it has native tools, else calls and tools in words. Pure.

The site keeps `messages` (`mix2api.upstreams.mix.outgoing` makes them). The query is for its search. It counts only where
it alone tells the tools.
"""

from collections.abc import Mapping
from functools import partial
from typing import Final

from msgspec.structs import replace

from mix2api.sessions.prepared_turn import PreparedTurn
from mix2api.tools.instruction import InstructionPlace, for_now, selected, standing, with_calls_in_text
from mix2api.tools.offer import Offer, forced
from mix2api.tools.results import result_key
from mix2api.upstreams.kept import PLAIN, Kept, as_given
from mix2api.upstreams.mix.options import MixOptions
from mix2api.wire.turn import Message, MessageToolCall

_LEGACY_ID: Final = "call_legacy_1"
"""A legacy call gets such an id on its way up (`mix2api.tools.legacy`)."""


def kept_by_site(options: MixOptions, prepared: PreparedTurn, *, is_told: bool) -> Kept:
    """The form of a turn.

    Args:
        options: of the site.
        prepared: the turn.
        is_told: the site has the turn's tools already.
    """
    if options.send_tools:
        return as_given(prepared, is_told=is_told)
    offer = prepared.offer
    if not (prepared.uses_tools or offer.functions):
        return PLAIN
    of_message = partial(_in_words, prepared.names) if prepared.uses_tools else None
    place = options.tools.instruction
    if not offer.functions or place is InstructionPlace.NONE:
        return Kept(of_message)
    told = _told_tools(options, prepared, is_told=is_told)
    if place.in_messages:
        return Kept(of_message, beside=tuple(Message(role="system", content=text) for text in told))
    return Kept(of_message, texts=told)


def _told_tools(options: MixOptions, prepared: PreparedTurn, *, is_told: bool) -> tuple[str, ...]:
    """The words in which this turn tells its tools."""
    offer: Offer = prepared.offer
    if options.tools.force_call:
        offer = forced(offer, prepared.turn.messages)
    most = options.tools.max_count
    stands = (
        is_told and options.tools.instruction.in_messages and (most is None or len(offer.functions) <= most)
    )
    texts = [for_now(offer)]
    if not stands:
        tools = selected(offer, prepared.turn, most)
        texts.insert(0, standing(tools, options.tools.description_max_chars))
    return tuple(text for text in texts if text)


def _in_words(names: Mapping[str, str], message: Message) -> Message:
    """A message as `outgoing_messages` writes it, but for the ids of calls, which have the length of ours."""
    if message.role == "assistant":
        if message.function_call is not None and not message.tool_calls:
            call = MessageToolCall(id=_LEGACY_ID, function=message.function_call)
            message = replace(message, function_call=None, tool_calls=[call])
        return with_calls_in_text(message) if message.tool_calls else message
    if message.role == "function":
        return replace(message, role="tool", tool_call_id=_LEGACY_ID)
    name = names.get(result_key(message))
    return replace(message, name=name) if name and message.name is None else message
