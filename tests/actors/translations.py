"""Translations of what a site says, and what the client and the log get of them."""

from typing import Any

from actor_parts import SEAL

from mix2api.actors.tool_calls import CallRules
from mix2api.actors.translation import Translation
from mix2api.events.kinds import ToolCall, UpstreamChunk
from mix2api.sessions.commands import RecordChunk
from mix2api.sessions.worker_port import TextDelta
from mix2api.tools.ids import CallIds
from mix2api.tools.text.recognition import Recogniser
from mix2api.upstreams.port import UpstreamEvent
from mix2api.vocabulary import RunId


def rules(**fields: Any) -> CallRules:
    ids = CallIds(lambda: "call_drawn", lambda _: False)
    return CallRules(**({"callable_names": frozenset({"weather"}), "ids": ids} | fields))


def beginning(reader: Recogniser | None = None, **fields: Any) -> Translation:
    """Before the first batch, at 0 ms."""
    return Translation(RunId("run_1"), SEAL, lambda: rules(**fields), lambda: 0, reader)


def translated(*batches: list[UpstreamEvent], **fields: Any) -> Translation:
    """After these batches, 10 ms apart, and a flush."""
    at = [0]
    translation = Translation(RunId("run_1"), SEAL, lambda: rules(**fields), lambda: at[0])
    for batch in batches:
        translation.take(batch)
        at[0] += 10
    translation.tally.flush()
    return translation


def chunks(translation: Translation) -> list[UpstreamChunk]:
    return [command.chunk for command in translation.tally.commands if isinstance(command, RecordChunk)]


def tool_calls(translation: Translation) -> list[ToolCall]:
    return [command.call for command in translation.tally.commands if not isinstance(command, RecordChunk)]


def texts(translation: Translation) -> str:
    return "".join(reply.text for reply in translation.answer.replies if isinstance(reply, TextDelta))
