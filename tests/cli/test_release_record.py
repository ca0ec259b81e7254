"""`mix2api release record`: sessions of the last day, or what this build makes of the demo corpus, in a file."""

import argparse
from pathlib import Path

import msgspec
import pytest
import trio
from redis_server import RedisServer
from session_scripts import events_of, good_run
from stored_runs import new_session, store_run, stored

from mix2api.cli import release_record
from mix2api.cli.release_arguments import add_record_arguments
from mix2api.cli.release_record import run
from mix2api.errors import ConfigurationError
from mix2api.packs.recorded_answers import RecordedAnswer, recorded_answers
from mix2api.release.recorded_session import decode_recorded
from mix2api.settings import load_settings


def arguments(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_record_arguments(parser)
    return parser.parse_args(words)


def test_the_sessions_of_the_last_day_are_written_with_their_state(
    redis_server: RedisServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def run_one() -> None:
        async with stored(redis_server.url) as store:
            await store_run(store, new_session(store), events_of(good_run()))

    trio.run(run_one)
    settings = load_settings(
        {
            "REDIS_URL": redis_server.url,
            "MIX2API_SECRET": "0123456789abcdef0123456789abcdef",
            "MIX2API_SHARDS": "4",
        },
        None,
    )
    path = tmp_path / "day.jsonl"
    assert run(arguments("--out", str(path)), settings) == 0
    (session,) = map(decode_recorded, path.read_bytes().splitlines())
    assert (session.covered, len(session.runs)) == (len(session.entries), 1)
    assert capsys.readouterr().out == f"1 sessions in {path}\n"
    with pytest.raises(ConfigurationError, match="--out"):
        run(arguments("--out", str(tmp_path / "none" / "day.jsonl")), settings)


def test_the_answers_of_this_build_are_those_of_the_last_release(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    assert run(arguments("--answers", "--out", str(path)), load_settings({}, None)) == 0
    lines = [msgspec.json.decode(line, type=RecordedAnswer) for line in path.read_bytes().splitlines()]
    assert {one.name: one.said for one in lines} == {one.name: one.said for one in recorded_answers()}


async def test_runs_of_sessions_that_are_left_out_are_told(
    redis_server: RedisServer, capsys: pytest.CaptureFixture[str]
) -> None:
    async with stored(redis_server.url) as store:
        session = new_session(store)
        await store_run(store, session, events_of(good_run()))
        redis_server.command("DEL", store.keys.log(1, session))  # type: ignore[arg-type]
        recording = release_record._Recording()
        assert await recording.read(store) == 0
    assert recording.sessions == []
    assert capsys.readouterr().err == "1 runs of other sessions were left out\n"
