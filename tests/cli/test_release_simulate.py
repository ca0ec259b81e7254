"""`mix2api release simulate`."""

import argparse
import io
import json
from typing import Any

import pytest
from audited_turns import AuditedTurns
from redis_server import RedisServer
from release.test_forecast import ONE_CELL
from stored_runs import stored

from mix2api.cli.release_simulate import (
    SimulateQuery,
    add_arguments,
    say_alarms,
    simulate,
    simulate_recorded,
)
from mix2api.errors import ConfigurationError
from mix2api.release.day import synthetic
from mix2api.release.forecast import FalseAlarms

FEW: dict[str, Any] = {"shares": (0.5,), "runs": 2, "hours": 0.02, "days": 0}


def played(**query: Any) -> str:
    out = io.StringIO()
    simulate(synthetic(), SimulateQuery(**FEW | query), out)
    return out.getvalue()


def test_the_table_has_a_row_for_each_regression_and_the_same_seed_prints_the_same() -> None:
    first = played()
    assert first == played()
    head, columns, *rows = first.splitlines()
    assert head == "the synthetic day at 20 turns a second, alpha 0.001; 2 plays a row, seed 1"
    assert columns.split()[:3] == ["share", "regression", "found"]
    assert [row.split("  ")[1].strip() or row.split()[2] for row in rows]
    assert [row[:30].split()[2:4] for row in rows] == [
        ["0.5", "points"],
        ["1", "points"],
        ["2", "points"],
        ["5", "points"],
        ["first", "token"],
    ]


def test_json_has_an_object_for_each_row_and_for_the_days_without_a_regression() -> None:
    out = io.StringIO()
    simulate(ONE_CELL, SimulateQuery(**FEW | {"days": 1, "as_json": True}), out)
    *rows, alarms = [json.loads(line) for line in out.getvalue().splitlines()]
    assert len(rows) == 5
    assert {"share", "points", "found", "median_s", "most_s", "hit"} <= rows[0].keys()
    assert alarms == {"share": 0.5, "days": 1, "alarms": 0, "false_alarms_a_week": 0.0}


def test_days_without_a_regression_are_told_in_a_line() -> None:
    out = io.StringIO()
    say_alarms(0.5, FalseAlarms(days=14, alarms=1), SimulateQuery(), out)
    assert out.getvalue() == "without a regression at 50 %: 1 of 14 days had a false alarm, 0.50 a week\n"


async def test_the_recorded_day_is_the_audit_s_last_24_hours(redis_server: RedisServer) -> None:
    out = io.StringIO()
    async with stored(redis_server.url) as store:
        turns = AuditedTurns(store, redis_server, await store.audit.now_ms() - 600_000)
        with pytest.raises(ConfigurationError, match="has 0 turns that can be compared, and needs 100"):
            await simulate_recorded(store, SimulateQuery(recorded=True, **FEW), out)
        turns.turns(150, 3, 50, 1)
        assert await simulate_recorded(store, SimulateQuery(recorded=True, rate=10.0, **FEW), out) == 0
        assert await simulate_recorded(store, SimulateQuery(recorded=True, **FEW), out) == 0
    heads = [line for line in out.getvalue().splitlines() if line.startswith("the recorded day")]
    assert heads[0].startswith("the recorded day at 10 turns a second")
    assert heads[1].startswith("the recorded day at 0.333 turns a second")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--rate", "0"], "'0' is not a number from 0.001 to 100000"),
        (["--rate", "nan"], "'nan' is not a number from"),
        (["--share", "100"], "'100' is not a number from 0.1 to 99"),
        (["--runs", "0"], "'0' is not a whole number from 1 to 10000"),
        (["--seed", "1e3"], "'1e3' is not a whole number from 0 to"),
        (["--days", "99999999999"], "is not a whole number from 0 to 10000"),
    ],
)
def test_wrong_numbers_are_told_with_what_is_allowed(
    words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    with pytest.raises(SystemExit):
        parser.parse_args(words)
    assert told in capsys.readouterr().err


def test_several_shares_are_played_one_after_another() -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    assert parser.parse_args(["--share", "5", "--share", "50"]).shares == [0.05, 0.5]
