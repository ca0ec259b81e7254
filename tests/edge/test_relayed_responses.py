"""Events of an upstream of the Responses API on their way to a client: as they came, also where several came together."""

from typing import Any

import msgspec

from mix2api.edge.api_form import SubmittedRun
from mix2api.edge.relayed_responses import RelayedRenderer
from mix2api.sessions.worker_port import Ended, Reply
from mix2api.vocabulary import EndReason, FinishReason
from mix2api.wire.passed_on import PassedOn

KIND = "response.output_text.delta"
GOOD = Ended(end_reason=EndReason.STOP, finish_reason=FinishReason.STOP)


def event(number: int, **fields: Any) -> str:
    return msgspec.json.encode({"type": KIND, "sequence_number": number, **fields}).decode()


def renderer() -> RelayedRenderer:
    run: Any = None  # asked for by a failing ending only
    assert run is None or isinstance(run, SubmittedRun)
    return RelayedRenderer(run, lambda _: None)


def test_events_that_came_together_leave_as_those_that_came_alone() -> None:
    events = [event(number, delta=f"é{number}") for number in range(5)]
    completed = PassedOn(event={"response.completed": '{"type":"response.completed"}'})
    alone: list[Reply] = [PassedOn(event={KIND: one}) for one in events]
    together: list[Reply] = [PassedOn(event={KIND: "\n".join(events)}, count=5)]
    expected = renderer().render([*alone, completed, GOOD])
    assert renderer().render([*together, completed, GOOD]) == expected
    assert expected.count(b"event: ") == 6
    assert expected.endswith(b"data: [DONE]\n\n")


def test_an_event_of_our_own_goes_on_with_the_numbers_of_those_that_came_together() -> None:
    whole = PassedOn(event={"response": '{"id":"resp_1","status":"completed","output":[]}'})
    both: Reply = PassedOn(event={KIND: f"{event(0)}\n{event(1)}"}, count=2)
    said = renderer().render([both, whole, GOOD]).decode()
    numbers = [line.partition('"sequence_number":')[2] for line in said.split("\n") if "{" in line]
    assert [int(number.partition(",")[0].rstrip("}")) for number in numbers] == [*range(len(numbers))]
