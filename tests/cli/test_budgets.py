"""`mix2api budgets`, over a real store."""

import argparse
import io
import json
from typing import Any

from redis_server import RedisServer
from session_scripts import RUN, good_run
from stored_runs import new_session, store_script, stored

from mix2api.cli.budgets import BudgetsQuery, add_parser, budgets
from mix2api.clock import SystemClock
from mix2api.sessions.commands import Command
from mix2api.store.store import Store
from mix2api.vocabulary import RunId

DAY_MS = 86_400_000


def counted(run: RunId, **fields: Any) -> list[Command]:
    """A good run that was counted."""
    known = {"input_tokens": 110, "input_budget": 900, "counted_tokens": 100}
    return good_run(run, **(known | fields))


async def shown(store: Store, **wanted: Any) -> tuple[int, str]:
    out = io.StringIO()
    code = await budgets(store, BudgetsQuery(window_ms=DAY_MS, **wanted), out, SystemClock())
    return code, out.getvalue()


async def test_a_window_is_counted_for_all_models_and_for_each(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        await store_script(store, new_session(store, 0), counted(RUN))
        other = RunId(RUN[:-1] + "0")
        trimmed = counted(other, model="mix/other", withheld_by={"old_words": 2})
        await store_script(store, new_session(store, 1), trimmed)
        code, text = await shown(store, as_json=True)
        assert code == 0
        total = json.loads(text)["total"]
        assert (total["runs"], total["trimmed"], total["tokens"]) == (2, 1, 220)
        _, text = await shown(store, as_json=True, by_model=True)
        assert json.loads(text)["models"]["mix/other"]["trimmed"] == 1
        _, table = await shown(store, by_model=True)
        assert table.startswith("model")
        assert "all" in table.splitlines()[-1]


async def test_one_run_says_why_its_messages_went(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        session = new_session(store, 0)
        await store_script(store, session, counted(RUN, withheld_by={"old_chain": 3}))
        code, text = await shown(store, run=session, as_json=True)
        assert code == 0
        facts = json.loads(text)
        assert (facts["used"], facts["available"], facts["withheld_by"]) == (110, 900, {"old_chain": 3})
        assert facts["end_reason"] == "stop"
        _, table = await shown(store, run=session)
        assert '{"old_chain": 3}' in table


async def test_a_run_that_nobody_knows_is_not_found(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        assert await shown(store, run="nobody") == (3, "no such run\n")
        assert (await shown(store, run=new_session(store, 5)))[0] == 3


def test_the_command_has_its_arguments() -> None:
    parser = argparse.ArgumentParser()
    add_parser(parser.add_subparsers())
    arguments = parser.parse_args(["budgets", "--by", "model", "--run", "x", "--json", "--window", "15m"])
    assert (arguments.by, arguments.run, arguments.json, arguments.window) == ("model", "x", True, 900_000)
