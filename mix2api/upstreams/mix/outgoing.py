"""The `messages` of a call as this site is to read them: results under its own ids, tools in words where it has none. Pure."""

from collections.abc import Mapping

from msgspec.structs import replace

from mix2api.sessions.canonical import leading_instructions
from mix2api.tools.ids import with_short_ids
from mix2api.tools.instruction import for_now, selected, standing, with_calls_in_text
from mix2api.tools.legacy import modern_history
from mix2api.tools.offer import Offer
from mix2api.tools.results import names_of_calls, result_key
from mix2api.upstreams.mix.options import MixOptions
from mix2api.upstreams.port import UpstreamCall
from mix2api.wire.turn import Message


def outgoing_messages(call: UpstreamCall, options: MixOptions, offer: Offer) -> list[Message]:
    """The messages of a call.

    A site with native tools gets OpenAI's form, under its own ids the results of calls that it made itself. One without gets calls as text
    too, results with the tool's name, and the instruction, where the options want it, as a system message: the standing
    part once, on a fresh session, behind the system prompt; what holds for the next answer before what is new. Where not
    all tools are told the choice differs from turn to turn, and each turn tells its own.
    """
    if not (call.prepared.uses_tools or offer.functions):
        return call.messages
    messages = [_with_content(message) for message in modern_history(call.messages)]
    if options.send_tools:
        return [_with_site_id(message, call.call_ids) for message in messages]
    names = {**call.call_names, **call.prepared.names, **names_of_calls(messages)}
    told = [_in_text(message, names, call.call_ids) for message in messages]
    if not offer.functions or not options.tools.instruction.in_messages:
        return told
    place = len(leading_instructions(told)) if call.session is None else 0
    return [*told[:place], *_instructions(call, options, offer), *told[place:]]


def is_told(call: UpstreamCall, options: MixOptions, offer: Offer) -> bool:
    """Whether the site has this turn's tools in the messages that it keeps of this session: within a realm they are the same."""
    tools = options.tools
    return (
        call.session is not None
        and call.same_realm
        and tools.instruction.in_messages
        and (tools.max_count is None or len(offer.functions) <= tools.max_count)
    )


def _instructions(call: UpstreamCall, options: MixOptions, offer: Offer) -> list[Message]:
    parts = [for_now(offer)]
    if not is_told(call, options, offer):
        tools = selected(offer, call.turn, options.tools.max_count)
        parts.insert(0, standing(tools, options.tools.description_max_chars))
    return [Message(role="system", content=part) for part in parts if part]


def _in_text(message: Message, names: Mapping[str, str], call_ids: Mapping[str, str]) -> Message:
    if message.role == "assistant":
        return with_calls_in_text(with_short_ids(message))
    name = names.get(result_key(message))
    if name and message.name is None:
        message = replace(message, name=name)
    return _with_site_id(message, call_ids)


def _with_content(message: Message) -> Message:
    """A result of nothing is an empty text: clients write null, too, and OpenAI's form wants a content."""
    if message.content is None and result_key(message):
        return replace(message, content="")
    return message


def _with_site_id(message: Message, call_ids: Mapping[str, str]) -> Message:
    """A result under the id that the site gave the call; a legacy one, which has none, becomes a result with an id.

    Ids of other providers, on calls and results that the site did not make, become short ones.
    """
    site_id = call_ids.get(result_key(message)) if call_ids else None
    if site_id is None or site_id == message.tool_call_id:
        return with_short_ids(message)
    return replace(message, role="tool", tool_call_id=site_id)
