"""`mix2api conversations`: which conversations there are, what is known of one, its content, and deleting it."""

import argparse
import json
import sys
from typing import Any, Final, TextIO

import msgspec
from attrs import define

from mix2api.cli.durations import shown
from mix2api.cli.reading import read_store
from mix2api.cli.tables import print_table, stdout
from mix2api.clock import Clock, SystemClock
from mix2api.conversations.commands import StopTurn
from mix2api.conversations.content import (
    SESSION,
    answer_field,
    output_field,
    plan_field,
    read_text,
    turn_field,
)
from mix2api.conversations.events import UnreadableConversation
from mix2api.conversations.ids import TurnRef, read_turn
from mix2api.conversations.state import Session, Turn
from mix2api.conversations.states import Reason
from mix2api.conversations.views import execution_views, plan_view, task_views, time_of
from mix2api.errors import ConfigurationError
from mix2api.settings import Settings
from mix2api.settings.bounds import DAY_MS
from mix2api.store.conversation_audit import audit_conversations
from mix2api.store.conversation_index import ConversationIndex
from mix2api.store.conversations import Conversations
from mix2api.store.forgetting import forget_drafts
from mix2api.store.looked_conversation import Looked
from mix2api.store.stopping import stop_turns
from mix2api.store.store import Store
from mix2api.store.workflows import Workflows
from mix2api.vocabulary import Digest, Shard

_NOT_FOUND: Final = 3
_UNREADABLE: Final = 1
_PAGE: Final = 100
"""Turns that are read in one round trip."""
_HELP: Final = "the conversations of the API below /api: their turns, plans and tasks"
_EPILOG: Final = """\
list        all conversations, the latest change first; facts only
show ID     one conversation: its turns, plans, tasks and executions; facts only
export ID   the same as JSON with all of its content, for its owner
audit       folds every log anew: each turn has one end and one message, or is open; counts by status
delete ID   cancels what runs, and removes the conversation with its content for good
ID: a turn's, plan's or task's id, or the conversation's 32 hex digits as `list` shows them.
Exit codes: 0, 1 the conversation cannot be read or the audit found something wrong, 2 wrong arguments or settings, 3 no such conversation.
"""
_COLUMNS: Final = ("conversation", "age", "changed", "turns", "plans", "open")


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the command to the parser."""
    parser = commands.add_parser(
        "conversations",
        help=_HELP,
        description=_HELP,
        epilog=_EPILOG,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.add_argument(
        "action",
        nargs="?",
        choices=("list", "show", "export", "delete", "audit"),
        default="list",
        help="list is the default",
    )
    parser.add_argument("id", nargs="?", metavar="ID", help="show, export, delete: which one")
    parser.add_argument(
        "--limit", type=int, default=50, metavar="N", help="list: at most so many (default 50)"
    )
    parser.add_argument("--json", action="store_true", help="list, show: JSON instead of tables")


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Runs the command."""
    if (arguments.action in {"list", "audit"}) == (arguments.id is not None):
        raise ConfigurationError("show, export and delete take an ID, list and audit take none")

    if arguments.limit < 1:
        raise ConfigurationError("--limit is a number above 0")

    async def read(store: Store) -> int:
        command = ConversationsCommand.over(store, settings, stdout(), SystemClock())
        match arguments.action:
            case "list":
                return await command.show_all(arguments.limit, as_json=arguments.json)
            case "audit":
                return await command.audit()
            case "show":
                return await command.show(arguments.id, as_json=arguments.json)
            case "export":
                return await command.export(arguments.id)
            case _:
                return await command.delete(arguments.id)

    return read_store(settings, "conversations", read)


@define(eq=False)
class ConversationsCommand:
    """The command, over an open store."""

    _conversations: Conversations
    _index: ConversationIndex
    _workflows: Workflows
    _shards: int
    _out: TextIO
    _clock: Clock

    @classmethod
    def over(cls, store: Store, settings: Settings, out: TextIO, clock: Clock) -> "ConversationsCommand":
        """The command for these settings."""
        life_ms, shards = settings.conversing.retention_days * DAY_MS, settings.storing.shards
        return cls(
            store.conversations(shards, life_ms),
            store.conversation_index(life_ms),
            store.workflows(shards, life_ms),
            shards,
            out,
            clock,
        )

    async def show_all(self, limit: int, *, as_json: bool) -> int:
        """Lists conversations, the latest change first."""
        found: list[tuple[Digest, Session]] = []
        unreadable = 0
        for conversation in await self._every():
            try:
                session = (await self._conversations.look(conversation)).session
            except UnreadableConversation:
                unreadable += 1
            else:
                found.append((conversation, session))
        found = sorted(found, key=lambda one: -one[1].updated_ms)[:limit]
        if unreadable:
            print(f"{unreadable} conversations cannot be read", file=sys.stderr)
        if as_json:
            self._print([{"conversation": one, **_facts(session)} for one, session in found])
            return 0
        now_ms = self._clock.now_ms()
        rows = [
            (
                conversation,
                shown(now_ms - session.created_ms),
                shown(now_ms - session.updated_ms),
                str(session.turns),
                str(session.plans),
                str(len(session.open)),
            )
            for conversation, session in found
        ]
        print_table(_COLUMNS, rows, self._out)
        return 0

    async def audit(self) -> int:
        """Folds all logs anew, and compares them with what rests beside them."""
        audit = await audit_conversations(self._conversations, self._index, self._shards)
        self._print(audit.report())
        return _UNREADABLE if audit.wrong_count else 0

    async def _every(self) -> list[Digest]:
        """All conversations of the deployment."""
        found: list[Digest] = []
        for shard in range(self._shards):
            seen = 0
            while page := await self._index.of_shard(Shard(shard), seen):
                found += page
                seen += len(page)
        return found

    async def show(self, word: str, *, as_json: bool) -> int:
        """Shows what is known of one, without its content."""
        found = await self._whole(word)
        if isinstance(found, int):
            return found
        conversation, looked = found
        turns = [_turn_facts(TurnRef(conversation, number), turn) for number, turn in looked.turns.items()]
        if as_json:
            self._print({"conversation": conversation, **_facts(looked.session), "turns": turns})
            return 0
        for turn in turns:
            why = f" ({turn['reason']})" if turn["reason"] else ""
            print(f"{turn['turnId']}  {turn['status']}{why}", file=self._out)
            for task in turn["tasks"]:
                attempts = ", ".join(_attempt(one) for one in task["executions"]) or "no attempt"
                print(f"  {task['taskId']}  {task['type']} {task['status']}: {attempts}", file=self._out)
        return 0

    async def export(self, word: str) -> int:
        """Prints one as JSON, with its content."""
        found = await self._whole(word, with_content=True)
        if isinstance(found, int):
            return found
        conversation, looked = found
        texts = {name for turn in looked.turns.values() for name in _outputs(turn)}
        content = {
            name: read_text(data) if name in texts else msgspec.json.decode(data)
            for name, data in looked.content.items()
        }
        turns = [
            {
                **_turn_facts(TurnRef(conversation, number), turn),
                "message": content.get(turn_field(number)),
                "plan": content.get(plan_field(number)),
                "outputs": [content.get(name) for name in _outputs(turn)],
                "answer": content.get(answer_field(number)),
            }
            for number, turn in looked.turns.items()
        ]
        words = content.get(SESSION)
        session = {**_facts(looked.session), **(words if isinstance(words, dict) else {})}
        self._print({"conversation": conversation, "session": session, "turns": turns})
        return 0

    async def delete(self, word: str) -> int:
        """Removes one for good."""
        conversation = _conversation(word)
        command = StopTurn(at_ms=self._clock.now_ms(), why=Reason.DELETED)
        try:
            session = (await self._conversations.look(conversation)).session
            await stop_turns(self._conversations, conversation, command)
            await self._index.drop(session.user, [conversation])
            await forget_drafts(self._conversations, self._workflows, conversation)
        except UnreadableConversation:
            print("the conversation could not be read; it is deleted all the same", file=sys.stderr)
        if not await self._conversations.delete(conversation):
            print(f"no conversation {conversation}", file=sys.stderr)
            return _NOT_FOUND
        print(f"{conversation} deleted", file=self._out)
        return 0

    async def _whole(self, word: str, *, with_content: bool = False) -> tuple[Digest, Looked] | int:
        """A conversation with all of its turns, or the exit code."""
        conversation = _conversation(word)
        turns: dict[int, Turn] = {}
        content: dict[str, bytes] = {}
        try:
            session = (await self._conversations.look(conversation)).session
            for start in range(1, session.turns + 1, _PAGE):
                numbers = range(start, min(start + _PAGE, session.turns + 1))
                fields = [SESSION, *(name for turn in numbers for name in _fields(turn))]
                looked = await self._conversations.look(conversation, numbers, fields if with_content else ())
                turns.update(looked.turns)
                content.update(looked.content)
                if with_content:
                    outputs = [name for turn in looked.turns.values() for name in _outputs(turn)]
                    content.update((await self._conversations.look(conversation, fields=outputs)).content)
        except UnreadableConversation:
            print(f"{conversation} cannot be read", file=sys.stderr)
            return _UNREADABLE
        if not session.version:
            print(f"no conversation {conversation}", file=sys.stderr)
            return _NOT_FOUND
        return conversation, Looked(session=session, turns=turns, content=content)

    def _print(self, value: object) -> None:
        json.dump(value, self._out, indent=2, ensure_ascii=False)
        print(file=self._out)


def _conversation(word: str) -> Digest:
    """The conversation that a word names.

    Raises:
        ConfigurationError: the word is neither an id nor 32 hex digits.
    """
    ref = read_turn(word)
    if ref is not None:
        return ref.conversation
    if len(word) != 32 or not set(word) <= set("0123456789abcdef"):  # noqa: PLR2004  # of a digest
        raise ConfigurationError(f"{word!r} is no turn's, plan's or task's id, nor 32 hex digits")
    return Digest(word)


def _fields(turn: int) -> tuple[str, ...]:
    return turn_field(turn), plan_field(turn), answer_field(turn)


def _outputs(turn: Turn) -> list[str]:
    """The fields of the outputs of a turn's tasks."""
    return [
        output_field(turn.number, task) for task in range(0 if turn.plan is None else len(turn.plan.tasks))
    ]


def _facts(session: Session) -> dict[str, Any]:
    return {
        "createdAt": time_of(session.created_ms),
        "updatedAt": time_of(session.updated_ms),
        "turnCount": session.turns,
        "planCount": session.plans,
        "openTurns": list(session.open),
    }


def _turn_facts(ref: TurnRef, turn: Turn) -> dict[str, Any]:
    """A turn with its plan's tasks and their executions, without content."""
    plan = turn.plan
    tasks = [] if plan is None else task_views(ref, plan, (), turn.updated_ms)
    return {
        "turnId": ref.turn_id,
        "status": turn.stage.value,
        "reason": None if turn.why is None else turn.why.value,
        "owner": turn.owner,
        "attempt": turn.attempt,
        "createdAt": time_of(turn.created_ms),
        "updatedAt": time_of(turn.updated_ms),
        "route": None if plan is None else plan_view(ref, plan, None),
        "tasks": [
            {**task, "executions": execution_views(ref, number, plan.tasks[number])}
            for number, task in enumerate(tasks)
            if plan is not None
        ],
    }


def _attempt(execution: dict[str, Any]) -> str:
    error = f" {execution['errorType']}" if execution["errorType"] else ""
    return f"{execution['attempt']} {execution['status']}{error} ({execution['requestId']})"
