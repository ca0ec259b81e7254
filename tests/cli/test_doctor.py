"""`mix2api doctor`, from its words and settings to its exit code."""

import argparse
import json
from functools import partial
from typing import Any

import pytest
import trio
from redis_server import RedisServer
from stored_runs import SHARDS, stored

from mix2api.cli import doctor
from mix2api.settings import load_settings

SECRET = "0123456789abcdef0123456789abcdef"


def run(url: str, *words: str, **settings: str) -> int:
    parser = argparse.ArgumentParser()
    doctor.add_parser(parser.add_subparsers())
    environ = {"REDIS_URL": url, "MIX2API_SECRET": SECRET, "MIX2API_SHARDS": str(SHARDS), **settings}
    return doctor.run(parser.parse_args(["doctor", *words]), load_settings(environ, None))


async def persist(url: str, word: str) -> None:
    """Switches the append-only file on or off."""
    async with stored(url) as store:
        await store.links[0].execute(("CONFIG", "SET", "appendonly", word))


def grades(capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    """The grade of each part, from the JSON."""
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return {finding["part"]: finding["grade"] for finding in document["findings"]}


def test_a_store_that_is_not_there_is_a_problem_and_exit_code_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("redis://127.0.0.1:1", "--no-turn", "--json") == 1
    assert grades(capsys) == {"settings": "warning", "store": "problem"}


def test_a_setting_that_contradicts_the_deployment_is_told(
    redis_server: RedisServer, capsys: pytest.CaptureFixture[str]
) -> None:
    run(redis_server.url, "--no-turn")
    capsys.readouterr()
    assert run(redis_server.url, "--no-turn", MIX2API_SHARDS="8") == 1
    assert f"set it to {SHARDS}" in capsys.readouterr().out


def test_warnings_alone_are_exit_code_0(
    redis_server: RedisServer, capsys: pytest.CaptureFixture[str]
) -> None:
    trio.run(partial(persist, redis_server.url, "yes"))
    assert run(redis_server.url, "--no-turn", "--json") == 0
    trio.run(partial(persist, redis_server.url, "no"))
    assert grades(capsys)["processes"] == "warning"


def test_the_upstream_s_turn_is_of_the_named_model_and_counts(
    redis_server: RedisServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(redis_server.url, "--model", "m", "--json", UPSTREAM_API_BASE="http://127.0.0.1:1") == 1
    assert grades(capsys)["upstream"] == "problem"


def test_the_public_url_is_tried_with_the_given_key(
    redis_server: RedisServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(redis_server.url, "--no-turn", "--json", "--public-url", "http://127.0.0.1:1/v1") == 1
    assert grades(capsys)["public_url"] == "problem"
    with pytest.raises(SystemExit):
        run(redis_server.url, "--public-url", "127.0.0.1")
