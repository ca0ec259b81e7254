"""Limits that an operator has set on what a site is sent. Nothing is cut in silence: what is cut is marked and counted. Pure.

By default there are no limits: the model's budget decides what fits.
"""

from mix2api.actors.environment import ActorOptions
from mix2api.sessions.prepared_turn import PreparedTurn
from mix2api.tools.instruction import selected
from mix2api.tools.results import shortened, text_chars
from mix2api.wire.turn import RESULT_ROLES, Message


def newest(messages: list[Message], limit: int) -> list[Message]:
    """The last messages up to the limit, but never without a tool result, wherever it stands among them."""
    if not limit:
        return messages
    room = limit - sum(message.role in RESULT_ROLES for message in messages)
    kept: list[Message] = []
    for message in reversed(messages):
        is_result = message.role in RESULT_ROLES
        if is_result or room > 0:
            kept.append(message)
            room -= not is_result
    return kept[::-1]


def message_limited(message: Message, options: ActorOptions) -> Message:
    """The message within the limits of a continued turn."""
    if message.role in RESULT_ROLES:
        return result_limited(message, options)
    return shortened(message, options.message_max_chars)


def result_limited(message: Message, options: ActorOptions) -> Message:
    """A tool result within its limit; every other message itself."""
    return shortened(message, options.tool_result_max_chars) if message.role in RESULT_ROLES else message


def instructions_limited(
    leading: list[Message], prepared: PreparedTurn, options: ActorOptions
) -> list[Message]:
    """The system prompt; beside tools that are told in text, which take room of their own, a long one loses its middle."""
    room = options.system_prompt_max_chars
    if not (room and options.tools_in_text(prepared.turn.model) and prepared.turn.tools):
        return leading
    limited: list[Message] = []
    for message in leading:
        limited.append(shortened(message, max(1, room)))
        room -= min(room, text_chars(message))
    return limited


def tools_withheld(prepared: PreparedTurn, options: ActorOptions) -> int:
    """Tools that the site is not told of, or not with their whole description."""
    most, longest = options.tools_max, options.tool_description_max_chars
    if not (options.tools_in_text(prepared.turn.model) and prepared.turn.tools and (most or longest)):
        return 0
    offer = prepared.offer
    told = selected(offer, prepared.turn, most or None)
    cut = sum(longest > 0 and len(tool.description or "") > longest for tool in told)
    return len(offer.functions) - len(told) + cut
