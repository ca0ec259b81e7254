"""The files for deployments say what the code says: settings, ports, routes, headers."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from mix2api.edge.continuing import SESSION_HEADERS
from mix2api.openapi.operations import OPERATIONS
from mix2api.settings import load_settings
from mix2api.settings.loading import KNOWN

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
CHANNEL = json.loads((DEPLOY / "new-api" / "channel.json").read_text(encoding="utf-8"))["channel"]
PAGE = (ROOT / "docs" / "new-api.md").read_text(encoding="utf-8")


def _example_env() -> dict[str, str]:
    lines = (DEPLOY / "example.env").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def test_the_image_runs_without_root_and_tells_its_health_by_a_route_that_exists() -> None:
    last_stage = DOCKERFILE.rpartition("FROM ")[2]
    assert re.search(r"^USER [1-9][0-9]*$", last_stage, re.MULTILINE)
    (path,) = re.findall(r"\['PORT'\]\}(/[a-z/]+)", last_stage)
    assert path in {operation.path for operation in OPERATIONS}


def test_the_image_has_no_finding_of_the_linter() -> None:
    linter = Path(sys.executable).with_name("hadolint")
    if not linter.exists():
        pytest.skip("hadolint has no wheel for this machine")
    found = subprocess.run([linter, ROOT / "Dockerfile"], capture_output=True, text=True, check=False)
    assert (found.returncode, found.stdout) == (0, "")


def test_every_setting_of_the_image_and_the_compose_file_is_known() -> None:
    environment = re.findall(r"^\s+(?:ENV )?([A-Z0-9_]+)=", DOCKERFILE, re.MULTILINE)
    ours = {name for name in environment if name not in {"PATH", "PYTHONUNBUFFERED"}}
    assert ours
    assert ours <= KNOWN.keys()
    assert COMPOSE["services"]["mix2api"]["environment"].keys() <= KNOWN.keys()


def test_the_example_s_settings_start_the_adapter() -> None:
    given = {**_example_env(), **COMPOSE["services"]["mix2api"]["environment"]}
    settings = load_settings(given, None, required=("UPSTREAM_API_BASE",))
    assert settings.watching.admin_ports == range(9464, 9465)
    assert settings.storing.redis_url == "redis://redis:6379/0"


def test_the_container_s_port_is_the_one_that_is_published_and_scraped() -> None:
    service = COMPOSE["services"]["mix2api"]
    assert service["ports"] == [f"{service['environment']['PORT']}:{service['environment']['PORT']}"]
    assert f"EXPOSE {service['environment']['PORT']}" in DOCKERFILE
    scraped = yaml.safe_load((DEPLOY / "compose" / "prometheus.yaml").read_text(encoding="utf-8"))
    (job,) = scraped["scrape_configs"]
    assert job["static_configs"] == [{"targets": [f"mix2api:{service['environment']['MIX2API_ADMIN_PORT']}"]}]


def test_a_container_has_more_time_to_stop_than_it_takes_to_drain() -> None:
    defaults = load_settings({}, None)
    grace = int(COMPOSE["services"]["mix2api"]["stop_grace_period"].removesuffix("s"))
    assert grace > defaults.working.drain_ready_s + defaults.working.drain_timeout_s


def test_every_file_that_the_compose_file_mounts_is_there() -> None:
    mounts = [mount for each in COMPOSE["services"].values() for mount in each.get("volumes", ())]
    files = [mount.partition(":")[0] for mount in mounts if mount.startswith("./")]
    assert files
    assert all((DEPLOY / name).is_file() for name in files)
    named = {mount.partition(":")[0] for mount in mounts if not mount.startswith("./")}
    assert named == COMPOSE["volumes"].keys()


@pytest.mark.parametrize(
    "name", [*SESSION_HEADERS, b"x-session-key", b"x-request-id", b"x-client", b"x-persona-id"]
)
def test_the_channel_lets_every_header_through_that_a_session_hangs_on(name: bytes) -> None:
    rules = json.loads(CHANNEL["header_override"])
    patterns = [rule.removeprefix("re:") for rule in rules if rule.startswith("re:")]
    sent = "-".join(word.capitalize() for word in name.decode().split("-"))
    assert any(re.search(pattern, sent) for pattern in patterns), sent


def test_the_page_explains_every_rule_of_the_channel() -> None:
    for rule in json.loads(CHANNEL["header_override"]):
        assert f"`{rule}`".replace("|", "\\|") in PAGE


@pytest.mark.parametrize("name", ["new-api.md", "packs.md"])
def test_a_page_s_prose_wraps_at_100_and_names_known_settings(name: str) -> None:
    page = (ROOT / "docs" / name).read_text(encoding="utf-8")
    prose = re.sub(r"```.*?```", "", page, flags=re.DOTALL)
    assert [line for line in prose.splitlines() if len(line) > 100 and not line.startswith("|")] == []
    for setting in re.findall(r"`((?:MIX2API|UPSTREAM|INBOUND)_[A-Z_]+)", prose):
        assert setting in KNOWN, setting
