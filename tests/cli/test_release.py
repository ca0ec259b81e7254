"""`mix2api release`, over a real store with the processes of two channels."""

import argparse
import io

import pytest
from fake_new_api import CANARY, fake_new_api
from redis_server import RedisServer
from release.releases import beat
from release_members import BOTH, SHARDS, VERSION, members, settle
from releasing import BY, Operator

from mix2api.cli.main import read_settings
from mix2api.cli.release import add_parser, query_of, release, run
from mix2api.errors import ConfigurationError
from mix2api.process.gateway_following import GatewayFollowing, gateway_following
from mix2api.release.guard_beat import Decision
from mix2api.store.store import Store
from mix2api.vocabulary import Channel


async def printed(store: Store, *words: str, gateway: GatewayFollowing | None = None) -> tuple[int, str]:
    parser = argparse.ArgumentParser()
    add_parser(parser.add_subparsers())
    out = io.StringIO()
    code = await release(store, query_of(parser.parse_args(["release", *words])), out, gateway)
    return code, out.getvalue()


async def test_a_release_is_started_stepped_shown_and_rolled_back(redis_server: RedisServer) -> None:
    async with members(redis_server, *BOTH) as (stable, canary):
        await settle(stable, canary)
        assert len(stable.leases.held) == SHARDS
        code, line = await printed(stable, "start", VERSION, *BY, "--without-gate")
        assert (code, "version 2.0: 0 %, 0 % of fresh sessions" in line) == (0, True)
        code, line = await printed(stable, "step", *BY, "--without-guard")
        assert (code, "5 % of fresh sessions go to the canary" in line) == (0, True)
        await settle(stable, canary)
        assert len(canary.leases.held) == 1
        code, table = await printed(stable, "status")
        assert code == 0
        assert "by ann: a test\nno guard watches" in table
        assert "stable   1.9       1          7" in table
        assert "canary   2.0       1          1" in table
        code, facts = await Operator(stable).say("status")
        assert (code, facts["percent"], facts["guard"]) == (0, 5, None)
        await stable.leases.release()
        await canary.leases.release()  # it follows the rollback at once
        code, line = await printed(stable, "rollback", *BY)
        assert (code, "rolled_back" in line, "owns no shard" in line) == (0, True, True)
        code, line = await printed(stable, "rollback", *BY)
        assert (code, "already" in line) == (0, True)
        code, table = await printed(stable, "history")
        assert code == 0
        assert [line.split()[4] for line in table.splitlines()[1:]] == [
            *("started", "waived", "stepped", "rolled_back"),
        ]
        assert [one["who"] for one in (await Operator(stable).say("history"))[1]] == ["ann"] * 4  # type: ignore[index]


async def test_a_canary_that_keeps_its_shards_after_a_rollback_is_exit_code_1(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mix2api.store.release_fleet.SETTLED_S", 0)
    async with members(redis_server, *BOTH) as (stable, canary):
        operator = Operator(stable)
        await operator.say("start", VERSION, *BY, "--without-gate")
        await operator.step()
        await settle(stable, canary)
        code, line = await printed(stable, "rollback", *BY)
        assert (code, "the canary still owns 1 shards" in line) == (1, True)


async def test_what_a_guard_says_is_shown_and_allows_a_step(redis_server: RedisServer) -> None:
    async with members(redis_server, *BOTH) as (stable, canary):
        operator = Operator(stable)
        await operator.say("start", VERSION, *BY, "--without-gate")
        code, facts = await operator.say("step", *BY)
        assert (code, "no guard watches" in facts["refused"]) == (1, True)
        state = await stable.release.read()
        await canary.guard.sit(beat(state, Decision.WAIT), 60_000)
        assert (await printed(stable, "status"))[1].splitlines()[2] == "guard guard-1 says wait: 30 runs seen"
        code, facts = await operator.say("step", *BY)
        assert (code, facts["stage"]) == (0, "5")
        code, facts = await operator.say("step", *BY)
        assert (code, "have not followed the last step yet" in facts["refused"]) == (1, True)
        await settle(stable, canary)
        code, facts = await operator.say("step", *BY)
        assert (code, "has not judged this step" in facts["refused"]) == (1, True)


@pytest.mark.parametrize(
    ("fleet", "why"),
    [
        (((Channel.STABLE, "1.9"),), "no live process of channel canary and version 2.0"),
        (((Channel.CANARY, VERSION),), "no live process of channel stable"),
        (((Channel.STABLE, "1.9"), (Channel.CANARY, "1.8")), "channel canary also runs version 1.8"),
    ],
)
async def test_a_fleet_that_cannot_follow_is_named(
    redis_server: RedisServer, fleet: tuple[tuple[Channel, str], ...], why: str
) -> None:
    async with members(redis_server, *fleet) as (store, *_):
        code, facts = await Operator(store).say("start", VERSION, *BY)
        assert code == 1
        assert why in facts["refused"]


async def test_a_process_of_a_version_that_follows_no_release_is_named(redis_server: RedisServer) -> None:
    async with members(redis_server, *BOTH) as (stable, canary):
        await stable.links[0].execute(("HDEL", stable.keys.process(canary.process), "follows_release"))
        code, line = await printed(stable, "start", VERSION, *BY)
        assert (code, canary.process in line) == (1, True)


async def test_without_a_release_there_is_nothing_to_show_or_to_roll_back(redis_server: RedisServer) -> None:
    async with members(redis_server, *BOTH) as (stable, _):
        assert (await printed(stable, "status"))[1].startswith("no release is recorded\nno guard watches")
        code, line = await printed(stable, "rollback", *BY)
        assert (code, "nothing was rolled back" in line) == (1, True)
        assert (await printed(stable, "lift", *BY))[0] == 0
        code, line = await printed(stable, "step", *BY)
        assert (code, "No release goes: start one" in line) == (1, True)


@pytest.mark.parametrize("words", [["step", "--who", "ann"], ["step", "--who", "", "--why", "x"]])
def test_every_word_needs_a_who_and_a_why(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    add_parser(parser.add_subparsers())
    with pytest.raises(SystemExit):
        parser.parse_args(["release", *words])
    assert "--w" in capsys.readouterr().err


def test_two_channels_need_two_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    parser = argparse.ArgumentParser()
    add_parser(parser.add_subparsers())
    monkeypatch.setenv("MIX2API_SHARDS", "1")
    settings = read_settings(())
    with pytest.raises(ConfigurationError, match="MIX2API_SHARDS"):
        run(parser.parse_args(["release", "start", VERSION, *BY]), settings)


async def test_new_api_follows_each_word_and_what_it_does_not_follow_is_told(
    redis_server: RedisServer, capsys: pytest.CaptureFixture[str]
) -> None:
    async with members(redis_server, *BOTH) as (stable, canary), fake_new_api() as fake:
        assert (await printed(stable, "gateway", *BY[:2]))[0] == 1
        async with gateway_following(stable, fake.settings) as gateway:
            await settle(stable, canary)
            assert (await printed(stable, "start", VERSION, *BY, "--without-gate", gateway=gateway))[0] == 0
            assert (await printed(stable, "step", *BY, "--without-guard", gateway=gateway))[0] == 0
            assert fake.weights == ((95, 1), (5, 1))
            await stable.leases.release()
            await canary.leases.release()
            fake.keeps = False
            code, line = await printed(stable, "rollback", *BY, gateway=gateway)
            assert (code, "owns no shard" in line) == (3, True)
            assert "new-api does not have weight 100 for stable" in capsys.readouterr().err
            assert "canary channel 4: weight 5 and status 1" in (await printed(stable, "status"))[1]
            fake.keeps = True
            code, line = await printed(stable, "gateway", *BY[:2], gateway=gateway)
            assert (code, line) == (0, "new-api has weight 100 for stable and 0 for the canary\n")
            fake.channels[CANARY]["status"] = 1  # by hand
            assert (await printed(stable, "gateway", *BY[:2], gateway=gateway))[0] == 0
            assert fake.weights == ((100, 1), (0, 2))
        table = (await printed(stable, "history"))[1]
        words = [line.split()[4:6] for line in table.splitlines()[1:]]
        assert [each for each in words if each[0] == "gateway"] == [
            ["gateway", "100:0"],
            ["gateway", "95:5"],
            ["gateway", "failed"],
            ["gateway", "100:0"],
        ]
        assert [each[0] for each in words[-3:]] == ["rolled_back", "gateway", "gateway"]
        facts = (await Operator(stable).say("history"))[1]
        assert [one["canary"] for one in facts if one["trigger"] == "gateway"] == [0, 5, 0, 0]  # type: ignore[index, union-attr]
