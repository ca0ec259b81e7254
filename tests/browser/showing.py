"""Everything that the console shows, in one process: the demo site, the adapter, load with faults, and the console.

`python -m browser.showing` is `make console-demo`. With `--quick` the load pauses less, for the tests in a browser. The first line
on stdout is the console's address, the token of an admin with the role `operate`, and the API key of a user with conversations.
"""

import argparse
import hashlib
import secrets
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Final

import trio
from attrs import evolve
from wire_client import WireClient

from mix2api.demo import Demo, DemoOptions, serve_demo
from mix2api.process.console import run_console
from mix2api.process.parts import Role
from mix2api.process.running import Started, run_process
from mix2api.settings import Settings, load_settings

PROMPTS: Final = (
    *("Tell me about yourself.", "[[say:hello]]", "[[pace:30]] Tell me more.", "[[say:done]]"),
    *("[[status:500]]", "[[error_mid]]", "[[cut]]", "[[429]]", "[[abort]]"),
)
"""What the load asks for, one after another."""
AGENTS: Final = (
    "opencode/1.0",
    "claude-cli/2.0 (external)",
    "codex_cli_rs/0.50",
    "OpenAI/Python 2.1",
    "curl/8.5",
)
MODELS: Final = ("mix/qwen-3-235b-instruct", "mix/claude-sonnet-4-5")
FAILING: Final = "complaint-4711"
"""The request id of one run that always fails: the site sends nothing after its first frame."""


async def show(folder: Path, port: int, pause_s: float) -> None:
    """Runs all of it until it is interrupted."""
    token, key = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
    tokens = folder / "tokens.toml"
    tokens.write_text(_entry("demo", "operate", token) + _entry("shop", "user", key), encoding="utf-8")
    async with trio.open_nursery() as nursery:
        demo: Demo = await nursery.start(serve_demo, DemoOptions(pace_ms=5))
        environ = {
            "MIX2API_DATA_DIR": str(folder / "data"),
            "MIX2API_CONSOLE_TOKENS_FILE": str(tokens),
            "MIX2API_CONSOLE_PORT": str(port),
            "MIX2API_CONVERSATIONS": "true",
            "MIX2API_LOG_LEVEL": "error",
            "MIX2API_SHARDS": "16",
            "PORT": "0",
            "UPSTREAM_API_BASE": demo.url,
            "MIX2API_UPSTREAM_FIRST_BYTE_TIMEOUT_MS": "1500",
        }
        settings = evolve(load_settings(environ, None), warnings=())
        started: Started = await nursery.start(partial(run_process, settings, Role.SERVE))
        url = await nursery.start(partial(_console, settings, nursery.cancel_scope))
        print(f"{url} {token} {key}", flush=True)
        said = (
            f"adapter: {started.url}; the console's token: {token}, and a user's API key: {key}; ^C ends it"
        )
        print(said, file=sys.stderr)
        client = WireClient(int((started.url or "").rpartition(":")[2]))
        await nursery.start(partial(_load, client, pause_s))


def _entry(name: str, role: str, token: str) -> str:
    """Of the file of tokens."""
    digest = hashlib.sha256(token.encode()).hexdigest()
    return f'[[tokens]]\nid = "{name}"\nrole = "{role}"\nsha256 = "{digest}"\n'


async def _console(
    settings: Settings, everything: trio.CancelScope, *, task_status: trio.TaskStatus[str]
) -> None:
    """The console; a signal ends it, and with it all the rest."""
    await run_console(settings, task_status=task_status)
    everything.cancel()


async def _load(client: WireClient, pause_s: float, *, task_status: trio.TaskStatus[None]) -> None:
    """Asks for ever, several at a time."""
    async with trio.open_nursery() as nursery:
        await client.ask("[[hang]]", headers={"x-request-id": FAILING, "user-agent": AGENTS[0]}, stream=True)
        task_status.started()
        number = 0
        while True:
            nursery.start_soon(_ask, client, number)
            number += 1
            await trio.sleep(pause_s)


async def _ask(client: WireClient, number: int) -> None:
    """One request; every eleventh is not even well-formed."""
    wrong = {} if number % 11 else {"messages": "not a list"}
    await client.ask(
        PROMPTS[number % len(PROMPTS)],
        headers={"user-agent": AGENTS[number % len(AGENTS)]},
        model=MODELS[number % len(MODELS)],
        stream=number % 3 != 0,
        **wrong,
    )


def main() -> None:
    """Reads the words of the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--port", type=int, default=3002)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        try:
            trio.run(show, Path(folder), chosen.port, 0.05 if chosen.quick else 0.4)
        except* KeyboardInterrupt:
            pass


if __name__ == "__main__":
    main()
