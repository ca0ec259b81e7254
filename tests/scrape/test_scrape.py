"""A real Prometheus with the configuration of `deploy/` scrapes a real `serve`: `make scrape`."""

import json
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import pytest
import trio
import yaml
from attrs import frozen
from real_process import real_process
from redis_server import RedisServer
from whole_system import defaults, until
from wire_client import WireClient

from mix2api.demo import Demo, DemoOptions, serve_demo

DEPLOY: Final = Path(__file__).parents[2] / "deploy"
CONFIGURATION: Final = DEPLOY / "compose" / "prometheus.yaml"
DASHBOARD: Final = DEPLOY / "grafana" / "mix2api.json"
_VARIABLES: Final = {"$channel": ".*", "$client": ".*", "$__rate_interval": "1m"}
_ANSWERED: Final = 3
_LIMIT_S: Final = 60


@frozen
class Prometheus:
    """A running server, asked by its HTTP API."""

    client: WireClient

    async def get(self, path: str) -> Any:
        """The data of an answer, which must be a success."""
        answer = await self.client.get(f"/api/v1/{path}")
        told = answer.json()
        assert (answer.status, told["status"]) == (200, "success"), told
        return told["data"]

    async def ask(self, expression: str) -> list[dict[str, Any]]:
        """The series that an expression gives now."""
        found: list[dict[str, Any]] = (await self.get(f"query?query={quote(expression)}"))["result"]
        return found

    async def is_up(self) -> bool:
        """Whether it has scraped its one target."""
        with trio.move_on_after(1):
            try:
                if (await self.client.get("/-/ready")).status != 200:
                    return False
            except OSError:  # it does not listen yet
                return False
            targets = (await self.get("targets"))["activeTargets"]
            return [target["health"] for target in targets] == ["up"]
        return False

    async def has_judged(self) -> bool:
        """Whether it has evaluated every alert without an error."""
        (group,) = (await self.get("rules"))["groups"]
        healths = {rule["health"] for rule in group["rules"]}
        assert "err" not in healths, group
        return healths == {"ok"}


@asynccontextmanager
async def prometheus(admin_port: int, folder: Path) -> AsyncIterator[Prometheus]:
    """Debian's server with our configuration: the target is this machine's, and it is scraped every second."""
    configuration = yaml.safe_load(CONFIGURATION.read_text(encoding="utf-8"))
    configuration["global"]["scrape_interval"] = configuration["global"]["evaluation_interval"] = "1s"
    configuration["rule_files"] = [
        str(DEPLOY / "prometheus" / Path(each).name) for each in configuration["rule_files"]
    ]
    (job,) = configuration["scrape_configs"]
    job["static_configs"] = [{"targets": [f"127.0.0.1:{admin_port}"]}]
    file = folder / "prometheus.yml"
    file.write_text(yaml.safe_dump(configuration), encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    process = await trio.lowlevel.open_process(
        [
            *("prometheus", f"--config.file={file}", f"--storage.tsdb.path={folder / 'data'}"),
            f"--web.listen-address=127.0.0.1:{port}",
        ],
        stderr=subprocess.DEVNULL,
    )
    try:
        yield Prometheus(WireClient(port))
    finally:
        process.kill()
        with trio.CancelScope(shield=True):
            await process.wait()


def dashboards_expressions() -> list[str]:
    """What the panels ask, with values in the places of Grafana's variables."""
    panels = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    asked = [target["expr"] for panel in panels for target in panel["targets"]]
    for variable, value in _VARIABLES.items():
        asked = [expression.replace(variable, value) for expression in asked]
    return asked


@pytest.mark.skipif(shutil.which("prometheus") is None, reason="this machine has no prometheus")
async def test_prometheus_has_what_was_answered_and_refused(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    async with trio.open_nursery() as nursery:
        with trio.fail_after(_LIMIT_S):
            demo: Demo = await nursery.start(serve_demo, DemoOptions())
            settings = {**defaults(demo.url, redis_server.url), "MIX2API_ADMIN_PORT": "0"}
            async with real_process("serve", settings) as process:
                client = WireClient(await process.wait_port())
                admin_port = (await process.wait_line("admin.listening"))["port"]
                for _ in range(_ANSWERED):
                    await client.ask("hello", stream=True)
                assert (await client.ask("hello", model="")).status == 400
                async with prometheus(admin_port, tmp_path) as server:
                    await until(server.is_up)

                    async def has_all() -> bool:
                        found = await server.ask("sum by (end_reason) (mix2api_requests_total)")
                        counts = {each["metric"]["end_reason"]: float(each["value"][1]) for each in found}
                        return counts == {"stop": _ANSWERED, "invalid_request": 1}

                    await until(has_all)
                    for expression in dashboards_expressions():
                        await server.ask(expression)
                    await until(server.has_judged)
        nursery.cancel_scope.cancel()
