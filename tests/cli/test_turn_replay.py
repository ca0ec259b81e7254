"""`mix2api replay` of turns, over a real store."""

import io
from typing import Any

import msgspec
import pytest
from conversation_turns import OWNER
from kept_conversations import CONVERSATION, SHARDS, begin, keys_of, opened, plan, say, tell
from redis_server import RedisServer
from stored_runs import stored
from whole_system import SECRET

from mix2api.cli.main import main
from mix2api.cli.turn_replay import replay_turn
from mix2api.conversations.commands import ClaimTask, RecordExecution
from mix2api.conversations.ids import TurnRef
from mix2api.conversations.states import ExecutionStatus
from mix2api.store.store import Store
from mix2api.vocabulary import RequestId

REF = TurnRef(CONVERSATION, 2)


async def filled(store: Store) -> None:
    """A conversation whose first turn waits and whose second one has failed."""
    conversations = opened(store)
    await begin(conversations)
    await say(conversations)
    await say(conversations)
    await plan(conversations, 2)
    claim = ClaimTask(
        at_ms=6, owner=OWNER, task=0, lease_until_ms=9, request_id=RequestId("req_1"), model="m"
    )
    failed = RecordExecution(
        at_ms=7, owner=OWNER, task=0, attempt=1, status=ExecutionStatus.FAILED, error_type="upstream_error"
    )
    await tell(conversations, 2, claim, failed)


async def replayed(store: Store, ref: TurnRef = REF, *, as_json: bool = False) -> tuple[int, str]:
    out = io.StringIO()
    code = await replay_turn(opened(store), ref, out, as_json=as_json)
    return code, out.getvalue()


async def test_a_turn_is_shown_event_by_event_and_is_as_recorded(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        await filled(store)
        code, text = await replayed(store)
        assert code == 0
        lines = [" ".join(line.split()) for line in text.splitlines()]
        assert lines[0] == "+ms event turn task facts"
        assert lines[1] == "0 turn_created CREATED"
        assert "3 plan_made PLANNING plan=1 route=AUTO_MISS_FALLBACK tasks=1" in lines
        assert "5 execution_ended EXECUTING 0 attempt=1 status=FAILED error_type=upstream_error" in lines
        assert lines[-1] == f"{REF.turn_id}: FAILED, as recorded"
        code, text = await replayed(store, as_json=True)
        told: dict[str, Any] = msgspec.json.decode(text)
        assert (code, told["status"], told["wrong"]) == (0, "FAILED", None)
        assert [one["event"] for one in told["events"]] == [line.split()[1] for line in lines[1:-1]]
        code, text = await replayed(store, TurnRef(CONVERSATION, 1))
        assert (code, text.splitlines()[-1]) == (0, f"turn_{CONVERSATION}_1: CREATED, as recorded")
        assert "planted" not in text


async def test_what_a_log_does_not_say_is_told_and_fails(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        await filled(store)
        keys = keys_of(store)
        redis_server.command("HDEL", keys["content"], "answer:2")
        code, text = await replayed(store)
        assert (code, text.splitlines()[-1]) == (1, f"{REF.turn_id}: FAILED, but it has no message")
        newest = (await opened(store).events(CONVERSATION))[-1][0]
        redis_server.command("XDEL", keys["log"], newest)
        code, text = await replayed(store)
        assert (code, text.splitlines()[-1]) == (1, f"{REF.turn_id}: FAILED, but its log says something else")
        redis_server.command("XADD", keys["log"], "*", "k", "junk")
        code, text = await replayed(store)
        assert code == 1
        assert "cannot be read" in text


async def test_a_turn_that_is_not_there_is_not_found(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        assert (await replayed(store))[0] == 3


def test_the_command_takes_ids_of_turns_plans_and_tasks_and_follows_none(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("REDIS_URL", redis_server.url)
    monkeypatch.setenv("MIX2API_SECRET", SECRET)
    monkeypatch.setenv("MIX2API_SHARDS", str(SHARDS))
    for word in (REF.turn_id, REF.plan_id, REF.task_id(0)):
        assert main(["replay", word]) == 3
    assert f"no turn {REF.turn_id}" in capsys.readouterr().out
    assert main(["replay", REF.turn_id, "--follow"]) == 2
    assert "follows a plan" in capsys.readouterr().err
