"""`mix2api demo`: everything at once. Starts the demo site and `serve`, sends a request, shows stream and log."""

import argparse
import socket
import sys
from functools import partial
from typing import Any, Final

import msgspec
import trio
from attrs import evolve

from mix2api.cli.replay import ReplayQuery, replay
from mix2api.clock import SystemClock
from mix2api.demo import Demo, DemoOptions, serve_demo
from mix2api.process.parts import Role
from mix2api.process.running import Started, run_process
from mix2api.process.storing import store_options
from mix2api.settings import LogLevel, Settings
from mix2api.store.opening import open_store
from mix2api.upstreams.http.client import HttpClient, HttpOptions
from mix2api.upstreams.http.head import HttpRequest
from mix2api.upstreams.http.origin import split_url

_PACE_MS: Final = 40
_PROMPT: Final = "What can you tell me about yourself?"
_MODEL: Final = "mix/qwen-3-235b-instruct"
_KEY: Final = "demo-key"


def add_parser(commands: "argparse._SubParsersAction[Any]") -> None:
    """Adds the command's arguments."""
    parser = commands.add_parser(
        "demo",
        help="start everything, send a request, show the stream and the log that it left",
        description="Starts a demo site and `serve` with the embedded store, sends one real request over HTTP, "
        "shows its stream as it comes and the event log that it left, then stays up.",
    )
    parser.add_argument("--once", action="store_true", help="end after the request instead of staying up")


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Runs the demo. 1 if the request did not end well."""
    return trio.run(partial(_demo, settings, once=arguments.once))


async def _demo(settings: Settings, *, once: bool) -> int:
    async with trio.open_nursery() as site:
        demo: Demo = await site.start(serve_demo, DemoOptions(pace_ms=_PACE_MS))
        _say(f"demo upstream   {demo.url}")
        went_well = await _serve_and_try(_settings(settings, demo), once=once)
        site.cancel_scope.cancel()
    return 0 if went_well else 1


async def _serve_and_try(settings: Settings, *, once: bool) -> bool:
    """Whether the request went well. Stays up until a signal stops `serve`, unless it is to be once."""
    stop = trio.Event()
    async with trio.open_nursery() as nursery:
        started: Started = await nursery.start(partial(run_process, settings, Role.SERVE, stop=stop))
        url = started.url or ""
        _say(f"mix2api serve   {url}   (event log in {settings.storing.data_dir})")
        session, went_well = await _request(url)
        await _show_log(settings, session)
        if once:
            stop.set()
        else:
            _say(f"\nStill running; ^C ends it. Try:\n\n{_curl(url)}\n")
            _say(f"Agents and SDKs: base URL {url}/v1, key {_KEY}, model {_MODEL}.")
            _say("Offered tools are called when the words ask for one, for example: Read README.md")
    return went_well


def _settings(settings: Settings, demo: Demo) -> Settings:
    """The operator's settings over the demo site; quiet, and on a free port unless one was chosen."""
    listening, logging = settings.listening, settings.logging
    if "PORT" not in settings.given and not _is_free(listening.host, listening.port):
        listening = evolve(listening, port=0)
    if "MIX2API_LOG_LEVEL" not in settings.given:
        logging = evolve(logging, level=LogLevel.WARNING)
    return evolve(
        settings,
        listening=listening,
        logging=logging,
        site=evolve(settings.site, api_base=demo.url, upstreams_file=None),
        warnings=(),
    )


def _is_free(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


async def _request(url: str) -> tuple[str, bool]:
    """Sends the request and prints what comes, as it comes.

    Returns:
        The session's id, and whether the stream ended well.
    """
    origin, _ = split_url(url)
    body = {
        "model": _MODEL,
        "stream": True,
        "stream_options": {"include_usage": True},
        "messages": [{"role": "user", "content": _PROMPT}],
    }
    request = HttpRequest(
        origin=origin,
        path="/v1/chat/completions",
        headers=(("content-type", "application/json"), ("authorization", f"Bearer {_KEY}")),
        body=msgspec.json.encode(body),
    )
    _say(f"\nPOST {url}/v1/chat/completions  {_PROMPT!r}\n")
    client = HttpClient(HttpOptions())
    received = bytearray()
    try:
        async with client.send(request) as exchange:
            head = await exchange.head()
            while piece := await exchange.receive():
                received += piece
                sys.stdout.write(piece.decode("utf-8", "replace"))
                sys.stdout.flush()
    finally:
        client.close()
    went_well = b'"finish_reason":"stop"' in received and received.endswith(b"data: [DONE]\n\n")
    return head.headers.get("x-session-id", ""), went_well


async def _show_log(settings: Settings, session: str) -> None:
    """Prints the time line that the request left."""
    _say("The event log that it left (`mix2api replay <session>`):\n")
    async with open_store(store_options(settings, "demo")) as store:
        await replay(store, ReplayQuery(word=session), sys.stdout, SystemClock())


def _curl(url: str) -> str:
    return (
        f"curl -N {url}/v1/chat/completions -H 'authorization: Bearer {_KEY}' -H 'content-type: application/json' \\\n"
        f"""  -d '{{"model": "{_MODEL}", "stream": true, "messages": [{{"role": "user", "content": "Hello, who are you?"}}]}}'"""
    )


def _say(line: str) -> None:
    print(line, flush=True)
