"""A real `opencode serve`, and what it says of itself."""

import os
import re
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import trio
from attrs import define

from mix2api.clock import SystemClock
from mix2api.upstreams.http.client import HttpClient, HttpOptions
from mix2api.upstreams.opencode.api import RuntimeApi
from mix2api.upstreams.opencode.options import OpenCodeOptions

PASSWORD = "a password of the bridge's trials"
_FOLDER = Path(os.environ.get("BRIDGE_RUNTIME", str(Path(__file__).parent / "node_modules")))
_LISTENING = re.compile(rb"listening on (http://[0-9.]+:[0-9]+)")


def binary() -> str:
    """The program, of whichever platform npm has installed."""
    found = sorted(_FOLDER.glob("opencode-*/bin/opencode"))
    assert found, f"no opencode below {_FOLDER}: `make bridge` installs it"
    return str(next((path for path in found if "baseline" not in str(path)), found[0]))


@define(eq=False)
class OpenCode:
    """A running server."""

    url: str
    home: Path
    process: trio.Process

    async def sessions(self) -> dict[str, str]:
        """The title of every session, by its id."""
        client = HttpClient(HttpOptions())
        try:
            options = OpenCodeOptions(url=self.url, password=PASSWORD)
            return await RuntimeApi(options, client, SystemClock()).titles()
        finally:
            client.close()

    def files(self) -> bytes:
        """All that it has written."""
        return b"".join(path.read_bytes() for path in self.home.rglob("*") if path.is_file())


def configuration(provider_url: str, key: str) -> dict[str, Any]:
    """A provider of our own, and nothing that needs the network."""
    options = {"baseURL": f"{provider_url}/v1", "apiKey": key}
    model = {"name": "trial", "tool_call": True, "limit": {"context": 120_000, "output": 8_000}}
    return {
        "model": "trial/mix",
        "small_model": "trial/mix",
        "autoupdate": False,
        "share": "disabled",
        "provider": {
            "trial": {"npm": "@ai-sdk/openai-compatible", "options": options, "models": {"mix": model}}
        },
    }


@asynccontextmanager
async def opencode(folder: Path, provider_url: str, key: str) -> AsyncIterator[OpenCode]:
    """Runs a server in a folder of its own, until the block is left."""
    home, project = folder / "home", folder / "project"
    project.mkdir()
    home.mkdir()
    (project / "opencode.json").write_bytes(msgspec.json.encode(configuration(provider_url, key)))
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "OPENCODE_SERVER_PASSWORD": PASSWORD,
        "OPENCODE_DISABLE_AUTOUPDATE": "1",
        "OPENCODE_DISABLE_MODELS_FETCH": "1",
        "OPENCODE_DISABLE_LSP_DOWNLOAD": "1",
    }
    process = await trio.lowlevel.open_process(
        [binary(), "serve", "--port", "0", "--hostname", "127.0.0.1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environ,
        cwd=project,
    )
    try:
        yield OpenCode(await _address(process), home, process)
    finally:
        with trio.CancelScope(shield=True):
            process.kill()
            await process.wait()


async def _address(process: trio.Process) -> str:
    assert process.stdout is not None
    said = b""
    while (found := _LISTENING.search(said)) is None:
        piece = await process.stdout.receive_some()
        assert piece, said
        said += piece
    return found[1].decode()
