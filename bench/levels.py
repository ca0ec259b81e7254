"""How long `mix2api slo` takes over a day of many runs: cold, when it reads the day, and warm, when little is new.

    .venv/bin/python bench/levels.py [--runs 1000000]

The day is made up: a server of its own gets the audit entries of so many runs and their receipts, spread over the shards and the
day. Half of the runs are tool loops, two calls deep. Every look is a process of its own, as an operator starts it.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import redis

from mix2api.events.audit_entry import end_summary, request_summary
from mix2api.events.edge_times import EdgeTimes, times_bytes
from mix2api.events.kinds import End, Request, ToolResult, Usage
from mix2api.store.keys import Keys
from mix2api.store.redis.server_binary import find_binary
from mix2api.vocabulary import (
    Channel,
    Digest,
    EndReason,
    FinishReason,
    ProcessId,
    RequestId,
    RunId,
    Shard,
)

SHARDS: Final = 256
_DAY_MS: Final = 86_000_000
_BATCH: Final = 5_000
_CLIENTS: Final = ("opencode", "claude_code", "codex", "other")
_ENDINGS: Final = {99: EndReason.TIMEOUT, 98: EndReason.UPSTREAM_ERROR, 97: EndReason.CLIENT_ABORT}
"""Of each hundred runs; all others succeed."""


def _digest(number: int) -> Digest:
    return Digest(f"{number * 0x9E3779B97F4A7C15 & (1 << 128) - 1:032x}")


def _halves(number: int, at_ms: int) -> tuple[bytes, bytes, EndReason]:
    """What was asked and how it ended. Of each pair of runs the first asks for a tool, and the second brings the result."""
    run_id, end_reason = RunId(f"run_{number:028x}"), _ENDINGS.get(number % 100, EndReason.STOP)
    asks, brings = number % 4 == 0, number % 4 == 1
    if asks and end_reason is EndReason.STOP:
        end_reason = EndReason.TOOL_CALLS
    channel = Channel.CANARY if number % 10 == 0 else Channel.STABLE
    call = str(_digest(number - brings))
    request = Request(
        run_id=run_id,
        seq=1,
        request_id=RequestId(f"req-{number:032x}"),
        at_ms=at_ms,
        model="mix/qwen-3-235b-instruct",
        stream=number % 5 > 0,
        messages_all=9,
        messages_new=1,
        body_bytes=20_000,
        edge=ProcessId("p_0"),
        worker=ProcessId("p_0"),
        client=_CLIENTS[number % len(_CLIENTS)],
        tools_present=asks or brings,
        input_tokens=9_000,
        input_budget=120_000,
        output_budget=1024,
        counted_tokens=8_900,
        channel=channel,
    )
    results = [ToolResult(run_id=run_id, seq=2, tool_call_id=call, size_bytes=99, digest=_digest(number))]
    end = End(
        run_id=run_id,
        seq=9,
        end_reason=end_reason,
        http_status=200,
        total_ms=4_000,
        upstream_status=200,
        finish_reason=FinishReason.STOP,
        usage=Usage(prompt_tokens=9_000, completion_tokens=300, total_tokens=9_300),
        first_token_ms=800,
        frames=120,
        usage_source="site",
    )
    asked = request_summary(request, results if brings else ())
    return asked, end_summary(end, [call] if asks else (), 400), end_reason


def _entries(number: int, at_ms: int) -> Iterator[tuple[str | bytes, ...]]:
    run, session = f"run_{number:028x}", f"ses_{number:039x}"
    asked, ended, end_reason = _halves(number, at_ms)
    yield "k", "run", "r", run, "s", session, "a", asked, "e", ended
    times = EdgeTimes(body=1, understood=2, found=3, submitted=4, accepted=6, ended=4_005, over=4_006)
    receipt = "client_left" if end_reason is EndReason.CLIENT_ABORT else "written"
    given = ("t", end_reason.value, "m", times_bytes(times))
    yield "k", "receipt", "r", run, "s", session, "i", f"req-{number:032x}", "w", receipt, *given


def fill(client: redis.Redis, first: int, runs: int, begins_ms: int, span_ms: int) -> None:
    """Puts so many runs into the audit streams, evenly over a span of time."""
    keys = Keys("mix2api")
    names = [keys.audit(Shard(number)) for number in range(SHARDS)]
    pipeline = client.pipeline(transaction=False)
    for place in range(runs):
        number, at_ms = first + place, begins_ms + place * span_ms // runs
        for step, fields in enumerate(_entries(number, at_ms)):
            # Runs of one conversation share a shard.
            name = names[number // 4 % SHARDS]
            pipeline.execute_command("XADD", name, f"{at_ms}-{2 * place + step}", *fields)  # type: ignore[no-untyped-call]
        if len(pipeline) >= _BATCH:
            pipeline.execute()
    pipeline.execute()


def look(environment: dict[str, str]) -> tuple[float, float, int]:
    """One look: seconds of wall time, seconds of CPU of its processes, and the runs that it counted."""
    before, begun = os.times(), time.monotonic()
    done = subprocess.run(
        [Path(sys.executable).with_name("mix2api"), "slo", "--json"],
        env=environment,
        capture_output=True,
        check=False,
    )
    took, after = time.monotonic() - begun, os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    told = json.loads(done.stdout)
    levels = {level["name"]: level["total"] for level in told["levels"] if level["client"] == "all"}
    return took, cpu, levels["attribution"]


def main() -> None:
    """Fills a server and looks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1_000_000)
    parser.add_argument("--new", type=int, default=700, help="runs between two looks: a minute's")
    parser.add_argument("--looks", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/store.sock"
        command = [find_binary().path, "--port", "0", "--unixsocket", path, "--save", "", "--dir", folder]
        with subprocess.Popen(
            [*command, "--maxmemory-policy", "noeviction"], stdout=subprocess.DEVNULL
        ) as server:
            try:
                _measure(path, folder, given)
            finally:
                server.terminate()


def _measure(path: str, folder: str, given: argparse.Namespace) -> None:
    client = redis.Redis(unix_socket_path=path, socket_timeout=60)
    while not Path(path).exists():
        time.sleep(0.05)
    environment = {
        "PATH": os.environ["PATH"],
        "REDIS_URL": f"unix://{path}",
        "MIX2API_SECRET": "a secret of the bench, 32 bytes!",
        "MIX2API_DATA_DIR": folder,
    }
    now_ms = int(time.time() * 1000)
    fill(client, 0, given.runs, now_ms - _DAY_MS, _DAY_MS)
    for number in range(given.looks):
        client.delete(Keys("mix2api").slo())
        print("cold: {:.2f} s, {:.2f} s of CPU, {} runs".format(*look(environment)), flush=True)
        fill(client, given.runs + number * given.new, given.new, int(time.time() * 1000) - 1000, 999)
        print("warm: {:.2f} s, {:.2f} s of CPU, {} runs".format(*look(environment)), flush=True)


if __name__ == "__main__":
    main()
