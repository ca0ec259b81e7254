"""Secrets that callers send, with every debugging switch on: no line, key, file, label, span or trace has one.

The switches tell content on purpose. So what is planted looks like a credential, in every place where a request can hold one.
"""

from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, Final

import msgspec
import trio
from collector import Collector, collecting
from system.test_metrics import scraped_text
from system.test_planted_strings import (
    BODIES,
    CONTROL,
    HEADERS,
    PLANT,
    WRONG,
    found,
    haystacks,
    keeping_server,
    post,
)
from system.test_traces import told
from whole_system import Shape, WholeSystem, whole_system
from wire_client import ASK

_CORE: Final = "pl4ntedQx7ZwAbCdEf"
_FORMS: Final = (f"sk-{_CORE}", f"eyJhbGciOi{_CORE}.e30.{_CORE}")
_USER: Final = {"role": "user", "content": "hello"}
_SWITCHES: Final = {
    **dict.fromkeys(("LOG_HEADERS", "LOG_BODIES", "LOG_TOOL_PARSE", "LOG_TOOL_SELECTION"), "true"),
    "LOG_TOKEN_INFO": "true",
    "MIX2API_LOG_LEVEL": "debug",
    "TRACE_SAMPLING_ENABLED": "true",
    "TRACE_SAMPLING_RATE": "1",
    "MIX2API_TRACE_MODE": "content",
    "MIX2API_ADMIN_PORT": "0",
    "SEND_UPSTREAM_TOOLS": "false",
    "MIX2API_OTEL": "true",
}


async def put_all(system: WholeSystem) -> int:
    """Puts every form in every place, half of them streamed; gives the number of requests."""
    given = [
        *((body, {}) for body in (*BODIES.values(), *WRONG.values())),
        *(({}, h) for h in HEADERS.values()),
    ]
    requests = list(product(given, _FORMS))
    limit = trio.CapacityLimiter(20)

    async def put(body: dict[str, Any], headers: dict[str, str], form: str, *, stream: bool) -> None:
        content = msgspec.json.encode({**ASK, "messages": [_USER], "stream": stream, **body})
        planted = {name: value.replace(PLANT, form) for name, value in headers.items()}
        async with limit:
            await post(system, content.replace(PLANT.encode(), form.encode()), planted)

    async with trio.open_nursery() as nursery:
        for number, ((body, headers), form) in enumerate(requests):
            nursery.start_soon(partial(put, body, headers, form, stream=number % 4 < 2))
    return len(requests)


async def kept_anywhere(
    system: WholeSystem, collector: Collector, kept: dict[str, bytes]
) -> dict[str, bytes]:
    """All that is kept, and all that tools show."""
    (port,) = [line["port"] for line in system.log_lines("admin.listening")]
    _, listed = await told(system, limit=1000, as_json=True)
    shown = [
        line
        for each in map(msgspec.json.decode, listed)
        for line in (await told(system, word=each["run_id"], as_json=True))[1]
    ]
    return {
        **kept,
        "metrics": await scraped_text(port),
        "spans": b"".join(body for _, body in collector.bodies),
        "traces": "".join(shown).encode(),
    }


async def test_no_secret_is_kept_or_shown_with_every_switch_on(tmp_path: Path) -> None:
    server = keeping_server(tmp_path)
    try:
        async with collecting() as collector:
            settings = {**_SWITCHES, "OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint}
            async with whole_system(Shape.SERVE, server.url, **settings) as system:
                assert await put_all(system) >= 90
                report = await system.audit()
                assert report["ended"] > 50
                kept = await kept_anywhere(system, collector, haystacks(server, system, []))
                assert found(_CORE, kept) == []
                assert b"[redacted]" in kept["traces"]
                assert "debug.body" in system.logged.getvalue()
                await system.client.ask(f"say {CONTROL}")
                logged = system.logged.getvalue()
            assert CONTROL in logged
            assert found(_CORE, {"spans": b"".join(body for _, body in collector.bodies)}) == []
            assert collector.spans()
    finally:
        server.stop()
