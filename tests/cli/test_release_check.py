"""`mix2api release check`: what recorded sessions come to, what a person signs, and what the gate then says."""

import argparse
import io
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from redis_server import RedisServer
from release.releases import ID, start, step
from session_scripts import events_of, good_run
from stored_runs import new_session, store_run, stored

from mix2api import __version__
from mix2api.cli import release_check
from mix2api.cli.release_arguments import add_check_arguments
from mix2api.cli.release_check import ReplayCheck
from mix2api.errors import ConfigurationError
from mix2api.packs.recorded_logs import recorded_logs
from mix2api.release.recorded_session import RecordedEntry, RecordedSession, encode_recorded
from mix2api.release.stages import Stage
from mix2api.settings import load_settings
from mix2api.store.store import Store


def misread() -> RecordedSession:
    """A session of an older build: this one does not read a field of its requests."""
    session = recorded_logs()[0]
    place = next(at for at, entry in enumerate(session.entries) if entry.kind == "request")
    entry = session.entries[place]
    data = msgspec.json.encode({**msgspec.json.decode(entry.data), "of_yesterday": 7}).decode()
    entries = list(session.entries)
    entries[place] = RecordedEntry(entry.kind, entry.version, data)
    return replace(session, entries=tuple(entries))


def recording(path: Path, *sessions: RecordedSession) -> Path:
    path.write_bytes(b"".join(encode_recorded(one) + b"\n" for one in sessions))
    return path


async def planned(store: Store, version: str = __version__) -> None:
    await store.release.apply(start(without_gate=False, version=version))


def arguments(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_check_arguments(parser)
    return parser.parse_args(["--who", "ann", "--why", "a test", *words])


async def test_the_last_day_and_the_last_release_s_sessions_are_read_anew(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        await planned(store)
        await store_run(store, new_session(store), events_of(good_run()))
        out = io.StringIO()
        check = ReplayCheck([])
        assert await check.read(store, out) == 0
        count = len(recorded_logs())
        assert out.getvalue() == f"{count} recorded sessions and 1 of the last day were read anew\n"
        assert (check.found, check.unsigned(None), check.sessions) == ([], [], count + 1)


async def test_a_candidate_that_reads_an_older_event_wrongly_is_stopped_until_somebody_signs(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    async with stored(redis_server.url) as store:
        await planned(store)
        check = ReplayCheck([recording(tmp_path / "older.jsonl", misread())])
        assert await check.read(store, io.StringIO()) == 0
        assert check.unsigned(None) == ["read:request.of_yesterday"]
        to_sign = msgspec.json.decode(check.to_sign())
        assert (to_sign["who"], to_sign["keys"]) == ("", ["read:request.of_yesterday"])
        assert to_sign["examples"]["read:request.of_yesterday"][0][2:] == ["7", "null"]
        path = tmp_path / "signed.json"
        path.write_bytes(msgspec.json.encode({**to_sign, "who": "ann", "why": "it is not used any more"}))
        signed = release_check._signed(path)
        assert check.unsigned(signed) == []
        out = io.StringIO()
        check.print(replace(signed, keys=(*signed.keys, "verdict")), out)
        assert "difference read:request.of_yesterday (signed): 1, first in ses_" in out.getvalue()
        assert out.getvalue().endswith("signed and not found: verdict\n")


@pytest.mark.parametrize(
    "signature",
    [b"{", b'{"who":"","why":"x","keys":[]}', b'{"who":"a","why":" ","keys":[]}', b'{"who":"a","key":[]}'],
)
def test_a_signature_that_is_none_is_refused(signature: bytes, tmp_path: Path) -> None:
    path = tmp_path / "signed.json"
    path.write_bytes(signature)
    with pytest.raises(ConfigurationError, match="--accept"):
        release_check._signed(path)


async def test_a_recording_that_is_none_is_refused(redis_server: RedisServer, tmp_path: Path) -> None:
    path = tmp_path / "junk.jsonl"
    path.write_text("junk\n")
    async with stored(redis_server.url) as store:
        await planned(store)
        with pytest.raises(ConfigurationError, match="--recording"):
            await ReplayCheck([path]).read(store, io.StringIO())


async def test_only_a_planned_release_of_this_build_is_checked(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        out = io.StringIO()
        assert await ReplayCheck([]).read(store, out) == 1
        assert "there is nothing to check" in out.getvalue()
        await planned(store, "0.0.1")
        assert await ReplayCheck([]).read(store, out) == 1
        assert "run the check with the candidate's build" in out.getvalue()


async def test_a_passed_gate_allows_the_first_step_and_its_evidence_is_kept(
    redis_server: RedisServer,
) -> None:
    async with stored(redis_server.url) as store:
        await planned(store)
        state = await store.release.read()
        out = io.StringIO()
        given: Any = (state, arguments(), "gate/canary/1", out, store)
        assert await release_check._passed(*given) == 0
        state = await store.release.read()
        assert (state.stage, state.evidence, state.release) == (Stage.AT_0, "gate/canary/1", ID)
        assert (await store.release.apply(step(state))).stage is Stage.AT_5
        other: Any = (replace(state, release="rel-2"), arguments(), "gate/canary/2", out, store)
        assert await release_check._passed(*other) == 1
        assert out.getvalue().startswith("check=PASS\nthe gate was asked of another release")


def test_the_stable_packs_are_asked_at_their_url(tmp_path: Path) -> None:
    given = arguments("--out", str(tmp_path), "--stable-url", "http://stable", "--stable-key", "k")
    asked = release_check._gate("stable", given, "--base-url", given.stable_url, *release_check._key(given))
    assert (asked.channel, asked.base_url, asked.api_key, asked.out) == (
        *("stable", "http://stable", "k"),
        tmp_path / "stable",
    )
    assert release_check._gate("canary", given).base_url is None


async def test_the_demo_corpus_is_asked_of_a_server_of_this_build(tmp_path: Path) -> None:
    check = ReplayCheck([])
    await check.ask(tmp_path / "server.log")
    assert check.found == []


def test_the_command_needs_a_planned_release(
    redis_server: RedisServer, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = load_settings({"REDIS_URL": redis_server.url, "MIX2API_SECRET": "0123456789abcdef" * 2}, None)
    assert release_check.run(arguments(), settings) == 1
    assert capsys.readouterr().out == "the release stands at none: there is nothing to check\n"
