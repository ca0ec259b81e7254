"""Events of one run, as a runtime tells them."""

from typing import Any

import msgspec

from mix2api.upstreams.opencode.events import RuntimeEvent, event_in

SESSION = "ses_1"


def event(type_: str, **properties: Any) -> RuntimeEvent:
    """One event of the session."""
    said = {"sessionID": SESSION, **properties}
    found = event_in(msgspec.json.encode({"payload": {"type": type_, "properties": said}}))
    assert found is not None
    return found


def message(role: str = "assistant", id_: str = "m", **more: Any) -> RuntimeEvent:
    return event("message.updated", info={"id": id_, "sessionID": SESSION, "role": role, **more})


def part(id_: str, type_: str, message_id: str = "m", **more: Any) -> RuntimeEvent:
    whole = {"id": id_, "type": type_, "messageID": message_id, "sessionID": SESSION, **more}
    return event("message.part.updated", part=whole)


def delta(id_: str, text: str, message_id: str = "m") -> RuntimeEvent:
    return event("message.part.delta", messageID=message_id, partID=id_, field="text", delta=text)


def idle() -> RuntimeEvent:
    return event("session.idle")


def error(name: str, **data: Any) -> RuntimeEvent:
    return event("session.error", error={"name": name, "data": data})
