"""Ids of tool calls: which ones clients may send, and which one a call of the site's gets. Pure.

`call_…`, unique in the conversation. The site's own id is kept where it can be (`legacy-1` becomes `call_legacy-1`); one
that is taken already, or has characters that ids may not have, is replaced by 128 random bits, which come from the
caller: the core makes none.
"""

import re
from collections.abc import Callable, Iterable
from typing import Final

from mix2api.errors import InvalidRequest
from mix2api.wire.turn import Message

PREFIX: Final = "call_"
ID_RULE: Final = "1 to 128 characters of A-Z, a-z, 0-9, `.`, `_`, `:`, `-`"

_ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,128}")


def check_ids(messages: list[Message]) -> None:
    """Refuses ids that no header, log line or site would survive.

    Raises:
        InvalidRequest: `param` is the id's path; the id itself is not quoted.
    """
    for place, message in enumerate(messages):
        if message.tool_call_id is not None and message.role == "tool":
            _check(message.tool_call_id, f"messages[{place}].tool_call_id")
        for number, call in enumerate(message.tool_calls or ()):
            _check(call.id, f"messages[{place}].tool_calls[{number}].id")


def _check(call_id: str, param: str) -> None:
    if _ID.fullmatch(call_id) is None:
        raise InvalidRequest(
            f"Invalid value for '{param}': it must be {ID_RULE}.", param=param, code="invalid_value"
        )


def ids_in(messages: Iterable[Message]) -> set[str]:
    """The ids of all calls in a history."""
    return {call.id for message in messages for call in message.tool_calls or ()}


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
