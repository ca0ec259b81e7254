"""The pages behind the overview and the runs: session, processes, accounts, models, settings; and what they change."""

from pathlib import Path

import pytest
from console_runs import ended
from redis_server import RedisServer
from session_scripts import good_run
from shown_console import TOKENS, Shown, Visitor, shown, words_of
from shown_tables import number_columns
from stored_runs import append_raw, new_session, store_script, stored

from mix2api.accounts.account import read_accounts
from mix2api.accounts.model_limits import Whose
from mix2api.accounts.port import Asking
from mix2api.accounts.state import Evidence, Status
from mix2api.budget.profile import Profile
from mix2api.budget.profiles import ProfileTable
from mix2api.clock import SystemClock
from mix2api.console.ports import AccountPool, ConsolePorts
from mix2api.console.tokens import Role
from mix2api.process.console import console_ports
from mix2api.process.gateway_following import GatewayFollowing
from mix2api.settings import EffectiveRow, Source, load_settings
from mix2api.vocabulary import Digest, EndReason, RequestId, Retirement, SessionId

SCRIPT = "<script>alert(1)</script>"
ACCOUNTS = '[[accounts]]\nid = "{}"\ntype = "mix"\nbase_url = "http://site.example"\ncredential = "env:KEY"\n'


async def test_a_session_shows_why_each_turn_continued_or_was_fresh(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        session = new_session(store)
        await store_script(store, session, good_run(request_id=RequestId("first")))
        await append_raw(store, session, "end", "99", b"{}")
        async with shown(store) as seen:
            page = words_of(await seen.visitor.page(f"/session?id={session}"))
            by_id = await seen.visitor.get(f"/run?id={session}")
            unknown = await seen.visitor.get(f"/session?id={new_session(store)}")
            nonsense = await seen.visitor.get("/session?id=x")
    assert f"Session {session} State may be continued Shard s01" in page
    assert "fresh no_history stop" in page
    assert "1 entries of the log cannot be read" in page
    assert "Retire" not in page
    assert by_id.headers["location"] == f"/session?id={session}"
    assert (unknown.status_code, nonsense.status_code) == (404, 404)


async def test_an_operator_retires_a_session_and_a_viewer_may_not(redis_server: RedisServer) -> None:
    asked: list[SessionId] = []
    outcomes = [Retirement.RETIRED, Retirement.BUSY, None]

    async def retire(session_id: SessionId) -> Retirement | None:
        asked.append(session_id)
        return outcomes.pop(0)

    async with stored(redis_server.url) as store:
        session = new_session(store)
        await store_script(store, session, good_run())
        async with shown(store, ports=ConsolePorts(retire=retire)) as seen:
            csrf = await seen.visitor.csrf()
            viewer = await seen.visitor.post("/session/retire", {"session": session, "csrf": csrf})
            assert (viewer.status_code, asked) == (403, [])
            operator = await operating(seen)
            form = {"session": session, "csrf": await operator.csrf()}
            assert "Retire" in words_of(await operator.page(f"/session?id={session}"))
            without = await operator.post("/session/retire", {"session": session})
            stolen = await operator.post("/session/retire", {"session": session, "csrf": csrf})
            led = [(await operator.post("/session/retire", form)).headers["location"] for _ in range(3)]
            wrong = await operator.post("/session/retire", {**form, "session": SCRIPT})
            busy = words_of(await operator.page(led[1]))
    assert (without.status_code, stolen.status_code, wrong.status_code) == (403, 403, 400)
    assert asked == [session] * 3
    assert led == [f"/session?id={session}{end}" for end in ("", "&said=busy", "&said=asked")]
    assert "It is not retired (busy)" in busy


async def operating(seen: Shown) -> Visitor:
    operator = seen.another()
    await operator.sign_in(Role.OPERATE)
    return operator


async def test_the_composition_root_hands_in_the_command_s_own_retiring(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    file = tmp_path / "accounts.toml"
    file.write_text(ACCOUNTS.format("a"), encoding="utf-8")
    settings = load_settings(
        {"UPSTREAM_API_BASE": "http://site.example", "MIX2API_ACCOUNTS_FILE": str(file)}, None
    )
    async with stored(redis_server.url) as store:
        session = new_session(store)
        await store_script(store, session, good_run())
        await store.leases.release()
        await store.heartbeat.stop()
        ports = console_ports(settings, store, GatewayFollowing(store))
        assert await ports.retire(session) is Retirement.RETIRED
        async with shown(store) as seen:
            page = words_of(await seen.visitor.page(f"/session?id={session}"))
    assert "retired: operator" in page
    assert [one.id for pool in ports.pools for one in pool.listed] == ["a"]


async def test_processes_stand_with_their_shards_and_what_they_have_to_do(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store, shown(store) as seen:
        page = words_of(await seen.visitor.page("/processes"))
    assert "4 of 4 shards have an owner" in page
    assert store.process in page


async def test_without_processes_the_page_says_what_to_do(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        await store.leases.release()
        await store.heartbeat.stop()
        async with shown(store) as seen:
            page = words_of(await seen.visitor.page("/processes"))
    assert "Start `mix2api serve`" in page


async def test_an_operator_changes_accounts_as_the_command_does(redis_server: RedisServer) -> None:
    listed = read_accounts(ACCOUNTS.format("a") + ACCOUNTS.format("b"), "accounts.toml")
    async with stored(redis_server.url) as store:
        shared = store.accounts("mix", 60, SystemClock())
        await shared.judge("b", Evidence.REFUSED)
        await shared.limit("a", "gpt-5", Whose.MODEL)
        ports = ConsolePorts(pools=(AccountPool(upstream="upstream", listed=listed, shared=shared),))
        async with shown(store, ports=ports) as seen:
            overview = words_of(await seen.visitor.page("/"))
            viewed = words_of(await seen.visitor.page("/accounts"))
            operator = await operating(seen)
            form = {"upstream": "upstream", "account": "a", "csrf": await operator.csrf()}
            states = []
            for action in ("disable", "drain", "enable", "reset"):
                answer = await operator.post("/accounts/act", {**form, "action": action})
                assert answer.status_code == 303
                state = (await shared.states(["a"]))["a"]
                states.append((state.status, state.is_drained))
            wrong = [
                (await operator.post("/accounts/act", {**form, "action": "enable", **more})).status_code
                for more in ({"action": "weigh"}, {"account": "z"}, {"upstream": "z"}, {"csrf": "z"})
            ]
    assert "1/2 Accounts not well" in overview
    assert viewed.index("b mix invalid") < viewed.index("a mix valid limited for gpt-5")
    assert "Enable" not in viewed
    assert states == [
        (Status.DISABLED, False),
        (Status.DISABLED, True),
        (Status.VALID, False),
        (Status.VALID, False),
    ]
    assert wrong == [400, 400, 400, 403]


async def test_an_operator_weighs_accounts_and_removes_bindings(redis_server: RedisServer) -> None:
    listed, key = read_accounts(ACCOUNTS.format("a"), "accounts.toml"), Digest("0badcafe" * 4)
    async with stored(redis_server.url) as store:
        shared = store.accounts("mix", 60, SystemClock())
        await shared.confirm(Asking(api_key=key, model="qwen"), "a")
        ports = ConsolePorts(pools=(AccountPool(upstream="upstream", listed=listed, shared=shared),))
        async with shown(store, ports=ports) as seen:
            viewed = await seen.visitor.page("/accounts?bindings=upstream")
            operator = await operating(seen)
            form = {"upstream": "upstream", "account": "a", "csrf": await operator.csrf(), "key": key}
            weights = []
            for weight in ("1000", "0"):
                assert (await operator.post("/accounts/weigh", {**form, "weight": weight})).status_code == 303
                weights.append((await shared.states(["a"]))["a"].weight)
            removed = await operator.post("/accounts/unbind", form)
            after = words_of(await operator.page(removed.headers["location"].partition("#")[0]))
            again = await operator.post("/accounts/unbind", form)
            wrong = [
                (await operator.post(f"/accounts/{path}", {**form, **more})).status_code
                for path, more in (
                    ("weigh", {"weight": "1001"}),
                    ("weigh", {"weight": "-1"}),
                    ("weigh", {"weight": "1", "account": "z"}),
                    ("unbind", {"key": "*"}),
                    ("unbind", {"upstream": "z"}),
                )
            ]
            refused = await seen.visitor.post("/accounts/unbind", {**form, "csrf": await seen.visitor.csrf()})
    assert f"{key} a qwen" in words_of(viewed)
    assert "/accounts/unbind" not in viewed
    assert weights == [1000, None]
    assert "No API key is bound" in after
    assert again.status_code == 303
    assert wrong == [400] * 5
    assert refused.status_code == 403


async def test_models_stand_with_their_limits_and_their_runs(redis_server: RedisServer) -> None:
    profiles: dict[str, Profile] = {"mix/a": ProfileTable().profile_of("mix/a")}
    async with stored(redis_server.url) as store:
        await ended(store, "good", counted_tokens=100, input_tokens=100, input_budget=900)
        async with shown(store, profiles=profiles) as seen:
            page = words_of(await seen.visitor.page("/models"))
        async with shown(store, runs=1000) as seen:
            overview = words_of(await seen.visitor.page("/"))
    assert f"mix/a {profiles['mix/a'].context_window}" in page
    assert "mix/qwen-3-235b-instruct 1 0 0 0 0 100" in page
    assert "0/0 Trimmed/refused by budgets" in overview


async def test_settings_stand_as_the_command_masks_them(redis_server: RedisServer) -> None:
    rows = (
        EffectiveRow("MIX2API_SECRET", "***", Source.ENVIRONMENT),
        EffectiveRow("PORT", "3001", Source.DEFAULT),
    )
    async with stored(redis_server.url) as store, shown(store, settings=rows) as seen:
        page = words_of(await seen.visitor.page("/settings"))
    assert "MIX2API_SECRET *** env PORT 3001 default" in page


async def test_a_heading_stands_where_the_numbers_below_it_stand(redis_server: RedisServer) -> None:
    listed = read_accounts(ACCOUNTS.format("a"), "accounts.toml")
    profiles: dict[str, Profile] = {"mix/a": ProfileTable().profile_of("mix/a")}
    async with stored(redis_server.url) as store:
        await ended(store, "slow", EndReason.TIMEOUT, counted_tokens=100, input_budget=900)
        shared = store.accounts("mix", 60, SystemClock())
        ports = ConsolePorts(pools=(AccountPool(upstream="upstream", listed=listed, shared=shared),))
        async with shown(store, ports=ports, profiles=profiles) as seen:
            for path in ("/runs", "/run?id=slow", "/processes", "/accounts", "/models"):
                found = number_columns(await seen.visitor.page(path))
                assert found, path
                assert all(heads == cells != set() for heads, cells in found), (path, found)


@pytest.mark.parametrize(
    "path", ["/", "/runs", "/processes", "/accounts", "/models", "/release", "/settings"]
)
async def test_every_page_stands_in_both_languages_over_an_empty_log(
    redis_server: RedisServer, path: str
) -> None:
    async with stored(redis_server.url) as store, shown(store) as seen:
        english = await seen.visitor.page(path)
        chinese = await seen.visitor.page(path, accept_language="zh")
    assert '<html lang="en">' in english
    assert '<html lang="zh">' in chinese
    assert TOKENS[Role.VIEW] not in english
