"""`mix2api conversations`: what an operator sees of conversations, and how one is deleted."""

import io
from typing import Any

import msgspec
import pytest
from conversation_turns import OWNER
from damages import WHOLE, put
from kept_conversations import CONVERSATION, SHARDS, begin, keys_of, opened, plan, say, tell
from redis_server import RedisServer
from stored_runs import stored

from mix2api.cli.conversations import ConversationsCommand
from mix2api.cli.main import main
from mix2api.clock import SystemClock
from mix2api.conversations.commands import ClaimTask, RecordExecution
from mix2api.conversations.ids import TurnRef
from mix2api.conversations.states import ExecutionStatus
from mix2api.errors import ConfigurationError
from mix2api.settings import load_settings
from mix2api.store.store import Store
from mix2api.vocabulary import RequestId

REF = TurnRef(CONVERSATION, 1)
SETTINGS = load_settings({"MIX2API_SHARDS": str(SHARDS)}, None)


def command(store: Store) -> tuple[ConversationsCommand, io.StringIO]:
    out = io.StringIO()
    return ConversationsCommand.over(store, SETTINGS, out, SystemClock()), out


async def filled(store: Store) -> None:
    """One conversation whose task has failed."""
    conversations = opened(store)
    await begin(conversations)
    await say(conversations)
    await plan(conversations, 1)
    claim = ClaimTask(
        at_ms=6, owner=OWNER, task=0, lease_until_ms=9, request_id=RequestId("req_1"), model="m"
    )
    failed = RecordExecution(
        at_ms=7, owner=OWNER, task=0, attempt=1, status=ExecutionStatus.FAILED, error_type="upstream_error"
    )
    await tell(conversations, 1, claim, failed)


async def test_conversations_are_listed_and_shown_without_a_word_of_them(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        await filled(store)
        listed, out = command(store)
        assert await listed.show_all(5, as_json=False) == 0
        assert CONVERSATION in out.getvalue()
        listed, out = command(store)
        assert await listed.show_all(5, as_json=True) == 0
        (one,) = msgspec.json.decode(out.getvalue())
        assert (one["conversation"], one["turnCount"], one["openTurns"]) == (CONVERSATION, 1, [])
        for word in (CONVERSATION, REF.turn_id, REF.plan_id, REF.task_id(0)):
            shown, out = command(store)
            assert await shown.show(word, as_json=False) == 0
            assert f"{REF.turn_id}  FAILED (task_failed)" in out.getvalue()
            assert "WORKER FAILED: 1 FAILED upstream_error (req_1)" in out.getvalue()
        shown, out = command(store)
        assert await shown.show(CONVERSATION, as_json=True) == 0
        whole: dict[str, Any] = msgspec.json.decode(out.getvalue())
        assert whole["turns"][0]["tasks"][0]["executions"][0]["errorType"] == "upstream_error"
        assert "planted" not in out.getvalue()


async def test_an_export_has_the_content(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        await filled(store)
        exported, out = command(store)
        assert await exported.export(REF.turn_id) == 0
        whole = msgspec.json.decode(out.getvalue())
        assert (whole["session"]["user_id"], whole["turns"][0]["message"]) == (
            "planted",
            {"message": "planted"},
        )
        assert whole["turns"][0]["answer"]["text"].startswith("The turn failed")


async def test_the_audit_folds_every_log_anew(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        await filled(store)
        audited, out = command(store)
        assert await audited.audit() == 0
        report = msgspec.json.decode(out.getvalue())
        assert (report["turns"], report["answers"], report["wrong"]) == ({"FAILED": 1}, 1, 0)
        redis_server.command("HDEL", keys_of(store)["content"], "answer:1")
        audited, out = command(store)
        assert await audited.audit() == 1
        assert CONVERSATION in msgspec.json.decode(out.getvalue())["wrongConversations"]
        redis_server.command("XADD", keys_of(store)["log"], "*", "k", "junk")
        audited, out = command(store)
        assert await audited.audit() == 1
        assert "its log cannot be read" in out.getvalue()


async def test_a_deleted_conversation_is_gone_be_it_readable_or_not(
    redis_server: RedisServer, capsys: pytest.CaptureFixture[str]
) -> None:
    async with stored(redis_server.url) as store:
        for is_damaged in (False, True):
            await begin(opened(store))
            await say(opened(store))
            if is_damaged:
                redis_server.command("DEL", keys_of(store)["states"])
                put(redis_server, keys_of(store)["log"], WHOLE["a word"])
                listed, _ = command(store)
                assert await listed.show_all(5, as_json=False) == 0
                assert await listed.show(CONVERSATION, as_json=False) == 1
                assert "1 conversations cannot be read" in capsys.readouterr().err
            deleted, _ = command(store)
            assert await deleted.delete(CONVERSATION) == 0
            assert redis_server.command("KEYS", "*conversation:*") == []
            assert await deleted.delete(CONVERSATION) == 3
            assert await deleted.show(CONVERSATION, as_json=False) == 3
            assert await deleted.export(CONVERSATION) == 3


async def test_a_word_that_names_no_conversation_is_refused(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        with pytest.raises(ConfigurationError, match="is no turn's"):
            await command(store)[0].show("x" * 32, as_json=False)


def test_a_list_takes_no_id_and_the_other_actions_take_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["conversations", "list", "x"]) == 2
    assert main(["conversations", "show"]) == 2
    assert "take an ID" in capsys.readouterr().err
