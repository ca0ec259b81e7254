"""`POST /v1/responses/compact`: a conversation's summary as an item that only this deployment can read (ADR 50).

The model itself writes the summary, in a turn like any other. The item holds it sealed, and nothing is kept here. A later
request sends the item in place of what it sums up.
"""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from mix2api.edge.api_form import ApiForm, SubmittedRun
from mix2api.edge.relayed_responses import RelayedAnswer
from mix2api.edge.rendering import Collecting
from mix2api.edge.request import EdgeRequest
from mix2api.edge.responses import ResponseRenderer, base_in, frame_of, is_relayed, read_turn
from mix2api.events.kinds import Usage
from mix2api.sealing import Seal, UnsealError
from mix2api.sessions.sites import Sites
from mix2api.steps import Steps
from mix2api.vocabulary import FinishReason, Sealed
from mix2api.wire.passed_on import PassedOn
from mix2api.wire.responses_answer import ResponseFrame, usage_object
from mix2api.wire.responses_passed import passed_turn_steps
from mix2api.wire.turn import Message, Operation, Turn

_PURPOSE: Final = "compaction"
_OPERATION: Final = Operation("POST", "compact")
_ASK: Final = (
    "Summarise the conversation so far for somebody who goes on with it: the aim, what was decided and done, names, paths "
    "and figures that matter, and what is still open. Answer with the summary alone."
)


def opener(seal: Seal) -> Callable[[str], str | None]:
    """Reads the summary in an item's `encrypted_content`; None where another deployment made it, or it is damaged."""

    def opened(content: str) -> str | None:
        try:
            return seal.unseal(Sealed(content), _PURPOSE)
        except UnsealError:
            return None

    return opened


class CompactedConversation:
    """Collects the summary, and gives the object of a compaction."""

    def __init__(self, frame: ResponseFrame, seal: Seal) -> None:
        self._frame = frame
        self._seal = seal
        self._texts: list[str] = []

    def text(self, text: str) -> None:
        """A piece of the summary."""
        self._texts.append(text)

    def reasoning(self, text: str) -> None:
        """What the model thinks of it is not part of it."""

    def tool_call(self, index: int, arguments: str, call_id: str | None, name: str | None) -> None:
        """Nobody would run a call: none is asked for, and none is passed on."""

    def passed_on(self, fields: PassedOn) -> None:
        """Fields of Chat Completions have no place in this API."""

    def finish(self, reason: FinishReason, usage: Usage | None) -> bytes:
        """The `response.compaction` object."""
        del reason
        item: dict[str, Any] = {
            "id": f"cmp_{self._frame.run_id.removeprefix('run_')}",
            "type": "compaction",
            "encrypted_content": self._seal.seal("".join(self._texts), _PURPOSE),
        }
        return msgspec.json.encode(
            {
                "id": self._frame.response_id,
                "object": "response.compaction",
                "created_at": self._frame.created_s,
                "output": [item],
                "usage": usage_object(usage),
            }
        )


def compaction_form(seal: Seal) -> ApiForm:
    """How a request to compact is read and answered."""
    opened = opener(seal)

    def turn_steps(request: EdgeRequest, body: bytes, *, sites: Sites) -> Steps[Turn]:
        """The conversation as it is, with the same tools, so that its session is found; then the wish for a summary."""
        if is_relayed(body, sites):
            return (yield from passed_turn_steps(body, operation=_OPERATION, asked_base=base_in(request)))
        turn = yield from read_turn(request, body, opened)
        messages = [*turn.messages, Message(role="user", content=_ASK)]
        choice = "none" if turn.tools else None  # servers refuse a choice without tools
        return msgspec.structs.replace(turn, messages=messages, stream=False, tool_choice=choice)

    def whole(run: SubmittedRun) -> Collecting:
        return RelayedAnswer() if run.turn.is_responses else CompactedConversation(frame_of(run), seal)

    return ApiForm(turn_steps=turn_steps, renderer=ResponseRenderer, whole=whole)
