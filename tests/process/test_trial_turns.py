"""The upstream is tried with the deployment's credential, and a proxy that holds streams back is found out."""

import socket
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio
from redis_server import RedisServer
from stored_runs import stored
from whole_system import Shape, whole_system

from mix2api.demo import Demo, DemoOptions, serve_demo
from mix2api.packs.evidence import Ask, Ending, Seen
from mix2api.process.findings import Finding, Grade, Part
from mix2api.process.trial_turns import judged, try_public_url, try_upstream, try_upstreams
from mix2api.settings import load_settings
from mix2api.store.opening import open_store
from mix2api.store.options import StoreOptions

_MODEL = "mix/qwen-3-235b-instruct"
_LAST_CHUNK = b"0\r\n\r\n"


async def upstream_finding(
    redis: RedisServer, url: str | None, *, turn: bool = True, **environ: str
) -> Finding:
    given = {"UPSTREAM_AUTH_MODE": "none", **environ}
    if url is not None:
        given["UPSTREAM_API_BASE"] = url
    async with stored(redis.url) as store:
        return await try_upstream(load_settings(given, None), store, _MODEL, turn=turn)


@pytest.mark.parametrize(
    ("options", "environ", "grade", "word"),
    [
        ({}, {}, Grade.OK, "finished"),
        ({"require_token": True}, {"UPSTREAM_AUTH_MODE": "managed"}, Grade.OK, "finished"),
        (
            {"require_token": True},
            {"UPSTREAM_AUTH_MODE": "static", "UPSTREAM_BEARER_TOKEN": "planted"},
            Grade.PROBLEM,
            "correct the credential",
        ),
        ({}, {"UPSTREAM_AUTH_MODE": "pass_through"}, Grade.WARNING, "not tried"),
    ],
)
async def test_the_upstream_is_tried_with_the_deployment_s_credential(
    redis_server: RedisServer, options: dict[str, Any], environ: dict[str, str], grade: Grade, word: str
) -> None:
    async with trio.open_nursery() as nursery:
        demo: Demo = await nursery.start(serve_demo, DemoOptions(**options))
        found = await upstream_finding(redis_server, demo.url, **environ)
        nursery.cancel_scope.cancel()
    assert (found.grade, found.part) == (grade, Part.UPSTREAM)
    assert word in found.says
    assert "planted" not in found.says


async def test_an_upstream_that_is_not_there_is_a_problem(redis_server: RedisServer) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        found = await upstream_finding(redis_server, f"http://127.0.0.1:{closed.getsockname()[1]}")
    assert found.grade is Grade.PROBLEM
    assert "correct UPSTREAM_API_BASE" in found.says
    unset = await upstream_finding(redis_server, None)
    assert unset.grade is Grade.WARNING
    assert "is not set" in unset.says


@pytest.mark.parametrize(
    ("turn", "environ", "word"),
    [
        (False, {}, "--no-turn"),
        (True, {"UPSTREAM_AUTH_MODE": "pass_through"}, "callers bring their own"),
        (True, {"MIX2API_ACCOUNTS_FILE": "accounts.toml"}, "accounts have their own"),
    ],
)
async def test_where_no_turn_can_be_put_the_site_is_reached_all_the_same(
    redis_server: RedisServer, *, turn: bool, environ: dict[str, str], word: str
) -> None:
    async with trio.open_nursery() as nursery:
        demo: Demo = await nursery.start(serve_demo, DemoOptions())
        found = await upstream_finding(redis_server, demo.url, turn=turn, **environ)
        assert demo.stats.requests == 0
        nursery.cancel_scope.cancel()
    assert found.grade is Grade.WARNING
    assert word in found.says
    unreached = await upstream_finding(redis_server, "http://127.0.0.1:1", turn=turn, **environ)
    assert unreached.grade is Grade.PROBLEM


async def test_each_upstream_of_a_file_is_tried_with_a_model_that_it_serves(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    async with trio.open_nursery() as nursery, stored(redis_server.url) as store:
        demo: Demo = await nursery.start(serve_demo, DemoOptions())
        file = tmp_path / "upstreams.toml"
        tables = (
            ("plain", "mix/", demo.url, ""),
            ("renamed", "a/", demo.url, f'strip_prefix = true\nmodels = ["a/{_MODEL}"]'),
            ("unlisted", "b/", demo.url, ""),
            ("gone", "c/", "http://127.0.0.1:1", ""),
        )
        file.write_text(
            "".join(
                f'[[upstreams]]\nname = "{name}"\nprefix = "{prefix}"\nkind = "mix"\nbase_url = "{url}"\n{more}\n'
                for name, prefix, url, more in tables
            )
        )
        given = load_settings({"MIX2API_UPSTREAMS_FILE": str(file), "MODEL_LIST": "other"}, None)
        found = await try_upstreams(given, store, _MODEL, turn=True)
        assert demo.stats.requests == 2
        nursery.cancel_scope.cancel()
    assert [(one.grade, one.says.partition(":")[0]) for one in found] == [
        (Grade.OK, "plain"),
        (Grade.OK, "renamed"),
        (Grade.WARNING, "unlisted"),
        (Grade.PROBLEM, "gone"),
    ]
    assert found[1].says == f"renamed: a turn of {_MODEL} finished"
    assert "no model of it is listed" in found[2].says


async def hold_back(url: str, client: trio.SocketStream) -> None:
    """A proxy's connection that passes an answer on once it is whole."""
    server = await trio.open_tcp_stream("127.0.0.1", int(url.rpartition(":")[2]))
    async with server, client:
        await server.send_all(await client.receive_some())
        answer = b""
        while not answer.endswith(_LAST_CHUNK):
            answer += await server.receive_some()
        await client.send_all(answer)


async def test_a_proxy_that_holds_streams_back_is_found_out(redis_server: RedisServer) -> None:
    paced = DemoOptions(pace_ms=60, chunks=10)
    async with whole_system(Shape.SERVE, redis_server.url, demo=paced) as system:
        url = f"http://127.0.0.1:{system.client.port}"
        async with trio.open_nursery() as nursery:
            listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
            nursery.start_soon(trio.serve_listeners, partial(hold_back, url), listeners)
            proxy = f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}"
            held = await try_public_url(system.store, proxy, "key", _MODEL)
            nursery.cancel_scope.cancel()
        assert (held.grade, held.part) == (Grade.PROBLEM, Part.PUBLIC_URL)
        assert "a proxy holds streams back" in held.says
        options = StoreOptions(url=redis_server.url, secret=b"s" * 32, prefix="another", role="tests")
        async with open_store(options) as another:
            elsewhere = await try_public_url(another, url, "key", _MODEL)
        assert "this deployment's log does not know the request" in elsewhere.says
        refused = await try_public_url(system.store, url, "", _MODEL)
        assert refused.grade is Grade.PROBLEM
        assert "401" in refused.says


def seen(*pieces_ms: int) -> Seen:
    return Seen(ask=Ask(), ending=Ending.WHOLE, pieces_ms=pieces_ms)


@pytest.mark.parametrize(
    ("pieces_ms", "said_ms", "grade"),
    [
        ((50, 900), 850, Grade.OK),
        ((50, 500), 850, Grade.OK),
        ((900,), 850, Grade.PROBLEM),
        ((700, 900), 850, Grade.PROBLEM),
        ((900,), 299, Grade.WARNING),
    ],
)
def test_a_stream_was_held_back_if_it_came_much_faster_than_it_was_said(
    pieces_ms: tuple[int, ...], said_ms: int, grade: Grade
) -> None:
    found = judged(seen(*pieces_ms), said_ms)
    assert (found.grade, found.part) == (grade, Part.PUBLIC_URL)
