"""The kinds of events in a conversation's log: golden bytes, and what cannot be read."""

import pytest

from mix2api.conversations.events import (
    KINDS,
    ConversationEvent,
    ExecutionEnded,
    PlanMade,
    PlanMoved,
    PlannedTask,
    RouteTaken,
    SessionCreated,
    TaskClaimed,
    TaskMoved,
    TurnCreated,
    TurnMoved,
    TurnTaken,
    UnreadableConversation,
    decode,
    encode,
)
from mix2api.conversations.graph import NodeType
from mix2api.conversations.states import ExecutionStatus, PlanTrigger, Reason, TaskTrigger, TurnTrigger
from mix2api.events.kinds import Usage
from mix2api.vocabulary import Digest, ProcessId, RequestId, RunId

OWNER = ProcessId("p_1")
GOLDEN: list[tuple[ConversationEvent, str, bytes]] = [
    (
        SessionCreated(at_ms=1, owner=Digest("o"), user=Digest("u")),
        "session_created",
        b'{"at_ms":1,"owner":"o","user":"u"}',
    ),
    (
        TurnCreated(turn=1, at_ms=2, client_message=Digest("c")),
        "turn_created",
        b'{"turn":1,"at_ms":2,"client_message":"c"}',
    ),
    (
        TurnTaken(turn=1, at_ms=3, owner=OWNER, attempt=1),
        "turn_taken",
        b'{"turn":1,"at_ms":3,"owner":"p_1","attempt":1}',
    ),
    (
        TurnMoved(turn=1, at_ms=4, trigger=TurnTrigger.FAILED, why=Reason.STALLED),
        "turn",
        b'{"turn":1,"at_ms":4,"trigger":"failed","why":"stalled"}',
    ),
    (
        PlanMade(
            turn=1,
            at_ms=5,
            plan=1,
            route=RouteTaken(
                route_type="DEFINITION",
                source_type="DEFINITION",
                draft_id="d",
                definition_id="f",
                definition_version=2,
                scores={"f": 1.5},
                tries=1,
            ),
            tasks=(
                PlannedTask(type=NodeType.WORKER, agent_key="assistant"),
                PlannedTask(
                    type=NodeType.CRITIC, agent_key="assistant", depends=(0,), target=0, max_refine=2
                ),
            ),
            summarize=True,
        ),
        "plan_made",
        (
            b'{"turn":1,"at_ms":5,"plan":1,"route":{"route_type":"DEFINITION","source_type":"DEFINITION",'
            b'"draft_id":"d","definition_id":"f","definition_version":2,"scores":{"f":1.5},"tries":1},'
            b'"tasks":[{"type":"WORKER","agent_key":"assistant"},{"type":"CRITIC","agent_key":"assistant",'
            b'"depends":[0],"target":0,"max_refine":2}],"summarize":true}'
        ),
    ),
    (
        PlanMoved(turn=1, at_ms=6, trigger=PlanTrigger.BEGUN),
        "plan",
        b'{"turn":1,"at_ms":6,"trigger":"begun"}',
    ),
    (
        TaskMoved(turn=1, at_ms=7, task=0, trigger=TaskTrigger.RELEASED, why=Reason.TIMEOUT),
        "task",
        b'{"turn":1,"at_ms":7,"task":0,"trigger":"released","why":"timeout"}',
    ),
    (
        TaskClaimed(
            turn=1,
            at_ms=8,
            task=0,
            attempt=1,
            owner=OWNER,
            lease_until_ms=9,
            request_id=RequestId("req_1"),
            model="m",
        ),
        "task_claimed",
        (
            b'{"turn":1,"at_ms":8,"task":0,"attempt":1,"owner":"p_1","lease_until_ms":9,'
            b'"request_id":"req_1","model":"m"}'
        ),
    ),
    (
        ExecutionEnded(
            turn=1,
            at_ms=9,
            task=0,
            attempt=1,
            status=ExecutionStatus.FAILED,
            error_type="upstream_error",
            run_id=RunId("run_1"),
            usage=Usage(prompt_tokens=1, completion_tokens=2, total_tokens=3),
        ),
        "execution_ended",
        (
            b'{"turn":1,"at_ms":9,"task":0,"attempt":1,"status":"FAILED","error_type":"upstream_error",'
            b'"run_id":"run_1","usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}'
        ),
    ),
]


@pytest.mark.parametrize(("event", "kind", "data"), GOLDEN, ids=[kind for _, kind, _ in GOLDEN])
def test_an_event_has_these_bytes_for_ever(event: ConversationEvent, kind: str, data: bytes) -> None:
    assert encode(event) == (kind, 1, data)
    assert decode(kind.encode(), b"1", data) == event


def test_every_kind_has_golden_bytes() -> None:
    assert {kind for _, kind, _ in GOLDEN} == set(KINDS)


def test_an_unknown_field_is_ignored() -> None:
    assert decode(b"plan", b"1", b'{"turn":1,"at_ms":6,"trigger":"begun","more":1}') == GOLDEN[5][0]


@pytest.mark.parametrize(
    ("kind", "version", "data", "why"),
    [
        (b"plan", b"2", b"{}", "newer"),
        (b"plan", b"x", b"{}", "damaged"),
        (b"other", b"1", b"{}", "kind"),
        (b"plan", b"1", b"{", "damaged"),
        (b"plan", b"1", b'{"turn":1,"at_ms":6,"trigger":"other"}', "damaged"),
    ],
)
def test_what_cannot_be_read_says_why(kind: bytes, version: bytes, data: bytes, why: str) -> None:
    with pytest.raises(UnreadableConversation) as caught:
        decode(kind, version, data)
    assert caught.value.why == why
