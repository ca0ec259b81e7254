"""Ids of tool calls: which ones clients may send, which ones a site is sent, and which one a call of the site's gets. Pure.

A client's ids are opaque. Histories of other providers have `call_…|fc_…`, and ids that carry a signed thought of some kB. A
site is sent them as they are where they have the usual form; others become short ones, the same for the same id.

`call_…`, unique in the conversation. The site's own id is kept where it can be (`legacy-1` becomes `call_legacy-1`); one
that is taken already, or has characters that ids may not have, is replaced by 128 random bits, which come from the
caller: the core makes none.
"""

import hashlib
import re
from collections.abc import Callable, Iterable
from typing import Final

from msgspec.structs import replace

from mix2api.errors import InvalidRequest
from mix2api.wire.turn import Message

PREFIX: Final = "call_"
ID_CHARS: Final = 8192
"""Characters of a client's id, at most: signed thoughts in ids have some 2,000, and a site's own ids have the same bound."""
ID_RULE: Final = f"a text of 1 to {ID_CHARS} characters"

_ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,128}")
"""What every header, log line and site takes."""
_DIGEST_BYTES: Final = 16


def check_ids(messages: list[Message]) -> None:
    """Refuses ids that are empty or without measure.

    Raises:
        InvalidRequest: `param` is the id's path; the id itself is not quoted.
    """
    for place, message in enumerate(messages):
        if message.tool_call_id is not None and message.role == "tool":
            _check(message.tool_call_id, f"messages[{place}].tool_call_id")
        for number, call in enumerate(message.tool_calls or ()):
            _check(call.id, f"messages[{place}].tool_calls[{number}].id")


def _check(call_id: str, param: str) -> None:
    if not 1 <= len(call_id) <= ID_CHARS:
        raise InvalidRequest(
            f"Invalid value for '{param}': it must be {ID_RULE}.", param=param, code="invalid_value"
        )


def ids_in(messages: Iterable[Message]) -> set[str]:
    """The ids of all calls in a history."""
    return {call.id for message in messages for call in message.tool_calls or ()}


def short_id(call_id: str) -> str:
    """A client's id as a site is sent it: itself in the usual form, else an id made of it."""
    if _ID.fullmatch(call_id) is not None:
        return call_id
    digest = hashlib.blake2b(call_id.encode("utf-8", "surrogatepass"), digest_size=_DIGEST_BYTES)
    return PREFIX + digest.hexdigest()


def with_short_ids(message: Message) -> Message:
    """The message with such ids on its calls, and on the call that it answers; its very self if they are so already."""
    calls = message.tool_calls
    if calls and any(_ID.fullmatch(call.id) is None for call in calls):
        message = replace(message, tool_calls=[replace(call, id=short_id(call.id)) for call in calls])
    if message.tool_call_id and _ID.fullmatch(message.tool_call_id) is None:
        message = replace(message, tool_call_id=short_id(message.tool_call_id))
    return message


class CallIds:
    """Gives each call of one run its id.

    Args:
        draw: an id of ours with 128 random bits.
        known: whether the conversation has this id already.
    """

    def __init__(self, draw: Callable[[], str], known: Callable[[str], bool]) -> None:
        self._draw = draw
        self._known = known
        self._given: set[str] = set()

    def give(self, upstream_id: str | None) -> str:
        """The id under which the client gets a call that the site calls `upstream_id`; None: it has no name for it."""
        call_id = "" if upstream_id is None else usable(upstream_id)
        if not call_id or call_id in self._given or self._known(call_id):
            call_id = self._draw()
        self._given.add(call_id)
        return call_id


def usable(upstream_id: str) -> str:
    """The site's id as one of ours; empty if it cannot be one."""
    call_id = upstream_id if upstream_id.startswith(PREFIX) else PREFIX + upstream_id
    return call_id if len(call_id) > len(PREFIX) and _ID.fullmatch(call_id) else ""
