"""Several upstreams behind one system: each request reaches the upstream of its model's prefix."""

from pathlib import Path
from typing import Any

import pytest
import trio
from redis_server import RedisServer
from whole_system import Shape, until, whole_system

from mix2api.demo import DemoKind, DemoOptions, serve_demo

FILE = """
[[upstreams]]
name = "site"
prefix = "mix/"
kind = "mix"
base_url = "{site}"
models = ["mix/site"]

[[upstreams]]
name = "api"
prefix = "api/"
strip_prefix = true
kind = "openai"
base_url = "{api}/v1"
credential = "env:SIDE_KEY"
models = ["api/gpt-5"]
max_concurrency = 1
"""


@pytest.mark.parametrize("shape", Shape)
async def test_a_site_and_an_api_are_served_side_by_side(
    shape: Shape, redis_server: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIDE_KEY", "sk-side")
    async with trio.open_nursery() as nursery:
        site = await nursery.start(serve_demo, DemoOptions())
        api = await nursery.start(serve_demo, DemoOptions(kind=DemoKind.OPENAI))
        file = tmp_path / "upstreams.toml"
        file.write_text(FILE.format(site=site.url, api=api.url))
        settings = {
            "MIX2API_UPSTREAMS_FILE": str(file),
            "UPSTREAM_API_BASE": "",
            "OPENCODE_URL": "",
            "UPSTREAM_AUTH_MODE": "",
            "MODEL_LIST": "mix/site",
        }
        async with whole_system(shape, redis_server.url, **settings) as system:
            history: list[dict[str, Any]] = [{"role": "user", "content": "[[say:one]]"}]
            for model, ways in (("mix/site", ["fresh", "continued"]), ("api/gpt-5", ["stateless"] * 2)):
                asked = list(history)
                for way in ways:
                    answer = await system.client.ask("", messages=asked, model=model, stream=True, top_k=5)
                    assert answer.text() == "one"
                    assert answer.chunks()[0]["model"] == model
                    assert answer.headers["x-mix2api-session"].startswith(way)
                    asked += [
                        {"role": "assistant", "content": "one"},
                        {"role": "user", "content": "[[say:one]]"},
                    ]
            assert len(site.received) == len(api.received) == 2
            assert {(one.json["model"], one.json["top_k"]) for one in api.received} == {("gpt-5", 5)}
            assert {one.headers["authorization"] for one in api.received} == {"Bearer sk-side"}
            assert all("authorization" not in one.headers for one in site.received)
            unknown = await system.client.ask("hello", model="other/x")
            assert unknown.status == 404
            assert unknown.json()["error"]["code"] == "model_not_found"
            shown = await system.client.get("/v1/models")
            assert [one["id"] for one in shown.json()["data"]] == ["mix/site", "api/gpt-5"]
            report = await system.check_log(runs=4)
            assert report["coverage"] == 1.0
        nursery.cancel_scope.cancel()


BESIDE = """
[[upstreams]]
name = "site"
prefix = ""
kind = "mix"
base_url = "{site}"

[[upstreams]]
name = "coder"
prefix = "coder/"
strip_prefix = true
kind = "opencode"
base_url = "{runtime}"
credential = "env:SIDE_KEY"
models = ["coder/build"]
"""


async def test_a_runtime_stands_beside_a_site(
    redis_server: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIDE_KEY", "the runtime's password")
    async with trio.open_nursery() as nursery:
        site = await nursery.start(serve_demo, DemoOptions())
        runtime = await nursery.start(serve_demo, DemoOptions(kind=DemoKind.OPENCODE))
        file = tmp_path / "upstreams.toml"
        file.write_text(BESIDE.format(site=site.url, runtime=runtime.url))
        unset = dict.fromkeys(("UPSTREAM_API_BASE", "UPSTREAM_AUTH_MODE", "OPENCODE_URL"), "")
        async with whole_system(
            Shape.SERVE, redis_server.url, MIX2API_UPSTREAMS_FILE=str(file), **unset
        ) as system:
            named = {"x-session-id": "tab"}
            bridged = await system.client.ask("[[say:one]]", model="coder/build", headers=named)
            assert bridged.text() == "one"
            assert bridged.headers["x-mix2api-session"] == "runtime; reason=new_name"
            assert bridged.headers["x-session-id"] == "tab"
            other = await system.client.ask("[[say:two]]", model="mix/site")
            assert other.text() == "two"
            assert other.headers["x-mix2api-session"].startswith("fresh")
            assert (runtime.runtime.made, len(site.received)) == (1, 1)

            async def none_left() -> bool:
                return not runtime.runtime.sessions

            await until(none_left)
            await system.check_log(runs=2)
        nursery.cancel_scope.cancel()
