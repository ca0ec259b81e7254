"""Nothing that a caller or the site says rests anywhere: planted strings are looked for wherever bytes are kept.

More than fifty requests bring a planted string in every place where one can stand. While some are still in flight, and again
when all are over, the string is looked for in Redis (keys, streams, dumps, slow log, files), in the log at its most
talkative, and in error bodies. The same search must find what the test itself put into each of those places.
"""

import base64
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio
from redis_server import RedisServer
from whole_system import Shape, WholeSystem, whole_system
from wire_client import ASK, Answer

PLANT = "pl4ntedQx7Zw"
CONTROL = "c0ntr0lVb3Kj"
_USER = {"role": "user", "content": "hello"}


def tool(name: str = "weather", description: str = "") -> dict[str, Any]:
    parameters = {"type": "object", "properties": {"city": {"type": "string"}}}
    return {
        "type": "function",
        "function": {"name": name, "description": description, "parameters": parameters},
    }


def loop(
    call_id: str = "call_1", name: str = "weather", arguments: str = "{}", result: str = ""
) -> list[Any]:
    """A conversation with a tool call and its result."""
    call = {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}
    return [
        _USER,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": call_id, "content": result},
    ]


def said(text: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}]}


BODIES: dict[str, dict[str, Any]] = {
    "prompt": said(PLANT),
    "system": {"messages": [{"role": "system", "content": PLANT}, _USER]},
    "developer": {"messages": [{"role": "developer", "content": PLANT}, _USER]},
    "assistant": {"messages": [_USER, {"role": "assistant", "content": PLANT}, _USER]},
    "part": {"messages": [{"role": "user", "content": [{"type": "text", "text": PLANT}]}]},
    "name": {"messages": [{**_USER, "name": PLANT}]},
    "model": {"model": f"mix/{PLANT}"},
    "user": {"user": PLANT},
    "metadata value": {"metadata": {"trace": PLANT}},
    "metadata name": {"metadata": {PLANT: "x"}},
    "metadata session": {"metadata": {"session_id": PLANT}},
    "session": {"session_id": PLANT},
    "unknown field": {"extra": {"deep": [PLANT]}},
    "unknown field's name": {PLANT: 1},
    "stop": {"stop": [PLANT]},
    "persona": {"persona_id": PLANT},
    "tool name": {"tools": [tool(name=PLANT)]},
    "tool description": {"tools": [tool(description=PLANT)]},
    "call id": {"messages": loop(call_id=f"call_{PLANT}"), "tools": [tool()]},
    "call name": {"messages": loop(name=PLANT), "tools": [tool()]},
    "call arguments": {"messages": loop(arguments=f'{{"city":"{PLANT}"}}'), "tools": [tool()]},
    "tool result": {"messages": loop(result=PLANT), "tools": [tool()]},
    "part type": {"messages": [{"role": "user", "content": [{"type": PLANT}]}]},
    "answer": said(f"[[say:{PLANT}]]"),
    "reasoning": said(f"[[reasoning:{PLANT}]]"),
    "called arguments": {**said(f'[[tools:weather{{"city":"{PLANT}"}}]]'), "tools": [tool()]},
    "called name": said(f"[[tools:{PLANT}]]"),
    "broken call": said(f"[[bad_tool:{PLANT}]]"),
    "finish reason": said(f"[[finish:{PLANT}]]"),
    "cut answer": said(f"{PLANT} [[cut]]"),
    "broken frame": said(f"{PLANT} [[bad_json]]"),
    "refused prompt": said(f"{PLANT} [[status:500]]"),
}
HEADERS: dict[str, dict[str, str]] = {
    "authorization": {"authorization": f"Bearer {PLANT}"},
    "session header": {"x-session-id": PLANT},
    "session key": {"x-session-key": PLANT},
    "affinity": {"x-session-affinity": PLANT},
    "client": {"x-client": PLANT},
    "user agent": {"user-agent": f"{PLANT}/1.0"},
    "persona header": {"x-persona-id": PLANT},
    "unacceptable request id": {"x-request-id": f"{PLANT} with spaces"},
    "cookie": {"cookie": f"sid={PLANT}"},
    "unknown header": {"x-anything": PLANT},
}
WRONG: dict[str, dict[str, Any]] = {
    "role": {"messages": [{"role": PLANT, "content": "x"}]},
    "stream": {"stream": PLANT},
    "temperature": {"temperature": PLANT},
    "messages": {"messages": PLANT},
    "tool choice": {"tools": [tool()], "tool_choice": PLANT},
    "many": {"n": 2, "user": PLANT},
}
MISMATCHED = {"messages": [_USER, {"role": "tool", "tool_call_id": PLANT, "content": f"{PLANT} result"}]}
"""The one refusal that quotes: it names the caller's own call id to him (FR17), and nowhere else, and nothing but that."""
IN_FLIGHT = ("[[hang]]", "[[silent]]", "[[chunks:1000]] [[pace:2000]]")
"""Asked for as streams: the demo paces no whole answer."""


@pytest.mark.parametrize("shape", Shape)
async def test_planted_strings_rest_nowhere(shape: Shape, tmp_path: Path) -> None:
    server = keeping_server(tmp_path)
    try:
        async with whole_system(shape, server.url, MIX2API_LOG_LEVEL="debug") as system:
            bodies = await put_all(system)
            async with trio.open_nursery() as nursery:
                for prompt in IN_FLIGHT:
                    nursery.start_soon(partial(system.client.ask, f"{PLANT} {prompt}", stream=True))
                await system.demo.stats.wait_until(lambda stats: stats.open_streams == len(IN_FLIGHT))
                assert found(PLANT, haystacks(server, system, bodies)) == []
                nursery.cancel_scope.cancel()
            await system.check_log(runs=len(BODIES) + len(HEADERS) + len(IN_FLIGHT))
            assert found(PLANT, haystacks(server, system, bodies)) == []
            bodies += await plant_controls(server, system)
            kept = haystacks(server, system, bodies)
            assert found(CONTROL, kept) == sorted(kept)
    finally:
        server.stop()


async def put_all(system: WholeSystem) -> list[bytes]:
    """Puts everything at once, half of it streaming, and gives the bodies of the errors."""
    failed: list[bytes] = []

    async def put(given: Mapping[str, Any], headers: Mapping[str, str], *, stream: bool) -> None:
        content = {**ASK, "messages": [_USER], "stream": stream, **given}
        answer = await post(system, msgspec.json.encode(content), headers)
        if answer.status != 200:
            failed.append(answer.body)

    async with trio.open_nursery() as nursery:
        for number, given in enumerate(BODIES.values()):
            nursery.start_soon(lambda given=given, odd=number % 2 > 0: put(given, {}, stream=odd))
        for number, headers in enumerate(HEADERS.values()):
            nursery.start_soon(lambda headers=headers, odd=number % 2 > 0: put({}, headers, stream=odd))
        for given in WRONG.values():
            nursery.start_soon(lambda given=given: put(given, {}, stream=True))
    mismatch = await post(system, msgspec.json.encode({**ASK, **MISMATCHED}), {})
    assert mismatch.error()["code"] == "tool_call_id_mismatch"
    assert mismatch.body.count(PLANT.encode()) == 1
    broken = (f'{{"model": "{PLANT}", "messages"', f'"{PLANT}"', f"{PLANT}", f'{{"{PLANT}": ')
    failed += [(await post(system, text.encode(), {})).body for text in broken]
    assert len(failed) > len(WRONG)
    return failed


async def post(system: WholeSystem, content: bytes, headers: Mapping[str, str]) -> Answer:
    async with system.client.request("POST", "/v1/chat/completions", content, headers) as asked:
        return await asked.answer()


def keeping_server(directory: Path) -> RedisServer:
    """A server that keeps all it can, uncompressed: both kinds of files, and every command in its slow log."""
    keeps = ("--appendonly", "yes", "--rdbcompression", "no")
    slow = ("--slowlog-log-slower-than", "0", "--slowlog-max-len", "100000")
    server = RedisServer(directory, arguments=(*keeps, *slow))
    server.start()
    return server


def haystacks(server: RedisServer, system: WholeSystem, bodies: list[bytes]) -> dict[str, bytes]:
    """All bytes that are kept anywhere, by place."""
    server.command("SAVE")
    keys: list[bytes] = server.command("KEYS", "*")  # type: ignore[assignment]
    streams = [key for key in keys if server.command("TYPE", key) == b"stream"]
    files = [path for path in server.directory.rglob("*") if path.is_file()]
    return {
        "key names": b"\n".join(keys),
        "streams": flat([server.command("XRANGE", key, "-", "+") for key in streams]),
        "dumps": flat([server.command("DUMP", key) for key in keys]),
        "slow log": flat(server.command("SLOWLOG", "GET", -1)),
        "append-only files": b"".join(path.read_bytes() for path in files if ".aof" in path.name),
        "snapshot files": b"".join(path.read_bytes() for path in files if path.suffix == ".rdb"),
        "logs": system.logged.getvalue().encode(),
        "error bodies": b"\n".join(bodies),
    }


def flat(reply: Any) -> bytes:
    """Every string of a reply, however deep."""

    def leaves(part: Any) -> Iterator[bytes]:
        if isinstance(part, list):
            for inner in part:
                yield from leaves(inner)
        else:
            yield part if isinstance(part, bytes) else str(part).encode()

    return b"\n".join(leaves(reply))


def found(word: str, kept: Mapping[str, bytes]) -> list[str]:
    """The places where the word stands: as it is, in hex, or in base64 at any offset."""
    plain = word.encode()
    encoded = [base64.b64encode(bytes(shift) + plain)[4:-4] for shift in range(3)]
    forms = [plain, plain.hex().encode(), *encoded]
    return sorted(place for place, held in kept.items() if any(form in held for form in forms))


async def plant_controls(server: RedisServer, system: WholeSystem) -> list[bytes]:
    """Puts the control word into every place, the error bodies by a text of the site's that is meant for the client."""
    server.command("XADD", f"{CONTROL}:stream", "*", "content", CONTROL)
    server.command("SET", f"{CONTROL}:string", CONTROL)
    system.logged.write(msgspec.json.encode({"event": CONTROL}).decode() + "\n")
    answer = await system.client.ask(f"[[error_before:{CONTROL}]]", stream=True)
    return [answer.body]
