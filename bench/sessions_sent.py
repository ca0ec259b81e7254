"""What a continued turn sends to the site beyond its new messages, read at the demo site, which keeps what it received.

The whole product is in it: HTTP in, HTTP out. Each case is a conversation of two requests; the second one counts.
"""

import http.client
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import trio
from sessions_history import MODEL, SYSTEM, agent, tools, words
from sessions_results import Sent

from mix2api.demo import Demo, DemoOptions, Received, serve_demo
from mix2api.process.parts import Role
from mix2api.process.running import run_process
from mix2api.settings import load_settings

Messages = list[dict[str, Any]]
_LIMIT_S = 30.0
_LINE_BYTES = len("POST /v2/chats HTTP/1.1\r\n\r\n")
_CALLS = "[[tools:tool_1{};tool_2{};tool_3{};tool_4{}]] Look at four files."
_OPENING: Messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": words(200)}]


class NotContinued(Exception):
    """The second request did not go on with the first one's session."""


def _says(text: str) -> Callable[[dict[str, Any]], Messages]:
    return lambda _: [{"role": "user", "content": text}]


def _shows(_: dict[str, Any]) -> Messages:
    url = "data:image/png;base64," + "iVBORw0KGgo" * 9_000
    return [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What is this?"},
                {"type": "image_url", "image_url": {"url": url}},
            ],
        }
    ]


def _results(answer: dict[str, Any]) -> Messages:
    return [
        {"role": "tool", "tool_call_id": call["id"], "content": words(3000, number)}
        for number, call in enumerate(answer["tool_calls"])
    ]


def _asked(before: Messages, new: Callable[[dict[str, Any]], Messages], offered: int = 0) -> Any:
    return before, new, offered


def _cases() -> dict[str, Any]:
    """By what it is: the first request's messages, the new ones by its answer, and the number of tools."""
    long: Messages = json.loads(msgspec.json.encode(agent(400_000)))
    calling: Messages = [_OPENING[0], {"role": "user", "content": _CALLS}]
    return {
        "a question of 200 characters": _asked(_OPENING, _says(words(200, 2))),
        "the same behind a history of 400 kB": _asked(
            [*long, {"role": "user", "content": "And?"}], _says(words(200, 2))
        ),
        "a question of 7,000 characters": _asked(_OPENING, _says(words(7000, 2))),
        "an image of 99 kB": _asked(_OPENING, _shows),
        "a question of 200 characters, 30 tools": _asked(_OPENING, _says(words(200, 2)), 30),
        "four results of 3,000 characters, 30 tools": _asked(calling, _results, 30),
    }


async def measure_sent(work: Path) -> list[Sent]:
    """All cases: tools told in text (the default), and those with tools once more as the site's own."""
    found: list[Sent] = []
    for native in (False, True):
        async with trio.open_nursery() as nursery:
            demo = await nursery.start(serve_demo, DemoOptions(chunks=4))
            stop = trio.Event()
            start = partial(_start, demo.url, work / f"sent-{native}", stop, native=native)
            url = await nursery.start(start)
            for says, case in _cases().items():
                if native and not case[2]:
                    continue
                with trio.fail_after(_LIMIT_S):
                    label = f"{says} ({'native' if native else 'in text'})" if case[2] else says
                    found.append(await _measured(label, case, demo, url))
            stop.set()
            nursery.cancel_scope.cancel()
    return found


async def _start(
    site: str, data: Path, stop: trio.Event, *, native: bool, task_status: trio.TaskStatus[str]
) -> None:
    environment = {
        "UPSTREAM_API_BASE": site,
        "UPSTREAM_AUTH_MODE": "none",
        "INBOUND_AUTH_MODE": "none",
        "PORT": "0",
        "MIX2API_DATA_DIR": str(data),
        "MIX2API_LOG_LEVEL": "error",
        "MODEL_LIST": MODEL,
        "SEND_UPSTREAM_TOOLS": "true" if native else "false",
    }
    settings = load_settings(environment, None)
    async with trio.open_nursery() as nursery:
        started = await nursery.start(_process, settings, stop)
        task_status.started(started.url)


async def _process(settings: Any, stop: trio.Event, *, task_status: trio.TaskStatus[Any]) -> None:
    await run_process(settings, Role.SERVE, stop=stop, task_status=task_status)


async def _measured(says: str, case: Any, demo: Demo, url: str) -> Sent:
    before, new_of, offered = case
    extra = {"tools": tools(offered)} if offered else {}
    answer, _ = await trio.to_thread.run_sync(_post, url, before, extra)
    new = new_of(answer)
    _, how = await trio.to_thread.run_sync(_post, url, [*before, answer, *new], extra)
    if not how.startswith("continued"):
        raise NotContinued(f"{says}: {how}")
    return _sent(says, len(msgspec.json.encode(new)), demo.received[-1])


def _post(url: str, messages: Messages, extra: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """The answer's message, and what became of the session."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=_LIMIT_S)
    try:
        body = json.dumps({"model": MODEL, "messages": messages, **extra})
        connection.request("POST", "/v1/chat/completions", body, {"content-type": "application/json"})
        response = connection.getresponse()
        given = json.loads(response.read())
        if response.status != http.client.OK:
            raise NotContinued(f"status {response.status}: {given}")
        return given["choices"][0]["message"], response.headers.get("x-mix2api-session", "")
    finally:
        connection.close()


def _sent(says: str, new_bytes: int, received: Received) -> Sent:
    body = received.json
    head = sum(len(name) + len(value) + len(": \r\n") for name, value in received.headers.items())
    return Sent(
        says=says,
        new_bytes=new_bytes,
        body_bytes=len(received.body),
        head_bytes=head + _LINE_BYTES,
        query_bytes=len(msgspec.json.encode(body["request"]["query"])),
        tools_bytes=len(msgspec.json.encode(body["tools"])) if "tools" in body else 0,
    )
