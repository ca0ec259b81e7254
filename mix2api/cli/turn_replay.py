"""`mix2api replay` of a turn, a plan or a task: the turn's events as a time line, and its state folded anew. No content."""

import json
from collections.abc import Iterable
from typing import Any, Final, TextIO

import msgspec
from attrs import frozen

from mix2api.cli.tables import print_table
from mix2api.conversations.content import answer_field
from mix2api.conversations.events import (
    KIND_OF,
    ConversationEvent,
    ExecutionEnded,
    PlanMade,
    SessionCreated,
    TaskClaimed,
    TaskMoved,
    UnreadableConversation,
)
from mix2api.conversations.evolve import IllegalEvent, Pair, evolve
from mix2api.conversations.ids import TurnRef
from mix2api.conversations.state import Session, Turn
from mix2api.store.conversations import Conversations

_DIFFERS: Final = 1
_NOT_FOUND: Final = 3
_COLUMNS: Final = ("+ms", "event", "turn", "task", "facts")
_OWN_COLUMNS: Final = frozenset({"turn", "at_ms", "task"})


@frozen
class _Step:
    """One event of the turn, and what it made of the turn."""

    event: ConversationEvent
    after: Turn


async def replay_turn(conversations: Conversations, ref: TurnRef, out: TextIO, *, as_json: bool) -> int:
    """Prints a turn's events, and compares the state that follows from them with the one beside the log.

    Returns:
        The exit code: 0, 1 if they differ, the log is damaged, or the turn has not one message at its end; 3 if there
        is no such turn.

    Raises:
        StoreUnavailable: the store does not answer.
    """
    answer = answer_field(ref.number)
    try:
        looked = await conversations.look(ref.conversation, [ref.number], [answer])
        state = looked.turns.get(ref.number)
        if state is None:
            print(f"no turn {ref.turn_id}", file=out)
            return _NOT_FOUND
        steps = _folded(await _events(conversations, ref), ref.number, state.version)
    except (UnreadableConversation, IllegalEvent) as fault:
        print(f"the log of {ref.turn_id} cannot be read: {fault}", file=out)
        return _DIFFERS
    wrong = _wrong(state, steps, is_answered=answer in looked.content)
    if as_json:
        _print_json(ref, state, steps, wrong, out)
    else:
        print_table(_COLUMNS, list(_rows(steps)), out)
        print(f"{ref.turn_id}: {state.stage.value}, {wrong or 'as recorded'}", file=out)
    return _DIFFERS if wrong else 0


async def _events(conversations: Conversations, ref: TurnRef) -> list[ConversationEvent]:
    """All events from the turn's first one on, those of other turns included."""
    position = await conversations.turn_start(ref.conversation, ref.number) or "-"
    return [event for _, event in await conversations.all_events(ref.conversation, position)]


def _folded(events: Iterable[ConversationEvent], number: int, version: int) -> list[_Step]:
    """The steps of the turn up to the version that was read: a turn that runs may have made more since.

    Raises:
        IllegalEvent: the log is damaged.
    """
    pair, steps = Pair(Session(version=1, turns=number - 1)), list[_Step]()
    for event in events:
        if isinstance(event, SessionCreated) or event.turn != number or len(steps) == version:
            continue
        pair = evolve(pair, event)
        assert pair.turn is not None  # noqa: S101 - every event but `session_created` leaves a turn
        steps.append(_Step(event, pair.turn))
    return steps


def _wrong(state: Turn, steps: list[_Step], *, is_answered: bool) -> str | None:
    """What is not as it should be."""
    if not steps or steps[-1].after != state:
        return "but its log says something else"
    if state.has_ended != is_answered:
        return "but it has no message" if state.has_ended else "but it has a message already"
    return None


def _rows(steps: list[_Step]) -> Iterable[tuple[str, ...]]:
    start_ms = steps[0].event.at_ms if steps else 0
    for step in steps:
        event = step.event
        yield (
            str(event.at_ms - start_ms),
            KIND_OF[type(event)],
            step.after.stage.value,
            str(event.task) if isinstance(event, TaskMoved | TaskClaimed | ExecutionEnded) else "",
            " ".join(f"{name}={value}" for name, value in _facts(event).items()),
        )


def _facts(event: ConversationEvent) -> dict[str, Any]:
    """The event's own fields, those of a plan as counts."""
    if isinstance(event, PlanMade):
        return {"plan": event.plan, "route": event.route.route_type, "tasks": len(event.tasks)}
    fields: dict[str, Any] = msgspec.to_builtins(event)
    return {name: value for name, value in fields.items() if name not in _OWN_COLUMNS}


def _print_json(ref: TurnRef, state: Turn, steps: list[_Step], wrong: str | None, out: TextIO) -> None:
    events = [
        {"event": KIND_OF[type(step.event)], **msgspec.to_builtins(step.event), "status": step.after.stage}
        for step in steps
    ]
    told = {"turnId": ref.turn_id, "status": state.stage, "wrong": wrong, "events": events}
    json.dump(told, out, indent=2)
    print(file=out)
