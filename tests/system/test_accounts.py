"""A pool of accounts behind a whole system: what clients see of it, and what the log says."""

from pathlib import Path
from typing import Any

import pytest
import trio
from redis_server import RedisServer
from whole_system import Shape, WholeSystem, whole_system

from mix2api.accounts.state import Evidence
from mix2api.clock import SystemClock
from mix2api.demo import Demo, DemoKind, DemoOptions, serve_demo
from mix2api.events.audit_entry import read_end_summary
from mix2api.events.kinds import UpstreamChunk
from mix2api.store.audit_stream import AuditedRun

SECRETS = {"POOL_KEY_A": "sk-pool-a", "POOL_KEY_B": "sk-pool-b"}


def written(path: Path, kind: DemoKind, *urls: str) -> str:
    """A file of one account a URL."""
    tables = [
        f'[[accounts]]\nid = "{name}"\ntype = "{kind.value}"\nbase_url = "{url}"\ncredential = "env:POOL_KEY_{name.upper()}"\n'
        for name, url in zip("ab", urls, strict=False)
    ]
    file = path / "accounts.toml"
    file.write_text("\n".join(tables))
    return str(file)


@pytest.fixture(autouse=True)
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)


def base(demo: Demo, kind: DemoKind) -> str:
    return demo.url + ("/v1" if kind is DemoKind.OPENAI else "")


async def accounts_of(system: WholeSystem, what: str = "account") -> list[str]:
    """The account of every run in the log, or why it was that one."""
    return [
        getattr(chunk, what)
        for run in await system.runs()
        for chunk in run.events
        if isinstance(chunk, UpstreamChunk) and chunk.account is not None
    ]


async def audited_accounts(system: WholeSystem) -> list[str | None]:
    """The account of every run, as the audit has it."""
    ended = [
        read_end_summary(entry.end) for entry in await system._audited() if isinstance(entry, AuditedRun)
    ]
    return [None if end is None else end.account for end in ended]


@pytest.mark.parametrize("shape", Shape)
@pytest.mark.parametrize("kind", [DemoKind.MIX, DemoKind.OPENAI])
async def test_a_pool_serves_both_kinds_and_a_dead_account_is_hidden(
    shape: Shape, kind: DemoKind, redis_server: RedisServer, tmp_path: Path
) -> None:
    async with trio.open_nursery() as nursery:
        demo = await nursery.start(serve_demo, DemoOptions(kind=kind))
        file = written(tmp_path, kind, "http://127.0.0.1:1", base(demo, kind))
        settings: dict[str, Any] = {
            "MIX2API_UPSTREAM": kind.value,
            "MIX2API_ACCOUNTS_FILE": file,
            "MIX2API_EXPOSE_ACCOUNT": "true",
        }
        async with whole_system(shape, redis_server.url, demo=DemoOptions(kind=kind), **settings) as system:
            for stream in (True, False, True):
                answer = await system.client.ask("[[say:hello]]", stream=stream)
                assert answer.text() == "hello"
                assert answer.headers["x-mix2api-account"] == "b"
            assert await accounts_of(system) == ["b", "b", "b"]
            assert await audited_accounts(system) == ["b", "b", "b"]
            assert set(await accounts_of(system, "account_why")) <= {"chosen", "moved", "bound"}
            assert {one.headers["authorization"] for one in demo.received} == {"Bearer sk-pool-b"}
            report = await system.check_log(runs=3)
            assert report["coverage"] == 1.0
        nursery.cancel_scope.cancel()


async def test_a_session_whose_account_is_gone_goes_on_with_another(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    async with trio.open_nursery() as nursery:
        demo = await nursery.start(serve_demo, DemoOptions())
        file = written(tmp_path, DemoKind.MIX, demo.url, demo.url)
        settings = {"MIX2API_ACCOUNTS_FILE": file, "MIX2API_EXPOSE_ACCOUNT": "true"}
        async with whole_system(Shape.SERVE, redis_server.url, **settings) as system:
            first = [{"role": "user", "content": "[[say:one]]"}]
            answer = await system.client.ask("", messages=first)
            history = [
                *first,
                {"role": "assistant", "content": "one"},
                {"role": "user", "content": "[[say:two]]"},
            ]
            owner = answer.headers["x-mix2api-account"]
            continued = await system.client.ask("", messages=history)
            assert continued.headers["x-mix2api-session"].startswith("continued")
            assert continued.headers["x-mix2api-account"] == owner
            shared = system.store.accounts("mix", 3600, SystemClock())
            await shared.judge(owner, Evidence.DISABLE)
            further = [
                *history,
                {"role": "assistant", "content": "two"},
                {"role": "user", "content": "[[say:three]]"},
            ]
            moved = await system.client.ask("", messages=further)
            assert moved.text() == "three"
            assert {owner, moved.headers["x-mix2api-account"]} == {"a", "b"}
        nursery.cancel_scope.cancel()


async def test_an_exhausted_pool_is_a_429_that_says_when_and_why(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    file = written(tmp_path, DemoKind.MIX, "http://127.0.0.1:1", "http://127.0.0.1:1")
    async with whole_system(Shape.SERVE, redis_server.url, MIX2API_ACCOUNTS_FILE=file) as system:
        shared = system.store.accounts("mix", 3600, SystemClock())
        await shared.judge("a", Evidence.DISABLE)
        await shared.judge("b", Evidence.LIMITED)
        answer = await system.client.ask("hello")
        assert answer.status == 429
        assert 0 < int(answer.headers["retry-after"]) <= 60
        error = answer.json()["error"]
        assert error["code"] == "rate_limit_exceeded"
        assert "1: disabled, 2: limited for " in error["message"]
        assert "x-mix2api-account" not in answer.headers


async def mortal_demo(*, task_status: trio.TaskStatus[tuple[Demo, trio.CancelScope]]) -> None:
    """A site that somebody can kill."""
    with trio.CancelScope() as life:
        async with trio.open_nursery() as nursery:
            demo = await nursery.start(serve_demo, DemoOptions())
            task_status.started((demo, life))


async def test_an_account_that_is_killed_mid_run_shows_no_client_an_error(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    async with trio.open_nursery() as nursery:
        living = await nursery.start(serve_demo, DemoOptions())
        dying, life = await nursery.start(mortal_demo)
        file = written(tmp_path, DemoKind.MIX, dying.url, living.url)
        settings = {"MIX2API_ACCOUNTS_FILE": file, "MIX2API_EXPOSE_ACCOUNT": "true"}
        async with whole_system(Shape.SERVE, redis_server.url, **settings) as system:
            shared = system.store.accounts("mix", 3600, SystemClock())
            await shared.drain("b")  # so the key is bound to the account that is killed
            before = await system.client.ask("[[say:well]]", stream=True)
            assert before.headers["x-mix2api-account"] == "a"
            await shared.drain("b", is_drained=False)
            life.cancel()
            after = [await system.client.ask("[[say:well]]", stream=True) for _ in range(5)]
            assert [one.text() for one in after] == ["well"] * 5
            assert {one.headers["x-mix2api-account"] for one in after} == {"b"}
        nursery.cancel_scope.cancel()


async def test_an_account_that_limits_one_model_serves_the_others(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    async with trio.open_nursery() as nursery:
        demo = await nursery.start(serve_demo, DemoOptions(kind=DemoKind.OPENAI))
        url = base(demo, DemoKind.OPENAI)
        settings: dict[str, Any] = {
            "MIX2API_UPSTREAM": "openai",
            "MIX2API_ACCOUNTS_FILE": written(tmp_path, DemoKind.OPENAI, url, url),
            "MIX2API_ACCOUNTS_BINDING_SCOPE": "none",
            "MIX2API_EXPOSE_ACCOUNT": "true",
            "MODEL_LIST": "gpt-5,gpt-5-mini",
        }
        options = DemoOptions(kind=DemoKind.OPENAI)
        async with whole_system(Shape.SERVE, redis_server.url, demo=options, **settings) as system:
            limited = "[[only:sk-pool-a]] [[only_model:gpt-5]] [[429:30]] [[say:well]]"
            served = {
                model: [await system.client.ask(limited, model=model) for _ in range(4)]
                for model in ("gpt-5", "gpt-5-mini")
            }
            assert {one.text() for answers in served.values() for one in answers} == {"well"}
            by_model = {
                model: {one.headers["x-mix2api-account"] for one in answers}
                for model, answers in served.items()
            }
            assert by_model == {"gpt-5": {"b"}, "gpt-5-mini": {"a", "b"}}
            refused = [one for one in demo.received if one.headers["authorization"] == "Bearer sk-pool-a"]
            assert len(refused) == 3, "one met the limit, two were served"
            (limit,) = (await system.store.accounts("openai", 3600, SystemClock()).limits(["a"]))["a"]
            assert (limit.model, limit.state.reason, limit.is_own) == ("gpt-5", "burst", True)
        nursery.cancel_scope.cancel()
